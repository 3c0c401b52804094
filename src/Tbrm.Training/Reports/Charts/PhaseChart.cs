using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Reports.Charts;

/// <summary>Seconds per step and phase, stacked: a column for each step, or for each stretch of steps.</summary>
internal sealed class PhaseChart
{
    private const int MostColumns = 110;
    private const string Prefix = "timing_s/";

    /// <summary>The whole of a step, and what takes no time here by design.</summary>
    private static readonly string[] s_noPhases = ["step", "update_weights"];

    private readonly string _id;
    private readonly List<(string Name, List<CurvePoint> Columns)> _phases = [];

    /// <summary>Takes the phases of the training steps; what came before them happens once and would hide the
    /// rest.</summary>
    public PhaseChart(RunHistory history, string id)
    {
        _id = id;
        SortedSet<long> steps = [];
        List<string> names =
            [.. history.Names.Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)
            && !s_noPhases.Contains(n[Prefix.Length..], StringComparer.Ordinal))];
        foreach (string name in names)
        {
            steps.UnionWith(history.Find(name)!.Steps.Where(s => s > 0));
        }

        if (steps.Count == 0)
        {
            return;
        }

        foreach (string name in names)
        {
            MetricSeries series = history.Find(name)!;
            if (series.Steps.All(s => s == 0))
            {
                continue;
            }

            Dictionary<long, double> seconds = [];
            for (int i = 0; i < series.Count; i++)
            {
                seconds[series.Steps[i]] = series.Values[i];
            }

            _phases.Add((name[Prefix.Length..],
                Downsampling.Means([.. steps.Select(s => new CurvePoint(s, Math.Max(0, seconds.GetValueOrDefault(s))))],
                MostColumns)));
        }
    }

    /// <summary>Whether there is anything to draw.</summary>
    public bool HasData => _phases.Count > 0;

    /// <summary>The figure.</summary>
    public string ToHtml()
    {
        int columns = _phases[0].Columns.Count;
        double[] totals = [.. Enumerable.Range(0, columns).Select(c => _phases.Sum(p => p.Columns[c].Value))];
        // Columns are as wide as the steps between them: the axis has room for half a column at either end.
        double first = _phases[0].Columns[0].Step, last = _phases[0].Columns[^1].Step, half = columns > 1
            ? (last - first) / (columns - 1) / 2 : 0.5;
        ChartFrame frame = new(
            _id, "Time per phase", Description(), new([first - half, last + half], first - half, last + half),
            new(totals, low: 0), v => HtmlText.Number(v) + " s");
        StringBuilder html = new();
        html.Append(
            "<figure class=\"card chart\"><figcaption><h3>Time per phase</h3><p>seconds per step, "
                + "stacked</p></figcaption>").Append(Legend())
            .Append("<div class=\"plot\">").Append(frame.Open());
        double width = Math.Max(0.6, (frame.X(last + half) - frame.X(first - half)) / columns);
        double[] below = new double[columns];
        for (int p = 0; p < _phases.Count; p++)
        {
            StringBuilder path = new();
            for (int c = 0; c < columns; c++)
            {
                double value = _phases[p].Columns[c].Value;
                double top = frame.Y(below[c] + value), bottom = frame.Y(below[c]), left = frame.X(first - half)
                    + c * width;
                below[c] += value;
                if (bottom - top >= 0.05)
                {
                    path.Append(CultureInfo.InvariantCulture,
                        $"M{left + width * 0.06:0.##} {bottom:0.##}V{top:0.##}h{width * 0.88:0.##}V{bottom:0.##}Z");
                }
            }

            html.Append(CultureInfo.InvariantCulture,
                $"<path class=\"area s{p % 6}{(p >= 6 ? " pale" : "")}\" d=\"{path}\"/>");
        }

        return html.Append("</svg></div>").Append(Data(frame)).Append("</figure>").ToString();
    }

    private string Description() => "mean seconds per step: "
        + string.Join(", ", _phases.Select(p => p.Name + " " + HtmlText.Number(p.Columns.Average(c => c.Value))));

    private string Legend() => "<ul class=\"legend\">" + string.Concat(_phases.Select((p, i) =>
        $"<li><i class=\"s{i % 6}{(i >= 6 ? " pale" : "")}\"></i>{HtmlText.Escape(p.Name)} "
            + $"<b>{HtmlText.Number(p.Columns.Average(c => c.Value))} s</b></li>")) + "</ul>";

    private string Data(ChartFrame frame)
    {
        JsonArray curves = [.. _phases.Select((p, i) => (JsonNode)new JsonObject
        {
            ["label"] = p.Name,
            ["color"] = i % 6,
            ["x"] = new JsonArray([.. p.Columns.Select(c => (JsonNode)Math.Round(frame.X(c.Step), 1))]),
            ["step"] = new JsonArray([.. p.Columns.Select(c => (JsonNode)c.Step)]),
            ["text"] = new JsonArray([.. p.Columns.Select(c => (JsonNode)(HtmlText.Number(c.Value) + " s"))]),
        })];
        return "<script type=\"application/json\">" + curves.ToJsonString() + "</script>";
    }
}
