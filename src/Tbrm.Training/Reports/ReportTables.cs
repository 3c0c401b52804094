using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Reports;

/// <summary>The configuration and every metric, as tables.</summary>
internal static class ReportTables
{
    public static void AppendConfig(StringBuilder html, ReportFacts facts)
    {
        html.Append("<section><h2>Configuration</h2>\n");
        if (facts.Config is null)
        {
            html.Append("<p class=\"empty\">").Append(HtmlText.Escape(facts.ConfigProblem)).Append("</p></section>\n");
            return;
        }

        (string from, IReadOnlyList<ConfigRow> rows) = ConfigTable.Nearest(facts.Config);
        List<ConfigRow> changed = [.. rows.Where(r => r.IsChanged)];
        string count = changed.Count switch
        {
            0 => "No key differs",
            1 => "1 key differs",
            int n => string.Create(CultureInfo.InvariantCulture, $"{n} keys differ")
        };
        html.Append("<p class=\"lead\">").Append(count).Append(" from ").Append(HtmlText.Escape(from))
            .Append("; the whole is in config.resolved.yaml.</p>\n");
        if (changed.Count > 0)
        {
            AppendRows(html, changed);
        }

        html.Append(CultureInfo.InvariantCulture, $"<details><summary>All {rows.Count} keys</summary>\n");
        AppendRows(html, rows);
        html.Append("</details></section>\n");
    }

    public static void AppendMetrics(StringBuilder html, RunHistory history)
    {
        if (history.Rows == 0)
        {
            return;
        }

        html.Append(CultureInfo.InvariantCulture,
            $"<section><h2>Metrics</h2>\n<details><summary>All {history.Names.Count} metrics: first, last, least, "
                + $"greatest</summary>\n")
            .Append(
                "<div class=\"table\"><table><thead><tr><th scope=\"col\">Metric</th><th scope=\"col\" "
                    + "class=\"n\">Points</th><th scope=\"col\" class=\"n\">First</th><th scope=\"col\" "
                    + "class=\"n\">Last</th><th scope=\"col\" class=\"n\">Least</th><th scope=\"col\" "
                    + "class=\"n\">Greatest</th></tr></thead><tbody>\n");
        foreach (string name in history.Names)
        {
            MetricSeries series = history.Find(name)!;
            double[] finite = [.. series.Values.Where(double.IsFinite)];
            string Least(double value) => finite.Length == 0 ? "–" : HtmlText.Number(value);
            html.Append(CultureInfo.InvariantCulture,
                $"<tr><td><code>{HtmlText.Escape(name)}</code></td><td class=\"n\">{series.Count}</td><td "
                    + $"class=\"n\">{HtmlText.Number(series.Values[0])}</td>")
                .Append(CultureInfo.InvariantCulture,
                    $"<td class=\"n\">{HtmlText.Number(series.Values[^1])}</td><td "
                        + $"class=\"n\">{Least(finite.DefaultIfEmpty().Min())}</td><td "
                        + $"class=\"n\">{Least(finite.DefaultIfEmpty().Max())}</td></tr>\n");
        }

        html.Append("</tbody></table></div></details></section>\n");
    }

    private static void AppendRows(StringBuilder html, IReadOnlyList<ConfigRow> rows)
    {
        html.Append(
            "<div class=\"table\"><table class=\"config\"><thead><tr><th scope=\"col\">Key</th><th "
                + "scope=\"col\">Value</th><th scope=\"col\">Default</th></tr></thead><tbody>\n");
        foreach (ConfigRow row in rows)
        {
            html.Append(row.IsChanged ? "<tr class=\"changed\">" : "<tr>").Append("<td><code>")
                .Append(HtmlText.Escape(row.Key)).Append("</code></td><td>")
                .Append(Value(row.Value)).Append("</td><td class=\"default\">").Append(Value(row.Default))
                    .Append("</td></tr>\n");
        }

        html.Append("</tbody></table></div>\n");
    }

    private static string Value(string value) => value.Length == 0 ? "<span class=\"none\">empty</span>"
        : HtmlText.Escape(value);
}
