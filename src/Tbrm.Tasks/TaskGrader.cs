using System;
using System.Collections.Concurrent;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;

namespace Tbrm.Tasks;

/// <summary>
/// Grades responses by the scorer of the task that the prompt came from. Prompts of tasks that it was not given are
/// graded by the
/// task of that name with default parameters.
/// </summary>
public sealed class TaskGrader : IGrader
{
    /// <summary>What may stand before a task's name in a data source.</summary>
    public const string SourcePrefix = "reasoning_gym/";

    private readonly ConcurrentDictionary<string, IReasoningTask> _tasks = new(StringComparer.Ordinal);
    private readonly AnswerForm _form;

    /// <summary>A grader for some tasks.</summary>
    /// <param name="form">Where in a response the answer stands.</param>
    /// <param name="tasks">The tasks, or mixtures, that the prompts come from.</param>
    public TaskGrader(AnswerForm form, params IReasoningTask[] tasks)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        _form = form;
        foreach (IReasoningTask task in tasks)
        {
            foreach (IReasoningTask part in task is TaskMixture mixture ? mixture.Tasks : [task])
            {
                _tasks[part.Name] = part;
            }
        }
    }

    /// <inheritdoc/>
    public string Name => "task";

    /// <summary>
    /// With a value, answers are graded by <see cref="AnswerCascade"/>, this being its symbolic equality; null leaves
    /// the task's scorer alone.
    /// </summary>
    public Func<string, string, double>? MathMatch { get; init; }

    /// <inheritdoc/>
    public GradeResult Grade(GradeRequest request, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(request);
        string? answer = AnswerExtraction.Extract(request.Solution, _form);
        try
        {
            IReasoningTask task = _tasks.GetOrAdd(TaskOf(request.DataSource), static name => TaskRegistry.Create(name));
            // A task's own answer may look like a list, and is one text.
            return request.GroundTruth.Kind == GroundTruthKind.Text ? GradeAgainst(request.GroundTruth.Text)
                : request.AgainstEach(GradeAgainst);

            GradeResult GradeAgainst(string truth)
            {
                TaskItem entry = new("", truth, request.ExtraInfo ?? []);
                double score = MathMatch is null ? task.Score(answer, entry)
                    : AnswerCascade.Score(task, answer, entry, MathMatch);
                return new GradeResult(score, answer is null ? GradeStatus.NoAnswer : GradeStatus.Ok, answer);
            }
        }
        catch (Exception e) when (e is TaskScoreException or TbrmUserException)
        {
            return new GradeResult(0, GradeStatus.Error, answer, e.Message);
        }
    }

    private static string TaskOf(string dataSource) =>
        dataSource.StartsWith(SourcePrefix, StringComparison.Ordinal) ? dataSource[SourcePrefix.Length..] : dataSource;
}
