using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="CourseScheduleTask"/>.</summary>
public sealed record CourseScheduleConfig : TaskConfig
{
    /// <summary>Fewest courses.</summary>
    public int MinNumCourses { get; init; } = 5;

    /// <summary>Most courses.</summary>
    public int MaxNumCourses { get; init; } = 10;

    /// <summary>Fewest prerequisites of a course, as far as there are courses before it.</summary>
    public int MinNumPrerequisites { get; init; } = 1;

    /// <summary>Most prerequisites of a course.</summary>
    public int MaxNumPrerequisites { get; init; } = 2;

    /// <summary>Fewest courses of the cycle in an unsolvable item.</summary>
    public int MinCycleLength { get; init; } = 3;

    /// <summary>Most courses of the cycle in an unsolvable item.</summary>
    public int MaxCycleLength { get; init; } = 5;

    /// <summary>The probability of an item without a cycle.</summary>
    public double PSolvable { get; init; } = 0.5;

    internal override void Validate()
    {
        Require(MinNumCourses >= 3 && MinNumCourses <= MaxNumCourses,
            "min_num_courses must be between 3 and max_num_courses");
        Require(MinCycleLength >= 3 && MinCycleLength <= MaxCycleLength,
            "min_cycle_length must be between 3 and max_cycle_length");
        Require(
            MinNumPrerequisites >= 1 && MinNumPrerequisites <= MaxNumPrerequisites,
            "min_num_prerequisites must be between 1 and max_num_prerequisites");
        Require(PSolvable is >= 0 and <= 1, "p_solvable must be between 0 and 1");
    }
}

/// <summary>Whether courses with prerequisites can all be taken (reasoning-gym
/// <c>graphs/course_schedule.py</c>).</summary>
public sealed class CourseScheduleTask(CourseScheduleConfig config)
    : ReasoningTask<CourseScheduleConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "course_schedule";

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        int count = random.RandInt(Config.MinNumCourses, Config.MaxNumCourses);
        int[] courses = [.. Enumerable.Range(0, count)];
        random.Shuffle(courses);
        bool solvable = random.NextDouble() < Config.PSolvable;
        List<(int Course, int Needed)> prerequisites = Prerequisites(random, courses, solvable);
        bool answer = CanFinish(count, prerequisites);
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["courses"] = TaskJson.Integers(courses);
        metadata["prerequisites"] = new JsonArray([.. prerequisites.Select(p => new JsonArray(p.Course, p.Needed))]);
        metadata["solution"] = answer;
        metadata["solvable"] = solvable;
        metadata["difficulty"] = new JsonObject
        {
            ["num_courses"] = TaskJson.Range(Config.MinNumCourses, Config.MaxNumCourses),
            ["num_prerequisites"] = TaskJson.Range(Config.MinNumPrerequisites, Config.MaxNumPrerequisites),
            ["cycle_length"] = TaskJson.Range(Config.MinCycleLength, Config.MaxCycleLength),
        };
        string pairs = string.Join(
            ", ", prerequisites.Select(p => string.Create(CultureInfo.InvariantCulture, $"({p.Course}, {p.Needed})")));
        string question = string.Create(CultureInfo.InvariantCulture, $"""
            There are a total of {count} courses you have to take, labeled from 0 to {count - 1}.

            You are given the following list of prerequisites, where prerequisites[i] = (a_i, b_i) indicates that you must first take course b_i if you want to take course a_i:
            [{pairs}]

            Return True if you can finish all courses considering the prerequisites, or False otherwise.

            """);
        return new TaskItem(question, answer ? "True" : "False", metadata);
    }

    private List<(int Course, int Needed)> Prerequisites(PythonRandom random, int[] courses, bool solvable)
    {
        // The package passes them through a set before shuffling: its order is part of the item.
        PythonSet<(int Course, int Needed)> pairs =
            new(p => PythonHash.OfPair(PythonHash.OfInteger(p.Course), PythonHash.OfInteger(p.Needed)));
        for (int i = courses.Length - 1; i > 0; i--)
        {
            int count = Math.Min(i, random.RandInt(Config.MinNumPrerequisites, Config.MaxNumPrerequisites));
            foreach (int needed in random.Sample(courses[..i], count))
            {
                pairs.Add((courses[i], needed));
            }
        }

        if (!solvable)
        {
            int length = Math.Min(courses.Length, random.RandInt(Config.MinCycleLength, Config.MaxCycleLength));
            int[] cycle = random.Sample(courses, length);
            for (int i = 0; i < length; i++)
            {
                pairs.Add((cycle[i], cycle[(i + 1) % length]));
            }
        }

        List<(int Course, int Needed)> ordered = [.. pairs];
        random.Shuffle(ordered);
        return ordered;
    }

    /// <summary>Takes courses whose prerequisites are taken until none is left, or none can be taken (Kahn,
    /// 1962).</summary>
    private static bool CanFinish(int count, List<(int Course, int Needed)> prerequisites)
    {
        int[] missing = new int[count];
        ILookup<int, int> neededBy = prerequisites.ToLookup(p => p.Needed, p => p.Course);
        foreach ((int course, _) in prerequisites)
        {
            missing[course]++;
        }

        Queue<int> ready = new(Enumerable.Range(0, count).Where(c => missing[c] == 0));
        int taken = 0;
        for (; ready.TryDequeue(out int course); taken++)
        {
            foreach (int next in neededBy[course])
            {
                if (--missing[next] == 0)
                {
                    ready.Enqueue(next);
                }
            }
        }

        return taken == count;
    }
}
