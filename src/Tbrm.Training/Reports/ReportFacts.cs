using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Checkpoint;
using Tbrm.Training.Config;
using Tbrm.Training.Metrics;
using Tbrm.Training.Reports.Charts;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Reports;

/// <summary>A checkpoint of the run.</summary>
internal sealed record ReportCheckpoint(long Step, string Folder, long Bytes, double? Accuracy, bool IsBest);

/// <summary>Everything besides the curves that a report shows, gathered from the run folder. What is missing or
/// unreadable is null.</summary>
internal sealed class ReportFacts
{
    private ReportFacts(RunFolder folder, RunHistory history)
    {
        Folder = folder;
        History = history;
    }

    public RunFolder Folder { get; }

    public RunHistory History { get; }

    public RunConfig? Config { get; private init; }

    /// <summary>Why there is no configuration.</summary>
    public string? ConfigProblem { get; private init; }

    /// <summary>summary.json; an empty object when there is none.</summary>
    public JsonObject Summary { get; private init; } = [];

    public IReadOnlyList<RunWarning> Warnings { get; private init; } = [];

    /// <summary>Reads the folder. <paramref name="warnings"/>: those of a run that is going on; null to find them in
    /// the metrics.</summary>
    public static ReportFacts Read(RunFolder folder, RunHistory history, RunWarnings? warnings)
    {
        RunConfig? config = null;
        string? problem = null;
        try
        {
            config = File.Exists(folder.ConfigPath)
                ? ConfigLoader.FromYaml(File.ReadAllText(folder.ConfigPath), folder.ConfigPath) : null;
            problem = config is null ? "config.resolved.yaml is not there" : null;
        }
        catch (TbrmUserException e)
        {
            problem = e.Message;
        }

        RunWarnings? watched = warnings ?? (config is null ? null : new RunWarnings(config));
        history.ReadOn(warnings is null && watched is not null ? (step, row) => watched.Observe(step, row) : null);
        return new(folder, history)
        {
            Config = config,
            ConfigProblem = problem,
            Summary = ReadSummary(folder.SummaryPath),
            Warnings = watched?.All ?? []
        };
    }

    /// <summary>A number of summary.json.</summary>
    public double? Number(string key) => Summary[key] is JsonValue value && value.GetValueKind() == JsonValueKind.Number
        ? value.GetValue<double>() : null;

    /// <summary>A text of summary.json, or of an object in it.</summary>
    public static string? Text(JsonObject? from, string key) => from?[key] is JsonValue value ? value.ToString() : null;

    /// <summary>The run reached its last step.</summary>
    public bool IsFinished => Summary["finished"] is JsonValue value && value.GetValueKind() == JsonValueKind.True;

    /// <summary>A run of sft.</summary>
    public bool IsSupervised => Text(Summary, "verb") == RunState.Sft;

    /// <summary>The mean score of the first data source that was evaluated.</summary>
    public MetricSeries? Validation =>
        History.Names.FirstOrDefault(n => n.StartsWith(ReportCharts.ValidationPrefix, StringComparison.Ordinal)
            && n.Contains("/mean@", StringComparison.Ordinal)) is { } name
            ? History.Find(name) : null;

    /// <summary>Checkpoints that are there, oldest first.</summary>
    public IReadOnlyList<ReportCheckpoint> Checkpoints()
    {
        string root = Config is { Trainer.DefaultLocalDir.Length: > 0 } config ? config.Trainer.DefaultLocalDir
            : Folder.CheckpointPath;
        CheckpointStore store = new(root, keep: 0);
        double? best = Number("val_best") is null ? null : Number("best_step");
        return [.. store.Steps().Order().Select(step => new ReportCheckpoint(
            step, Path.GetRelativePath(Folder.Root, store.FolderOf(step)), Size(store.FolderOf(step)), AccuracyAt(step),
                best == step))];
    }

    private double? AccuracyAt(long step)
    {
        if (Validation is { } series)
        {
            for (int i = series.Count - 1; i >= 0; i--)
            {
                if (series.Steps[i] == step)
                {
                    return series.Values[i];
                }
            }
        }

        return null;
    }

    private static long Size(string folder) =>
        new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length);

    private static JsonObject ReadSummary(string path)
    {
        try
        {
            return File.Exists(path) && JsonNode.Parse(File.ReadAllText(path)) is JsonObject summary ? summary : [];
        }
        catch (JsonException)
        {
            return [];
        }
    }
}
