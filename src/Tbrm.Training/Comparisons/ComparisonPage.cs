using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using Tbrm.Training.Reports;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Comparisons;

/// <summary>A comparison as one file, which loads nothing.</summary>
public static class ComparisonPage
{
    /// <summary>The page's name in the folder of a comparison.</summary>
    public const string FileName = "comparison.html";

    /// <summary>Writes the page and, beside it, its numbers as comparison.json.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="comparison">What is shown.</param>
    public static void WriteInto(string folder, Comparison comparison)
    {
        RunFolder.WriteJson(Path.Combine(folder, "comparison.json"), ComparisonJson.Of(comparison));
        RunFolder.WriteText(Path.Combine(folder, FileName), ToHtml(comparison));
    }

    internal static string ToHtml(Comparison comparison)
    {
        StringBuilder html = new();
        string title = string.Join(", ", comparison.Arms.Select(a => a.Base).Distinct());
        PageShell.Open(html, "Comparison: " + title);
        PageShell.Header(html, "tbrm-native comparison", title, About(comparison));
        html.Append("<main>\n");
        Section(html, "Within equal budgets", Budgets(comparison), ComparisonTables.Budgets(comparison));
        Notes(html, comparison);
        html.Append("<section><h2>Curves</h2>\n<div class=\"charts\">\n")
            .AppendJoin('\n', ComparisonCharts.Of(comparison))
            .Append("\n</div></section>\n");
        Section(html, "Measured", "Means over seeds, and in brackets the least and the greatest.",
            ComparisonTables.Measures(comparison));
        Section(html, "pass@k",
            "Held-out problems, answers at temperature 1, unbiased (Chen et al., arXiv 2107.03374).",
            ComparisonTables.PassAtK(comparison));
        Section(html, "Seconds per phase", "Of the whole run, means over seeds; evaluations and checkpoints included.",
            ComparisonTables.Phases(comparison));
        Section(html, "Where the configurations differ", "Keys that are not the same in every arm.",
            ComparisonTables.Configurations(comparison));
        Section(html, "Tuning",
            "Every trial, on seeds and problems that no result above is of. The same number for each arm.",
            ComparisonTables.Trials(comparison));
        ComparisonSamples.Append(html, comparison);
        html.Append("</main>\n<footer>Written by tbrm-native ").Append(HtmlText.Escape(ProgramVersion.Text))
            .Append(". The numbers are in comparison.json beside this file; each run has a report.html of its own.");
        PageShell.Close(html);
        return html.ToString();
    }

    private static string About(Comparison comparison)
    {
        int runs = comparison.Arms.Sum(a => a.Runs.Count),
            diverged = comparison.Arms.Sum(a => a.Runs.Count(r => r.IsDiverged)),
            unfinished = comparison.Arms.Sum(a => a.Runs.Count(r => r.Ended is null));
        string seeds = string.Join(
            ", ", comparison.Arms.SelectMany(a => a.Runs).Select(r => r.Seed).Distinct().Order());
        return string.Create(CultureInfo.InvariantCulture,
            $"{comparison.Arms.Count} arm{(comparison.Arms.Count == 1 ? "" : "s")}, {runs} runs, seeds {seeds}")
            + (diverged > 0 ? $"; {diverged} diverged and stay in" : "")
            + (comparison.Failures.Count > 0 ? $"; {comparison.Failures.Count} failed and are missing" : "")
            + (unfinished > 0 ? $"; {unfinished} not at their end yet" : "")
            + (comparison.Parallel > 1 && comparison.Clock == CostClock.Wall
                ? $"; {comparison.Parallel} runs at the same time, so seconds are longer than of one alone" : "");
    }

    private static string Budgets(Comparison comparison) =>
        $"Held-out accuracy at the last evaluation within {HtmlText.Number(comparison.Tokens)} tokens generated and "
            + $"within {HtmlText.Number(comparison.Seconds)} {comparison.SecondsName} of training steps. Warm start, "
            + "evaluations and checkpoints are in neither; the first stage of A*-PO is in both. Intervals are 95% "
            + $"percentile bootstrap over seeds; differences are against {comparison.Arms[0].Name}, pair by pair: same "
            + "seed, prompts, first weights and held-out problems. With few seeds such intervals are narrow rather "
            + "than wide.";

    private static void Section(StringBuilder html, string title, string lead,
        (IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows) table)
    {
        if (table.Rows.Count == 0)
        {
            return;
        }

        html.Append("<section><h2>").Append(HtmlText.Escape(title)).Append("</h2>\n<p class=\"lead\">")
            .Append(HtmlText.Escape(lead))
            .Append("</p>\n");
        PageTable.Append(html, table.Columns, table.Rows);
        html.Append("</section>\n");
    }

    /// <summary>What a reader must know before believing a number.</summary>
    private static void Notes(StringBuilder html, Comparison comparison)
    {
        List<string> notes =
        [
            .. comparison.Failures.Select(f => f.ToString()),
            .. from arm in comparison.Arms from run in arm.Runs where run.CollapsedAt is not null
                select FormattableString.Invariant(
                    $"{arm.Name}, seed {run.Seed}: collapsed at step {run.CollapsedAt}, from ")
                    + HtmlText.Percent(run.Accuracy.Max(a => a.Value))
                    + $" to {HtmlText.Percent(run.Accuracy[^1].Value)} at the end; it stays in",
            .. comparison.Arms.SelectMany(comparison.Unpaired).Select(w => "No pair: " + w),
            .. from arm in comparison.Arms from run in arm.Runs where run.IsDiverged
                select FormattableString.Invariant(
                    $"{arm.Name}, seed {run.Seed}: diverged at step {run.Total.Step}; its last accuracy counts"),
            .. from arm in comparison.Arms from seed in comparison.ByTokens(arm).Early
                select FormattableString.Invariant($"{arm.Name}, seed {seed}: ended before the budget of tokens"),
            .. from arm in comparison.Arms from seed in comparison.BySeconds(arm).Early
                select FormattableString.Invariant($"{arm.Name}, seed {seed}: ended before the budget of seconds"),
            .. from arm in comparison.Arms where arm.IsControl
                select $"{arm.Name} is a control: its rewards come from no grader "
                    + $"({arm.Runs[0].Config!.Reward.Control})",
        ];
        if (notes.Count > 0)
        {
            html.Append("<section><h2>To know</h2>\n<ul class=\"warnings\">\n");
            foreach (string note in notes)
            {
                html.Append("<li>").Append(HtmlText.Escape(note)).Append("</li>\n");
            }

            html.Append("</ul></section>\n");
        }
    }
}
