using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>One task of a mixture.</summary>
/// <param name="Name">The task.</param>
/// <param name="Weight">How often it is drawn, relative to the others.</param>
/// <param name="Config">Its parameters; without a seed of its own it gets one from the mixture's.</param>
public sealed record TaskMixturePart(string Name, double Weight, JsonObject Config);

/// <summary>Parameters of <see cref="TaskMixture"/>.</summary>
public sealed record TaskMixtureConfig : TaskConfig
{
    /// <summary>The tasks: a list of objects <c>{"name", "weight", "config"}</c>.</summary>
    public IReadOnlyList<TaskMixturePart> Datasets { get; init; } = [];

    internal override void Validate()
    {
        Require(Size > 0, "size must be positive");
        Require(Datasets.Count > 0,
            "datasets: specify at least one, as in datasets=[{\"name\": \"gcd\", \"weight\": 2, \"config\": {}}]");
        HashSet<string> names = [];
        foreach (TaskMixturePart part in Datasets)
        {
            Require(names.Add(part.Name), $"datasets: '{part.Name}' is listed twice; give it one weight");
            Require(part.Weight > 0, $"datasets: the weight of {part.Name} must be positive");
        }
    }
}

/// <summary>
/// A weighted mixture of tasks (reasoning-gym <c>composite.py</c>): each index draws a task from a stream of its own
/// and gives that task's
/// item of the same index. Task i has the seed of the mixture plus i + 1.
/// </summary>
public sealed class TaskMixture : IReasoningTask
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "composite";

    private readonly double[] _weights;
    private readonly Dictionary<string, IReasoningTask> _byName;

    /// <summary>Creates the tasks.</summary>
    /// <exception cref="ConfigException">An unknown task or parameter, or parameters that contradict each
    /// other.</exception>
    public TaskMixture(TaskMixtureConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        (Seed, Size) = (config.Seed, config.Size);
        _weights = [.. config.Datasets.Select(d => d.Weight)];
        Tasks = [.. config.Datasets.Select((d, i) => Part(config, d, i))];
        _byName = Tasks.ToDictionary(t => t.Name, StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public string Name => TaskName;

    /// <inheritdoc/>
    public long Size { get; }

    /// <inheritdoc/>
    public BigInteger Seed { get; }

    /// <summary>The tasks that are mixed.</summary>
    public IReadOnlyList<IReasoningTask> Tasks { get; }

    /// <inheritdoc/>
    public TaskItem Generate(long index)
    {
        return Tasks[new PythonRandom(Seed + index).ChoiceIndex(_weights)].Generate(index);
    }

    /// <summary>The score by the task that <c>metadata.source_dataset</c> names.</summary>
    public double Score(string? answer, TaskItem entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        string name = TaskJson.RequiredText(entry.Metadata, "source_dataset");
        return _byName.TryGetValue(name, out IReasoningTask? task)
            ? task.Score(answer, entry)
            : throw new DataException(
                $"entry.metadata.source_dataset: a task of this mixture was expected, found "
                    + $"'{name}'{NearestName.Hint(name, _byName.Keys)}");
    }

    private static IReasoningTask Part(TaskMixtureConfig config, TaskMixturePart part, int position)
    {
        JsonObject values = (JsonObject)part.Config.DeepClone();
        values.TryAdd("seed", TaskJson.Integer(config.Seed + position + 1));
        values.TryAdd("size", config.Size);
        return TaskRegistry.Create(part.Name, values);
    }
}
