using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Tasks;
using Tbrm.Training.Metrics;
using Tbrm.Verify;

namespace Tbrm.Training.Evaluation;

/// <summary>What an evaluation found: a report per data source, in order of appearance, and the averages over
/// them.</summary>
public sealed class EvaluationReport
{
    private EvaluationReport(IReadOnlyList<SourceReport> sources) => Sources = sources;

    /// <summary>One per data source.</summary>
    public IReadOnlyList<SourceReport> Sources { get; }

    /// <summary>Mean of the sources' accuracies, each counted once (the paper's "average" column).</summary>
    public double MacroMean => Sources.Count == 0 ? 0 : Sources.Average(s => s.Mean);

    /// <summary>Mean accuracy over problems, whatever their source.</summary>
    public double MicroMean => Sources.Count == 0 ? 0
        : Sources.Sum(s => s.Mean * s.Problems) / Sources.Sum(s => s.Problems);

    /// <summary>Share of responses that are right outright; less than <see cref="MicroMean"/> where a scorer gives
    /// partial credit.</summary>
    public double MicroSolved => Sources.Count == 0 ? 0
        : Sources.Sum(s => s.Pass[0] * s.Problems) / Sources.Sum(s => s.Problems);

    /// <summary>Computes the report.</summary>
    public static EvaluationReport Of(IReadOnlyList<ResponseScore> responses) =>
        new([.. responses.GroupBy(r => r.Source, StringComparer.Ordinal)
            .Select(g => SourceReport.Of(g.Key, [.. g], SameAnswer(g.Key)))]);

    /// <summary>verl's names, pass@k and lengths added to them.</summary>
    public MetricSet ToMetrics()
    {
        MetricSet metrics = new();
        foreach (SourceReport source in Sources)
        {
            AddVerl(metrics, source);
            foreach (int k in ValidationMetrics.Sizes(source.Samples))
            {
                metrics[$"val-aux/{source.Source}/pass@{k}"] = source.Pass[k - 1];
            }

            if (source.MeanTokens is { } tokens)
            {
                metrics[$"val-aux/{source.Source}/response_length/mean"] = tokens;
            }

            if (source.Truncated is { } truncated)
            {
                metrics[$"val-aux/{source.Source}/response_length/clip_ratio"] = truncated;
            }
        }

        if (Sources.Count > 1)
        {
            metrics["val-aux/overall/acc/macro_mean"] = MacroMean;
            metrics["val-aux/overall/acc/micro_mean"] = MicroMean;
        }

        return metrics;
    }

    /// <summary>The summary as one JSON object.</summary>
    public JsonObject ToJson()
    {
        MetricSet all = ToMetrics();
        JsonObject metrics = [];
        foreach (string name in all.Names)
        {
            metrics[name] = double.IsFinite(all[name]) ? all[name] : null;
        }

        return new()
        {
            ["sources"] = new JsonArray([.. Sources.Select(s => s.ToJson())]),
            ["overall"] = new JsonObject { ["macro_mean"] = MacroMean, ["micro_mean"] = MicroMean },
            ["metrics"] = metrics,
        };
    }

    private static void AddVerl(MetricSet metrics, SourceReport source)
    {
        foreach ((string variable, IReadOnlyList<KeyValuePair<string, double>> values) in source.Variables)
        {
            int largest = values.Where(v => v.Key.StartsWith("mean@", StringComparison.Ordinal))
                .Max(v => int.Parse(v.Key["mean@".Length..], System.Globalization.CultureInfo.InvariantCulture));
            foreach ((string name, double value) in values)
            {
                metrics[ValidationMetrics.FullName(source.Source, variable, name, largest)] = value;
            }
        }
    }

    /// <summary>A task's answers are texts; all others are formulas, of which 1/2 and \frac12 are the same.</summary>
    private static Func<string, string, bool>? SameAnswer(string source) => TaskRegistry.Names.Contains(source) ? null
        : MathMatch.AreEqual;
}
