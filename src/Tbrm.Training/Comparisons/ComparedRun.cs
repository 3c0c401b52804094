using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Training.Metrics;
using Tbrm.Training.Recorders;
using Tbrm.Training.Reports;
using Tbrm.Training.Reports.Charts;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Comparisons;

/// <summary>What a run had cost by the end of a step: everything that training sampled, and the time of its
/// steps.</summary>
/// <param name="Step">The step.</param>
/// <param name="Tokens">Tokens generated up to here.</param>
/// <param name="Seconds">Seconds of steps up to here.</param>
/// <param name="ProcessorSeconds">Processor time of steps up to here, all threads; NaN where the run did not count
/// it.</param>
public readonly record struct RunCost(long Step, double Tokens, double Seconds, double ProcessorSeconds);

/// <summary>A number of a run, where it stands, and what the run had cost by then.</summary>
/// <param name="Cost">Up to the number's step.</param>
/// <param name="Value">The number.</param>
public readonly record struct CostedValue(RunCost Cost, double Value);

/// <summary>
/// One run as a comparison reads it, from its folder alone. A*-PO's first stage counts into its costs; evaluations,
/// checkpoints and a warm start do not.
/// </summary>
public sealed class ComparedRun
{
    private readonly Dictionary<long, RunCost> _costs = [];

    private ComparedRun(RunFolder folder, RunHistory history, ReportFacts facts)
    {
        (Folder, History) = (folder, history);
        (Summary, Config, ConfigProblem) = (facts.Summary, facts.Config, facts.ConfigProblem);
        AddCosts();
    }

    /// <summary>The folder.</summary>
    public RunFolder Folder { get; }

    /// <summary>Its metrics.</summary>
    public RunHistory History { get; }

    /// <summary>The configuration that it resolved to; null where it cannot be read.</summary>
    public RunConfig? Config { get; }

    /// <summary>Why there is no configuration.</summary>
    public string? ConfigProblem { get; }

    /// <summary>summary.json.</summary>
    public JsonObject Summary { get; }

    /// <summary>trainer.seed.</summary>
    public long Seed => Config?.Trainer.Seed ?? 0;

    /// <summary>At the end of the run.</summary>
    public RunCost Total { get; private set; }

    /// <summary>The first stage of A*-PO, before the first step.</summary>
    public RunCost FirstStage { get; private set; }

    /// <summary>finished, non_finite (it diverged), or null for one that can go on.</summary>
    public string? Ended => Summary["ended"]?.GetValueKind() == JsonValueKind.String ? (string?)Summary["ended"]
        : Summary["finished"]?.GetValueKind() == JsonValueKind.True ? RunSummary.Finished : null;

    /// <summary>It ended because something was not finite.</summary>
    public bool IsDiverged => Ended == RunSummary.NonFinite;

    /// <summary>Held-out accuracy at each evaluation: the mean over data sources.</summary>
    public IReadOnlyList<CostedValue> Accuracy => MeanOf(n =>
        n.StartsWith(ReportCharts.ValidationPrefix, StringComparison.Ordinal)
        && n.Contains("/acc/mean@", StringComparison.Ordinal));

    /// <summary>
    /// The step of the first evaluation from which on held-out accuracy is below half of the best before it, where it
    /// has also lost more than a tenth (10 points); null where it does not end so.
    /// </summary>
    public long? CollapsedAt
    {
        get
        {
            const double lost = 0.1;
            IReadOnlyList<CostedValue> all = Accuracy;
            double best = all.Select(p => p.Value).Where(double.IsFinite).DefaultIfEmpty(0).Max();
            // What is not finite is neither half of the best nor near it.
            int last = all.ToList().FindLastIndex(p => p.Value >= best / 2 || best - p.Value <= lost);
            return last >= 0 && last + 1 < all.Count ? all[last + 1].Cost.Step : null;
        }
    }

    /// <summary>Reads a run's folder.</summary>
    /// <exception cref="Core.Errors.DataException">There is no run in it.</exception>
    public static ComparedRun Read(string path)
    {
        RunFolder folder = RunFolder.OfRun(path);
        RunHistory history = new(folder.MetricsPath);
        return new(folder, history, ReportFacts.Read(folder, history, warnings: null));
    }

    /// <summary>A metric with what the run had cost at each of its steps; empty where it has none.</summary>
    public IReadOnlyList<CostedValue> Series(string metric) => History.Find(metric) is { } series
        ? [.. Enumerable.Range(0, series.Count).Select(i => new CostedValue(CostAt(series.Steps[i]), series.Values[i]))]
        : [];

