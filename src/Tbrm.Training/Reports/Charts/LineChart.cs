using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Reports.Charts;

/// <summary>Curves over steps as a figure: heading, legend with the newest values, drawing, and the points for the
/// pointer's readout.</summary>
internal sealed class LineChart
{
    /// <summary>Beyond this a screen shows no more of a curve.</summary>
    private const int MostPoints = 600;

    /// <summary>A curve with fewer points needs no running mean.</summary>
    private const int NoisyPoints = 40;

    /// <summary>So few points are marked one by one.</summary>
    private const int FewPoints = 30;

    private readonly ChartSpec _spec;
    private readonly string _id;
    private readonly IReadOnlyList<PlottedCurve> _curves;

    /// <summary>Draws what <paramref name="history"/> has of the chart.</summary>
    public LineChart(ChartSpec spec, RunHistory history, string id)
        : this(spec, [.. spec.Curves.Select(c => PlottedCurve.Of(c, history, MostPoints)).OfType<PlottedCurve>()], id)
    {
    }

    /// <summary>Draws curves that were made elsewhere.</summary>
    public LineChart(ChartSpec spec, IReadOnlyList<PlottedCurve> curves, string id) =>
        (_spec, _curves, _id) = (spec, curves, id);

    /// <summary>Whether there is anything to draw.</summary>
    public bool HasData => _curves.Count > 0;

    /// <summary>The figure.</summary>
    public string ToHtml()
    {
        ChartAxis steps = new(
            _curves.SelectMany(c => c.Points)
            .Select(p => p.Step), _curves.Min(c => c.First.Step), _curves.Max(c => c.Last.Step),
            _spec.MayBeLogX);
        ChartAxis values = new(_curves.SelectMany(c => c.Visible()), _spec.Low, _spec.High, _spec.MayBeLog);
        ChartFrame frame = new(_id, _spec.Title, Description(), steps, values, _spec.Format) { Names = _spec.XLabels };
        StringBuilder html = new();
        html.Append("<figure class=\"card chart\" data-x=\"").Append(HtmlText.Escape(_spec.X))
            .Append("\"><figcaption><h3>").Append(HtmlText.Escape(_spec.Title)).Append("</h3><p>")
            .Append(HtmlText.Escape(_spec.Explanation)).Append("</p></figcaption>").Append(Legend())
                .Append("<div class=\"plot\">").Append(frame.Open());
        for (int i = 0; i < _curves.Count; i++)
        {
            Draw(html, frame, _curves[i], i);
        }

        html.Append("</svg></div>").Append(Data(frame)).Append("</figure>");
        return html.ToString();
    }

    private void Draw(StringBuilder html, ChartFrame frame, PlottedCurve curve, int index)
    {
        string color = Style(index);
        if (curve.Band.Count > 1)
        {
            html.Append(CultureInfo.InvariantCulture,
                $"<path class=\"band {color}\" d=\"{BandPath(frame, curve.Band)}\"/>");
        }

        bool isSmooth = _spec.Smooth && curve.Series is { Count: >= NoisyPoints };
        html.Append(CultureInfo.InvariantCulture,
            $"<path class=\"line {color}{(isSmooth ? " raw" : "")}\" d=\"{LinePath(frame, curve.Points)}\"/>");
        if (isSmooth)
        {
            List<CurvePoint> mean = Downsampling.RunningMean(curve.Series!, Math.Max(5, curve.Series!.Count / 20));
            html.Append(CultureInfo.InvariantCulture,
                $"<path class=\"line {color}\" d=\"{LinePath(frame, Thinned(mean))}\"/>");
        }

        if (curve.Points.Count <= FewPoints)
        {
            foreach (CurvePoint p in curve.Points.Where(p => double.IsFinite(p.Value)))
            {
                html.Append(CultureInfo.InvariantCulture,
                    $"<circle class=\"dot {color}\" cx=\"{HtmlText.Coordinate(frame.X(p.Step))}\" "
                        + $"cy=\"{HtmlText.Coordinate(frame.Y(p.Value))}\" r=\"2.6\"/>");
            }
        }

        foreach (CurvePoint p in curve.Points.Where(p => !double.IsFinite(p.Value)))
        {
            string x = HtmlText.Coordinate(frame.X(p.Step));
            html.Append(CultureInfo.InvariantCulture,
                $"<path class=\"broken\" d=\"M{x} "
                    + $"{ChartFrame.Top}V{ChartFrame.Height - ChartFrame.Bottom}\"><title>{HtmlText.Escape(_spec.X)} "
                    + $"{HtmlText.Number(p.Step)}: {HtmlText.Number(p.Value)}</title></path>");
        }
    }

