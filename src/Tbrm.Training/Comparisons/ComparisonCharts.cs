using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Training.Reports.Charts;

namespace Tbrm.Training.Comparisons;

/// <summary>Curves of all arms laid over one another: the mean over seeds, and a band of one standard error.</summary>
internal static class ComparisonCharts
{
    /// <summary>Points of a curve that a screen shows.</summary>
    private const int MostPoints = 120;

    private static readonly (string Title, string Explanation, string Metric)[] s_metrics =
    [
        ("Score in training", "mean over a step's responses, by the grader", "critic/score/mean"),
        ("Entropy", "nats per token", "actor/entropy"),
        ("Value of the first state", "V(s₁), nats", "actor/v_s1/mean"),
        ("Distance from the reference", "log π − log π_ref of a response, nats, where the algorithm has one",
            "actor/logprob_ratio_ref/mean"),
        ("Response length", "tokens", "response_length/mean"),
    ];

    /// <summary>The figures in the order of the page. Of a sweep the one that it is made for, and accuracies arm by
    /// arm.</summary>
    public static IReadOnlyList<string> Of(Comparison comparison)
    {
        List<(ChartSpec Spec, IReadOnlyList<PlottedCurve> Curves)> charts = comparison.Sweep is null
            ? [.. Whole(comparison)]
            : [Swept(comparison), .. comparison.Arms.GroupBy(a => a.Base).Select(g => Chart($"{g.Key}: accuracy",
                "held-out share", "tokens", [.. g], r => r.Accuracy, c => c.Tokens, isShare: true))];
        return [.. charts.Where(c => c.Curves.Count > 0)
            .Select((c, i) => new LineChart(c.Spec, c.Curves, string.Create(CultureInfo.InvariantCulture, $"m{i}"))
                .ToHtml())];
    }

    private static IEnumerable<(ChartSpec Spec, IReadOnlyList<PlottedCurve> Curves)> Whole(Comparison comparison)
    {
        IReadOnlyList<ComparedArm> arms = comparison.Arms;
        yield return Chart("Held-out accuracy by tokens", "share; tokens generated, A*-PO's first stage included",
            "tokens",
            arms, r => r.Accuracy, c => c.Tokens, isShare: true);
        yield return Chart($"Held-out accuracy by {comparison.SecondsName}",
            $"share; {comparison.SecondsName} of steps, A*-PO's first stage included",
            "seconds",
            arms, r => r.Accuracy, comparison.SecondsOf, isShare: true);
        yield return Chart("Held-out accuracy by steps", "share", "step", arms, r => r.Accuracy, c => c.Step,
            isShare: true);
        foreach ((string title, string explanation, string metric) in s_metrics)
        {
            yield return Chart(title, explanation, "tokens", arms, r => r.Series(metric), c => c.Tokens);
        }
    }

    private static (ChartSpec, IReadOnlyList<PlottedCurve>) Chart(string title, string explanation, string x,
        IReadOnlyList<ComparedArm> arms, Func<ComparedRun, IReadOnlyList<CostedValue>> series,
        Func<RunCost, double> of, bool isShare = false) =>
        (new(title, explanation + "; bands are one standard error over seeds", [])
        {
            X = x,
            Unit = isShare ? ChartUnit.Share : ChartUnit.Number,
            Low = isShare ? 0 : null,
            High = isShare ? 1 : null,
        }, [.. arms.Select(a => Curve(a, series, of)).OfType<PlottedCurve>()]);

    /// <summary>The mean over the runs that have a step, at the mean of what they had cost by then.</summary>
    private static PlottedCurve? Curve(ComparedArm arm, Func<ComparedRun, IReadOnlyList<CostedValue>> series,
        Func<RunCost, double> of)
    {
        CostedValue[][] steps = [.. arm.Runs.SelectMany(series).GroupBy(p => p.Cost.Step).OrderBy(g => g.Key)
            .Select(g => g.ToArray())];
        int every = Math.Max(1, (steps.Length + MostPoints - 1) / MostPoints);
        List<CurvePoint> points = [];
        List<(double Step, double Low, double High)> band = [];
        foreach (CostedValue[] at in steps.Chunk(every).Select(c => c.SelectMany(p => p).ToArray()))
        {
            double x = at.Average(p => of(p.Cost)), mean = at.Average(p => p.Value);
            points.Add(new(x, mean));
            double error = Intervals.StandardError([.. at.Select(p => p.Value)]);
            if (arm.Runs.Count > 1 && double.IsFinite(mean))
            {
                band.Add((x, mean - error, mean + error));
            }
        }

        return points.Count == 0 ? null : new(arm.Name, points, band);
    }

    /// <summary>Accuracy at the end against the swept value, one curve for each arm: places in order, not to
    /// scale.</summary>
    private static (ChartSpec, IReadOnlyList<PlottedCurve>) Swept(Comparison comparison)
    {
        string[] values = [.. comparison.Arms.Select(a => a.Swept).OfType<string>().Distinct()];
        List<PlottedCurve> curves = [];
        foreach (IGrouping<string, ComparedArm> arm in comparison.Arms.Where(a => a.Swept is not null)
            .GroupBy(a => a.Base))
        {
            (double Place, Interval At)[] ends = [.. arm.Select(a => ((double)Array.IndexOf(values, a.Swept),
                Intervals.Of([.. a.Runs.Select(r => r.Accuracy.Count > 0 ? r.Accuracy[^1].Value : double.NaN)
                    .Where(double.IsFinite)]))).Where(p => p.Item2.Count > 0).OrderBy(p => p.Item1)];
            if (ends.Length > 0)
            {
                curves.Add(new(arm.Key, [.. ends.Select(e => new CurvePoint(e.Place, e.At.Mean))],
                    [.. ends.Where(e => e.At.Count > 1).Select(e => (e.Place, e.At.Low, e.At.High))]));
            }
        }

        return (new($"Accuracy at the end by {comparison.Sweep}",
            "held-out share; bands are 95% bootstrap intervals over seeds; values in order, not to scale", [])
        {
            X = comparison.Sweep!,
            XLabels = values,
            Unit = ChartUnit.Share,
            Low = 0,
            High = 1,
        }, curves);
    }
}