    /// <summary>The accuracy that the run had when its budget was spent: that of the last evaluation within it. A run
    /// that ended before keeps its last.</summary>
    /// <param name="budget">Tokens or seconds.</param>
    /// <param name="of">Which of the two.</param>
    /// <returns>NaN where nothing was evaluated within it.</returns>
    public double AccuracyWithin(double budget, Func<RunCost, double> of) =>
        Accuracy.Where(p => of(p.Cost) <= budget).Select(p => (double?)p.Value).LastOrDefault() ?? double.NaN;

    /// <summary>Seconds of the run by phase, evaluations included.</summary>
    public IReadOnlyDictionary<string, double> Phases => (Summary["timing_s"] as JsonObject ?? [])
        .Where(p => p.Value?.GetValueKind() == JsonValueKind.Number)
        .ToDictionary(p => p.Key, p => p.Value!.GetValue<double>());

    /// <summary>The greatest value of a metric; NaN where there is none.</summary>
    public double Greatest(string metric) =>
        History.Find(metric)?.Values.Where(double.IsFinite).DefaultIfEmpty(double.NaN).Max() ?? double.NaN;

    /// <summary>The mean of the last tenth of a metric's values (of at least one); NaN where there is none. What is not
    /// finite stays in.</summary>
    public double AtEnd(string metric) => History.Find(metric) is { Count: > 0 } series
        ? series.Values.Skip(series.Count - Math.Max(1, series.Count / 10)).Average() : double.NaN;

    /// <summary>What the run had cost by the end of a step.</summary>
    public RunCost CostAt(long step) => _costs.TryGetValue(step, out RunCost cost) ? cost
        : _costs.Values.Where(c => c.Step <= step).MaxBy(c => c.Step);

    private IReadOnlyList<CostedValue> MeanOf(Func<string, bool> isWanted)
    {
        MetricSeries[] all = [.. History.Names.Where(isWanted).Select(n => History.Find(n)!)];
        return [.. all.SelectMany(s => s.Steps.Zip(s.Values)).GroupBy(p => p.First).OrderBy(g => g.Key)
            .Select(g => new CostedValue(CostAt(g.Key), g.Average(p => p.Second)))];
    }

    private void AddCosts()
    {
        FirstStage = new(0, FirstStageTokens(), Phases.GetValueOrDefault("v_star"),
            Values("timing_cpu_s/v_star").Values.Sum());
        RunCost total = FirstStage;
        // The first evaluation comes before the first stage.
        _costs[0] = default;
        Dictionary<long, double> tokens = Values("perf/generated_tokens"), lengths = Values("response_length/mean"),
            seconds = Values("timing_s/step"), processor = Values("timing_cpu_s/step");
        double responses = (double)(Config?.Data.TrainBatchSize ?? 0) * Math.Max(0, Config?.Rollout.N ?? 0);
        foreach (long step in seconds.Keys.Concat(tokens.Keys).Where(s => s > 0).Distinct().Order())
        {
            // Runs of earlier versions counted no tokens.
            double generated = tokens.TryGetValue(step, out double counted) ? counted
                : lengths.GetValueOrDefault(step) * responses;
            total = new(step, total.Tokens + generated, total.Seconds + seconds.GetValueOrDefault(step),
                total.ProcessorSeconds + processor.GetValueOrDefault(step, double.NaN));
            _costs[step] = total;
        }

        Total = total;
    }

    private Dictionary<long, double> Values(string metric)
    {
        Dictionary<long, double> values = [];
        MetricSeries? series = History.Find(metric);
        for (int i = 0; i < (series?.Count ?? 0); i++)
        {
            values[series!.Steps[i]] = double.IsFinite(series.Values[i]) ? series.Values[i] : 0;
        }

        return values;
    }

    private double FirstStageTokens()
    {
        string path = Path.Combine(Folder.Root, "v_star.trajectories.jsonl");
        return File.Exists(path) ? File.ReadLines(path).Sum(TokensOf) : 0;
    }

    private static double TokensOf(string line)
    {
        try
        {
            using JsonDocument row = JsonDocument.Parse(line);
            return row.RootElement.TryGetProperty("response_tokens", out JsonElement tokens) ? tokens.GetDouble() : 0;
        }
        catch (JsonException)
        {
            // A line that a kill cut off: its prompt is sampled again.
            return 0;
        }
    }
}
