using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tbrm.Training.Comparisons;

/// <summary>A number of a comparison's table.</summary>
/// <param name="Key">In JSON.</param>
/// <param name="Title">In the table.</param>
/// <param name="Unit">What it counts, or how it was measured.</param>
/// <param name="Of">Of a run; NaN where it has none.</param>
public sealed record RunMeasure(string Key, string Title, string Unit, Func<ComparedRun, double> Of)
{
    /// <summary>Everything that is compared besides the accuracies within budgets.</summary>
    public static IReadOnlyList<RunMeasure> All { get; } =
    [
        new("final_accuracy", "accuracy at the end", "share", r => r.Accuracy.Count > 0 ? r.Accuracy[^1].Value
            : double.NaN),
        new("sampled_accuracy", "accuracy of samples", "share, at temperature 1",
            r => MeasureFiles.PassAtK(r) is { Count: > 0 } pass ? pass[0].Share : double.NaN),
        new("pass_at_k", "pass@k", "share, the largest k", r => MeasureFiles.PassAtK(r) is { Count: > 0 } pass
            ? pass[^1].Share : double.NaN),
        new("reward", "score in training", "of the last tenth of the steps", r => r.AtEnd("critic/score/mean")),
        new("kl", "KL to the first policy", "nats per response, at the end",
            r => MeasureFiles.Kl(r) is { Count: > 0 } kl
            ? kl[^1].Value : double.NaN),
        new("entropy", "entropy", "nats per token, last tenth", r => r.AtEnd("actor/entropy")),
        new("v_s1", "V(s_1)", "nats, last tenth", r => r.AtEnd("actor/v_s1/mean")),
        new("response_length", "response length", "tokens, last tenth", r => r.AtEnd("response_length/mean")),
        new("tokens", "tokens generated", "of the run", r => r.Total.Tokens),
        new("seconds", "seconds", "of training steps", r => r.Total.Seconds),
        new("cpu_seconds", "processor seconds", "of training steps, all threads", r => r.Total.ProcessorSeconds),
        new("steps", "steps", "", r => r.Total.Step),
        new("first_stage_tokens", "tokens of the first stage", "A*-PO, counted in", r => r.FirstStage.Tokens > 0
            ? r.FirstStage.Tokens : double.NaN),
        new("peak_memory_gb", "peak memory", "GB, of the engine", r => r.Greatest("perf/max_memory_allocated_gb")),
        new("process_memory_gb", "process memory", "GB, resident", r => r.Greatest("perf/cpu_memory_used_gb")),
    ];
}

/// <summary>What a comparison measures of a run after its end and keeps in the run's folder.</summary>
public static class MeasureFiles
{
    /// <summary>The first answers to the held-out problems, as trajectories.</summary>
    public const string AnswersFile = "final_samples.jsonl";

    /// <summary>Answers to <see cref="PassAtK"/>.</summary>
    public const string PassFile = "pass_at_k.json";

    /// <summary>Answers to <see cref="Kl"/>.</summary>
    public const string KlFile = "reference_kl.json";

    /// <summary>pass@k for every k, ascending: means over the data sources by their problems.</summary>
    public static IReadOnlyList<(int K, double Share)> PassAtK(ComparedRun run)
    {
        if (Read(run, PassFile)?["sources"] is not JsonArray { Count: > 0 } sources)
        {
            return [];
        }

        double problems = sources.Sum(s => (double)s!["problems"]!);
        int largest = sources.Min(s => s!["pass_at_k"]!.AsObject().Count);
        return [.. Enumerable.Range(1, largest).Select(k => (k, sources.Sum(s =>
            (double)s!["problems"]! * (double)s["pass_at_k"]![k.ToString(CultureInfo.InvariantCulture)]!) / problems))];
    }

    /// <summary>KL to the policy that the run began with, nats per response, by step.</summary>
    public static IReadOnlyList<CostedValue> Kl(ComparedRun run) => Read(run, KlFile)?["rows"] is JsonArray rows
        ? [.. rows.Select(r => new CostedValue(run.CostAt((long)r!["step"]!), (double?)r["kl"] ?? double.NaN))] : [];

    private static JsonObject? Read(ComparedRun run, string file)
    {
        string path = Path.Combine(run.Folder.Root, file);
        try
        {
            return File.Exists(path) ? JsonNode.Parse(File.ReadAllText(path)) as JsonObject : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
