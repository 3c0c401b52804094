using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Training.Reports;

namespace Tbrm.Training.Comparisons;

/// <summary>The tables of a comparison as text, for the page and for terminals.</summary>
public static class ComparisonTables
{
    /// <summary>Accuracy within both budgets, with differences against the first arm.</summary>
    public static (IReadOnlyList<string> Columns,
        IReadOnlyList<IReadOnlyList<string>> Rows) Budgets(Comparison comparison) =>
    (
        ["arm", "seeds", "within tokens", "difference", "within seconds", "difference"],
        [.. comparison.Arms.Select(a =>
        {
            (BudgetOutcome tokens, BudgetOutcome seconds) = (comparison.ByTokens(a), comparison.BySeconds(a));
            return new[] { a.Name, Count(a), Share(tokens.Mean), Difference(tokens), Share(seconds.Mean),
                Difference(seconds) };
        })]
    );

    /// <summary>Everything else that is a number, arms as columns.</summary>
    public static (IReadOnlyList<string> Columns,
        IReadOnlyList<IReadOnlyList<string>> Rows) Measures(Comparison comparison) =>
    (
        ["", .. comparison.Arms.Select(a => a.Name)],
        [.. RunMeasure.All.Select(m => (Measure: m, Cells: comparison.Arms.Select(a => Spread(m, a)).ToArray()))
            .Where(r => r.Cells.Any(c => c != Nothing))
            .Select(r => (string[])[r.Measure.Unit.Length > 0 ? $"{r.Measure.Title} ({r.Measure.Unit})"
                : r.Measure.Title, .. r.Cells])]
    );

    /// <summary>pass@k of every arm.</summary>
    public static (IReadOnlyList<string> Columns,
        IReadOnlyList<IReadOnlyList<string>> Rows) PassAtK(Comparison comparison)
    {
        ComparedRun[] measured =
            [.. comparison.Arms.SelectMany(a => a.Runs).Where(r => MeasureFiles.PassAtK(r).Count > 0)];
        if (measured.Length == 0)
        {
            return ([], []);
        }

        int largest = measured.Min(r => MeasureFiles.PassAtK(r).Count);
        int[] ks = [.. Enumerable.Range(0, 16).Select(i => 1 << i).TakeWhile(k => k < largest), largest];
        return (["arm", .. ks.Select(k => string.Create(CultureInfo.InvariantCulture, $"pass@{k}"))],
            [.. comparison.Arms.Select(a => (string[])[a.Name, .. ks.Select(k => Share(Intervals.Of(
                [.. a.Runs.Select(MeasureFiles.PassAtK).Where(p => p.Count >= k).Select(p => p[k - 1].Share)])))])]);
    }

    /// <summary>Seconds of every phase, arms as columns.</summary>
    public static (IReadOnlyList<string> Columns,
        IReadOnlyList<IReadOnlyList<string>> Rows) Phases(Comparison comparison)
    {
        string[] phases = [.. comparison.Arms.SelectMany(a => a.Runs).SelectMany(r => r.Phases.Keys).Distinct()
            .Where(p => p != "update_weights").OrderByDescending(p => comparison.Arms.Max(a => Mean(a, p)))];
        return (["phase", .. comparison.Arms.Select(a => a.Name)],
            [.. phases.Select(p => (string[])[p, .. comparison.Arms.Select(a => Number(Mean(a, p)))])]);

        static double Mean(ComparedArm arm, string phase) =>
            arm.Runs.Average(r => r.Phases.TryGetValue(phase, out double seconds) ? seconds : 0);
    }

    /// <summary>Keys that are not the same in every arm.</summary>
    public static (IReadOnlyList<string> Columns,
        IReadOnlyList<IReadOnlyList<string>> Rows) Configurations(Comparison comparison)
    {
        bool[] isRead = [.. comparison.Arms.Select(a => a.Runs[0].Config is not null)];
        return (["key", .. comparison.Arms.Select(a => a.Name)],
            [.. ComparedArm.Differences(comparison.Arms.Select(a => a.Runs[0].Config)).Select(d =>
            {
                Queue<string> values = new(d.Values);
                return (string[])[d.Key, .. isRead.Select(r =>
                    !r ? Nothing : values.Dequeue() is { Length: > 0 } value ? value : "empty")];
            })]);
    }

    /// <summary>Every trial of tuning.</summary>
    public static (IReadOnlyList<string> Columns,
        IReadOnlyList<IReadOnlyList<string>> Rows) Trials(Comparison comparison) =>
    (
        ["arm", "settings", "accuracy at the end", "ended", "chosen"],
        [.. comparison.Trials.Select(t => new[] { t.Arm, t.Settings,
            string.Join(", ", t.Accuracy.Select(a => double.IsNaN(a) ? Nothing : HtmlText.Percent(a))),
            string.Join(", ", t.Ended.Distinct()), t.IsChosen ? "yes" : "" })]
    );

    private const string Nothing = "–";

    private static string Count(ComparedArm arm)
    {
        int diverged = arm.Runs.Count(r => r.IsDiverged), collapsed = arm.Runs.Count(r => r.CollapsedAt is not null);
        return string.Create(CultureInfo.InvariantCulture, $"{arm.Runs.Count}")
            + (diverged > 0 ? $", {diverged} diverged" : "") + (collapsed > 0 ? $", {collapsed} collapsed" : "");
    }

    private static string Share(Interval interval) => interval.Count == 0 ? Nothing
        : HtmlText.Percent(interval.Mean) + (interval.Count < 2 ? ""
            : $" [{HtmlText.Percent(interval.Low)}, {HtmlText.Percent(interval.High)}]");

    private static string Difference(BudgetOutcome outcome) => outcome.Difference is not { } difference ? Nothing
        : Points(difference.Mean) + (difference.Count < 2 ? ""
            : $" [{Points(difference.Low)}, {Points(difference.High)}]{(difference.ExcludesZero ? " *" : "")}");

    private static string Points(double share) =>
        (share * 100).ToString("+0.0;−0.0;0.0", CultureInfo.InvariantCulture);

    private static string Spread(RunMeasure measure, ComparedArm arm)
    {
        double[] values = [.. arm.Runs.Select(measure.Of).Where(v => !double.IsNaN(v))];
        return values.Length == 0 ? Nothing
            : Number(values.Average()) + (values.Length > 1 && values.Min() < values.Max()
                ? $" [{Number(values.Min())}, {Number(values.Max())}]" : "");
    }

    private static string Number(double value) => HtmlText.Number(value);
}
