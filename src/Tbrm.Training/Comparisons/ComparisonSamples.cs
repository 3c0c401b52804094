using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Tbrm.Training.Reports;

namespace Tbrm.Training.Comparisons;

/// <summary>Answers of all arms to the same held-out problems, of the first seed that all of them have.</summary>
internal static class ComparisonSamples
{
    private const int MostProblems = 8, MostArms = 6;

    public static void Append(StringBuilder html, Comparison comparison)
    {
        if (Shared(comparison) is not { } seed)
        {
            return;
        }

        (ComparedArm Arm, IReadOnlyDictionary<string, ReportSamples.Row> Rows)[] answers =
            [.. comparison.Arms.Take(MostArms)
            .Select(a => (a, ReportSamples.Newest(a.Runs.First(r => r.Seed == seed).Folder, "validation")))];
        string[] problems = [.. answers[0].Rows.Keys.Where(k => answers.All(a => a.Rows.ContainsKey(k)))
            // Where arms disagree there is something to see.
            .OrderByDescending(k => answers.Select(a => a.Rows[k].Response.Score).Distinct().Count())
                .Take(MostProblems)];
        if (problems.Length == 0)
        {
            return;
        }

        html.Append("<section><h2>Answers side by side</h2>\n<p class=\"lead\">")
            .Append(HtmlText.Escape(
                FormattableString.Invariant(
                $"Held-out problems at the last evaluation, seed {seed}; where arms disagree first.")))
            .Append("</p>\n<div class=\"table\"><table class=\"samples\"><thead><tr><th scope=\"col\">Problem</th>");
        foreach ((ComparedArm arm, _) in answers)
        {
            html.Append("<th scope=\"col\">").Append(HtmlText.Escape(arm.Name)).Append("</th>");
        }

        html.Append("</tr></thead><tbody>\n");
        foreach (string problem in problems)
        {
            ReportSamples.Row first = answers[0].Rows[problem];
            html.Append("<tr><td data-label=\"Problem\"><pre>").Append(ReportSections.Shown(first.Input))
                .Append("</pre><p class=\"expected\">expected <code>").Append(ReportSections.Shown(first.Expected))
                    .Append("</code></p></td>");
            foreach ((ComparedArm arm, IReadOnlyDictionary<string, ReportSamples.Row> rows) in answers)
            {
                ReportSections.AppendResponse(html, rows[problem].Response, arm.Name);
            }

            html.Append("</tr>\n");
        }

        html.Append("</tbody></table></div></section>\n");
    }

    private static long? Shared(Comparison comparison) => comparison.Arms[0].Runs.Select(r => (long?)r.Seed)
        .FirstOrDefault(s => comparison.Arms.Take(MostArms).All(a => a.Runs.Any(r => r.Seed == s)));
}
