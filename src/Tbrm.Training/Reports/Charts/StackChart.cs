using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;

namespace Tbrm.Training.Reports.Charts;

/// <summary>Layers over a time, stacked: straight lines between the moments that are given.</summary>
/// <param name="Title">Above it.</param>
/// <param name="Explanation">Below the title.</param>
/// <param name="Layers">From the bottom up: a name, and a value at each moment.</param>
/// <param name="Times">The moments, ascending.</param>
/// <param name="Unit">Behind every value.</param>
internal sealed record StackChart(string Title, string Explanation,
    IReadOnlyList<(string Name, IReadOnlyList<double> Values)> Layers, IReadOnlyList<double> Times, string Unit)
{
    /// <summary>The figure. Several figures of one page share an axis where <paramref name="high"/> is given.</summary>
    public string ToHtml(string id, double high = 0)
    {
        double[] totals = [.. Times.Select((_, i) => Layers.Sum(l => l.Values[i]))];
        ChartFrame frame = new(id, Title, Description(totals), new(Times, low: 0), new(totals, low: 0, high: high),
            v => HtmlText.Number(v) + " " + Unit);
        StringBuilder html = new();
        html.Append("<figure class=\"card chart\"><figcaption><h3>").Append(HtmlText.Escape(Title)).Append("</h3><p>")
            .Append(HtmlText.Escape(Explanation)).Append("</p></figcaption>")
            .Append(Legend()).Append("<div class=\"plot\">")
            .Append(frame.Open());
        double[] below = new double[Times.Count];
        for (int l = 0; l < Layers.Count; l++)
        {
            double[] above = [.. below.Select((b, i) => b + Layers[l].Values[i])];
            html.Append(CultureInfo.InvariantCulture, $"<path class=\"area s{l % 6}{(l >= 6 ? " pale" : "")}\" d=\"M");
            html.AppendJoin('L', Times.Select((t, i) => Point(frame, t, above[i])));
            html.Append('L').AppendJoin('L', Times.Select((t, i) => Point(frame, t, below[i])).Reverse());
            html.Append("Z\"/>");
            below = above;
        }

        return html.Append("</svg></div>").Append(Data(frame)).Append("</figure>").ToString();
    }

    private static string Point(ChartFrame frame, double time, double value) =>
        $"{HtmlText.Coordinate(frame.X(time))} {HtmlText.Coordinate(frame.Y(value))}";

    private string Description(double[] totals) => string.Create(CultureInfo.InvariantCulture,
        $"at most {HtmlText.Number(totals.Max())} {Unit}: ") + string.Join(", ", Layers.Select(l =>
            $"{l.Name} {HtmlText.Number(l.Values.Max())}"));

    private string Legend() => "<ul class=\"legend\">" + string.Concat(Layers.Select((l, i) =>
        $"<li><i class=\"s{i % 6}{(i >= 6 ? " pale" : "")}\"></i>{HtmlText.Escape(l.Name)} "
        + $"<b>{HtmlText.Number(l.Values.Max())} {HtmlText.Escape(Unit)}</b></li>")) + "</ul>";

    private string Data(ChartFrame frame)
    {
        JsonArray curves = [.. Layers.Select((l, i) => (JsonNode)new JsonObject
        {
            ["label"] = l.Name,
            ["color"] = i % 6,
            ["x"] = new JsonArray([.. Times.Select(t => (JsonNode)Math.Round(frame.X(t), 1))]),
            ["step"] = new JsonArray([.. Times.Select(t => (JsonNode)Math.Round(t, 3))]),
            ["text"] = new JsonArray([.. l.Values.Select(v => (JsonNode)(HtmlText.Number(v) + " " + Unit))]),
        })];
        return "<script type=\"application/json\">" + curves.ToJsonString() + "</script>";
    }
}
