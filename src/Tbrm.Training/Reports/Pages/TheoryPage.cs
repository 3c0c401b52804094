using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Tbrm.Theory;
using Tbrm.Theory.Experiments;
using Tbrm.Training.Reports.Charts;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Reports.Pages;

/// <summary>The results of <c>tbrm-native theory</c> as one file with charts, which loads nothing.</summary>
public static class TheoryPage
{
    /// <summary>Replaces the file in one step.</summary>
    /// <param name="path">Where it goes.</param>
    /// <param name="results">What was computed.</param>
    public static void Write(string path, TheoryResults results) => RunFolder.WriteText(path, ToHtml(results));

    internal static string ToHtml(TheoryResults results)
    {
        StringBuilder html = new();
        PageShell.Open(html, "What the papers claim");
        PageShell.Header(html, "tbrm-native theory", "What the papers claim",
            "Computed on trees of tokens that are small enough to be summed over, with the objectives that the "
                + "program trains with.");
        html.Append("<main>\n");
        IReadOnlyList<TheoryPart> parts = TheoryPart.Of(results);
        string[][] charts = [[], [.. Residue(results)], [.. Horizon(results)], [], [Coverage(results)], []];
        for (int i = 0; i < parts.Count; i++)
        {
            html.Append("<section><h2>").Append(HtmlText.Escape(parts[i].Title)).Append("</h2>\n<p class=\"lead\">")
                .Append(HtmlText.Escape(parts[i].Text)).Append("</p>\n");
            if (charts[i].Length > 0)
            {
                html.Append("<div class=\"charts\">\n").AppendJoin('\n', charts[i]).Append("\n</div>\n");
            }

            PageTable.Append(html, parts[i].Columns, parts[i].Rows);
            html.Append("</section>\n");
        }

        html.Append("</main>\n<footer>Written by tbrm-native ").Append(HtmlText.Escape(ProgramVersion.Text))
            .Append("; the same numbers every time.");
        PageShell.Close(html);
        return html.ToString();
    }

    /// <summary>A chart for each rate. What rounds to 0 is drawn at the rounding error of the sum.</summary>
    private static IEnumerable<string> Residue(TheoryResults results)
    {
        const double least = 1e-17;
        return results.Adam.GroupBy(r => r.Rate).Select((rate, i) => new LineChart(
            new(string.Create(CultureInfo.InvariantCulture, $"Adam, lr {rate.Key}"), "KL(pi* || pi), nats", [])
            {
                X = "update",
                MayBeLog = true,
            },
            [.. rate.Select(r => new PlottedCurve(r.Algorithm,
                [.. r.Curve.Select(p => new CurvePoint(p.Updates, System.Math.Max(least, p.Kl)))], []))],
            string.Create(CultureInfo.InvariantCulture, $"a{i}")).ToHtml());
    }

    private static IEnumerable<string> Horizon(TheoryResults results)
    {
        yield return Chart("Adam", "updates at the best rate", "h0", r => r.AdamUpdates);
        yield return Chart("L-BFGS", "evaluations", "h1", r => r.Evaluations);

        string Chart(string title, string unit, string id, System.Func<HorizonRow, double?> value) => new LineChart(
            new(title, unit, []) { X = "H", Low = 0 },
            [.. results.Horizon.GroupBy(r => r.Algorithm).Select(g => new PlottedCurve(g.Key,
                [.. g.Where(r => value(r) is not null).Select(r => new CurvePoint(r.Horizon, value(r)!.Value))], []))
                .Where(c => c.Points.Count > 0)], id).ToHtml();
    }

    /// <summary>Both axes logarithmic: the theorem is a straight line, drawn through the first point.</summary>
    private static string Coverage(TheoryResults results)
    {
        CoverageRow[] rows = [.. results.Coverage.OrderBy(r => r.Concentrability)];
        CurvePoint[] Of(System.Func<CoverageRow, double> value) =>
            [.. rows.Select(r => new CurvePoint(r.Concentrability, value(r)))];
        return new LineChart(
            new("J* − J", "reward units; slope 1/2 is Theorem 2's", [])
            {
                X = "C(mu)",
                MayBeLog = true,
                MayBeLogX = true
            },
            [new("measured", Of(r => r.Suboptimality), []), new("bound", Of(r => r.Bound), []),
                new("slope 1/2", Of(r => rows[0].Suboptimality
                    * System.Math.Sqrt(r.Concentrability / rows[0].Concentrability)), [])], "k0").ToHtml();
    }
}