    private static List<CurvePoint> Thinned(List<CurvePoint> points) =>
        points.Count <= MostPoints ? points
            : [.. Enumerable.Range(0, MostPoints)
            .Select(i => points[(int)((long)i * (points.Count - 1) / (MostPoints - 1))])];

    /// <summary>Pen down along finite values, up where there is none.</summary>
    private static string LinePath(ChartFrame frame, IEnumerable<CurvePoint> points)
    {
        StringBuilder path = new();
        bool isDown = false;
        foreach (CurvePoint p in points)
        {
            if (double.IsFinite(p.Value))
            {
                path.Append(isDown ? 'L' : 'M').Append(HtmlText.Coordinate(frame.X(p.Step))).Append(' ')
                    .Append(HtmlText.Coordinate(frame.Y(p.Value)));
            }

            isDown = double.IsFinite(p.Value);
        }

        return path.ToString();
    }

    private static string BandPath(ChartFrame frame, IReadOnlyList<(double Step, double Low, double High)> band)
    {
        IEnumerable<string> upper =
            band.Select(b => HtmlText.Coordinate(frame.X(b.Step)) + " " + HtmlText.Coordinate(frame.Y(b.High)));
        IEnumerable<string> lower = band.Reverse()
            .Select(b => HtmlText.Coordinate(frame.X(b.Step)) + " " + HtmlText.Coordinate(frame.Y(b.Low)));
        return "M" + string.Join("L", upper.Concat(lower)) + "Z";
    }

    private string Legend()
    {
        StringBuilder html = new("<ul class=\"legend\">");
        for (int i = 0; i < _curves.Count; i++)
        {
            html.Append(CultureInfo.InvariantCulture,
                $"<li><i class=\"{Style(i)}\"></i>{HtmlText.Escape(_curves[i].Label)} "
                    + $"<b>{_spec.Format(_curves[i].Last.Value)}</b></li>");
        }

        return html.Append("</ul>").ToString();
    }

    /// <summary>Six colours; the next six curves have the same, with gaps in the line.</summary>
    private static string Style(int index) =>
        string.Create(CultureInfo.InvariantCulture, $"s{index % 6}{(index >= 6 ? " dashed" : "")}");

    private string Description() => string.Join("; ", _curves.Select(c => string.Create(CultureInfo.InvariantCulture,
        $"{c.Label}: from {_spec.Format(c.First.Value)} at {_spec.X} {_spec.Place(c.First.Step)} to "
            + $"{_spec.Format(c.Last.Value)} at {_spec.X} {_spec.Place(c.Last.Step)}, {c.Count} points")));

    /// <summary>What the readout under the pointer needs. The serializer escapes every character that could end the
    /// element.</summary>
    private string Data(ChartFrame frame)
    {
        JsonArray curves = [.. _curves.Select((c, i) => (JsonNode)new JsonObject
        {
            ["label"] = c.Label,
            ["color"] = i % 6,
            ["x"] = new JsonArray([.. c.Points.Select(p => (JsonNode)Math.Round(frame.X(p.Step), 1))]),
            ["step"] = new JsonArray(
                [.. c.Points.Select(p => _spec.XLabels is null && p.Step == Math.Floor(p.Step) ? (JsonNode)p.Step
                : _spec.Place(p.Step))]),
            ["text"] = new JsonArray([.. c.Points.Select(p => (JsonNode)_spec.Format(p.Value))]),
        })];
        return "<script type=\"application/json\">" + curves.ToJsonString() + "</script>";
    }
}
