using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Data.Prompts;
using Tbrm.Data.Sources;
using Tbrm.Tasks;

namespace Tbrm.Training.Prompts;

/// <summary>The prompt sources and the grader of a configuration. Files are read once the tokenizer is known, which
/// filters need.</summary>
internal sealed class PromptSources
{
    private readonly RunConfig _config;
    private readonly string? _validationName;
    private readonly List<string> _notes = [];

    /// <summary>Makes tasks and grader; reads training files only where a tokenizer has to be made from them.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="validationName">Stands in for the data source of evaluation rows; null keeps theirs.</param>
    public PromptSources(RunConfig config, string? validationName = null)
    {
        _config = config;
        _validationName = validationName;
        DataConfig data = config.Data;
        Task = CreateTask(data);
        if (Task is not null)
        {
            Train = TaskPromptSource.Training(Task, data.TaskHoldout, Limit(data.TrainMaxSamples));
            Validation = data.ValFiles.Count > 0 ? null
                : TaskPromptSource.HeldOut(Task, data.TaskHoldout, EvaluationSize(data));
        }

        Grader = new RunGrader(config.Reward, Task);
        if (data.TrainFiles.Count > 0 && config.Model.Path.Length == 0)
        {
            // Too long or not, they are what the tokenizer is made from; LoadFiles leaves out what it finds too long.
            Train = PromptDataset.Load(
                data.TrainFiles, FileOptions(data.TrainMaxSamples, null) with { MaxPromptTokens = null });
        }
    }

    /// <summary>Training prompts; null when there are none.</summary>
    public IPromptSource? Train { get; private set; }

    /// <summary>Evaluation prompts; null when there are none.</summary>
    public IPromptSource? Validation { get; private set; }

    /// <summary>Where the problems come from, a mixture of tasks perhaps; null for files.</summary>
    public IReasoningTask? Task { get; }

    /// <summary>Grades the answers.</summary>
    public RunGrader Grader { get; }

    /// <summary>What a user has to know of the files: rows that were left out, columns that nothing reads.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>Reads the files.</summary>
    public void LoadFiles(PromptEncoder encoder)
    {
        DataConfig data = _config.Data;
        encoder.CheckVariables();
        if (data.TrainFiles.Count > 0)
        {
            Train = Load("data.train_files", data.TrainFiles, FileOptions(data.TrainMaxSamples, null), encoder);
            Grader.RequireFor(Train);
        }

        if (data.ValFiles.Count > 0)
        {
            Validation = Load("data.val_files", data.ValFiles, FileOptions(data.ValMaxSamples, _validationName),
                encoder);
            Grader.RequireFor(Validation);
        }
    }

    private PromptDataset Load(string key, IReadOnlyList<string> files, PromptOptions options, PromptEncoder encoder)
    {
        PromptDataset data = PromptDataset.Load(files, options, encoder.CountTokens, encoder.RequireSeen);
        _notes.AddRange(new[] { data.Counts.Notes(), encoder.TakeUnread() }.OfType<string>()
            .Select(note => $"{key}: {note}"));

        return data;
    }

    /// <summary>Problems that an evaluation of a task has.</summary>
    public static long EvaluationSize(DataConfig data) =>
        System.Math.Min(data.TaskValSize, Limit(data.ValMaxSamples) ?? long.MaxValue);

    /// <summary>Rows of files after filters, those that are too long included.</summary>
    public static long Count(RunConfig config, IReadOnlyList<string> files, long maxSamples) =>
        PromptDataset.Load(files,
            new PromptSources(config with { Model = config.Model with { Path = "-" } })
            .FileOptions(maxSamples, null) with
            { MaxPromptTokens = null }).Count ?? 0;

    private static long? Limit(long samples) => samples < 0 ? null : samples;

    private static IReasoningTask? CreateTask(DataConfig data)
    {
        // A run has no end of problems.
        const long size = long.MaxValue / 2;
        if (data.Task.Length > 0)
        {
            return TaskRegistry.Create(data.Task, data.Seed, size, Parameters(data.Task, data.TaskParams));
        }

        return data.Tasks.Count == 0 ? null : new TaskMixture(new()
        {
            Seed = data.Seed,
            Size = size,
            Datasets = [.. data.Tasks.Select(t => new TaskMixturePart(t.Name, t.Weight, Parameters(t.Name, t.Params)))],
        });
    }

    private static JsonObject Parameters(string task, Dictionary<string, string> parameters) =>
        TaskRegistry.ParseArguments(task, parameters.Select(p => $"{p.Key}={p.Value}"));

    private PromptOptions FileOptions(long maxSamples, string? dataSource) => new()
    {
        Keys = new() { Prompt = _config.Data.PromptKey, DataSource = _config.Data.RewardFnKey },
        DataSource = dataSource,
        AsksGsm8kForm = Gsm8kForm.IsAsked(_config, dataSource, Grader),
        Shape = PromptOptions.ParseShape(_config.Data.Shape),
        Filters = _config.Data.Filter.Length > 0 ? [RowFilter.Parse(_config.Data.Filter)] : [],
        Deduplicate = _config.Data.Dedup,
        MaxSamples = Limit(maxSamples),
        MaxPromptTokens = _config.Data.FilterOverlongPrompts ? _config.Data.MaxPromptLength : null,
    };
}
