using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Reports.Charts;

/// <summary>Curves over steps as a figure: heading, legend with the newest values, drawing, and the points for the pointer's readout.</summary>
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
    private readonly List<Curve> _curves;

    /// <summary>Draws what <paramref name="history"/> has of the chart.</summary>
    public LineChart(ChartSpec spec, RunHistory history, string id)
    {
        _spec = spec;
        _id = id;
        _curves = [.. spec.Curves.Select(c => Curve.Of(c, history)).OfType<Curve>()];
    }

    /// <summary>Whether there is anything to draw.</summary>
    public bool HasData => _curves.Count > 0;

    /// <summary>The figure.</summary>
    public string ToHtml()
    {
        ChartAxis steps = new(_curves.SelectMany(c => c.Points).Select(p => p.Step), _curves.Min(c => c.Series.Steps[0]), _curves.Max(c => c.Series.Steps[^1]));
        ChartAxis values = new(_curves.SelectMany(c => c.Visible()), _spec.Low, _spec.High, _spec.MayBeLog);
        ChartFrame frame = new(_id, _spec.Title, Description(), steps, values, _spec.Format);
        StringBuilder html = new();
        html.Append("<figure class=\"card chart\"><figcaption><h3>").Append(HtmlText.Escape(_spec.Title)).Append("</h3><p>")
            .Append(HtmlText.Escape(_spec.Explanation)).Append("</p></figcaption>").Append(Legend()).Append("<div class=\"plot\">").Append(frame.Open());
        for (int i = 0; i < _curves.Count; i++)
        {
            Draw(html, frame, _curves[i], i);
        }

        html.Append("</svg></div>").Append(Data(frame)).Append("</figure>");
        return html.ToString();
    }

    private void Draw(StringBuilder html, ChartFrame frame, Curve curve, int index)
    {
        string color = string.Create(CultureInfo.InvariantCulture, $"s{index % 6}");
        if (curve.Band.Count > 1)
        {
            html.Append(CultureInfo.InvariantCulture, $"<path class=\"band {color}\" d=\"{BandPath(frame, curve.Band)}\"/>");
        }

        bool isSmooth = _spec.Smooth && curve.Series.Count >= NoisyPoints;
        html.Append(CultureInfo.InvariantCulture, $"<path class=\"line {color}{(isSmooth ? " raw" : "")}\" d=\"{LinePath(frame, curve.Points)}\"/>");
        if (isSmooth)
        {
            List<CurvePoint> mean = Downsampling.RunningMean(curve.Series, Math.Max(5, curve.Series.Count / 20));
            html.Append(CultureInfo.InvariantCulture, $"<path class=\"line {color}\" d=\"{LinePath(frame, Thinned(mean))}\"/>");
        }

        if (curve.Points.Count <= FewPoints)
        {
            foreach (CurvePoint p in curve.Points.Where(p => double.IsFinite(p.Value)))
            {
                html.Append(CultureInfo.InvariantCulture, $"<circle class=\"dot {color}\" cx=\"{HtmlText.Coordinate(frame.X(p.Step))}\" cy=\"{HtmlText.Coordinate(frame.Y(p.Value))}\" r=\"2.6\"/>");
            }
        }

        foreach (CurvePoint p in curve.Points.Where(p => !double.IsFinite(p.Value)))
        {
            string x = HtmlText.Coordinate(frame.X(p.Step));
            html.Append(CultureInfo.InvariantCulture, $"<path class=\"broken\" d=\"M{x} {ChartFrame.Top}V{ChartFrame.Height - ChartFrame.Bottom}\"><title>step {p.Step}: {HtmlText.Number(p.Value)}</title></path>");
        }
    }

    private static List<CurvePoint> Thinned(List<CurvePoint> points) =>
        points.Count <= MostPoints ? points : [.. Enumerable.Range(0, MostPoints).Select(i => points[(int)((long)i * (points.Count - 1) / (MostPoints - 1))])];

    /// <summary>Pen down along finite values, up where there is none.</summary>
    private static string LinePath(ChartFrame frame, IEnumerable<CurvePoint> points)
    {
        StringBuilder path = new();
        bool isDown = false;
        foreach (CurvePoint p in points)
        {
            if (double.IsFinite(p.Value))
            {
                path.Append(isDown ? 'L' : 'M').Append(HtmlText.Coordinate(frame.X(p.Step))).Append(' ').Append(HtmlText.Coordinate(frame.Y(p.Value)));
            }

            isDown = double.IsFinite(p.Value);
        }

        return path.ToString();
    }

    private static string BandPath(ChartFrame frame, IReadOnlyList<(double Step, double Low, double High)> band)
    {
        IEnumerable<string> upper = band.Select(b => HtmlText.Coordinate(frame.X(b.Step)) + " " + HtmlText.Coordinate(frame.Y(b.High)));
        IEnumerable<string> lower = band.Reverse().Select(b => HtmlText.Coordinate(frame.X(b.Step)) + " " + HtmlText.Coordinate(frame.Y(b.Low)));
        return "M" + string.Join("L", upper.Concat(lower)) + "Z";
    }

    private string Legend()
    {
        StringBuilder html = new("<ul class=\"legend\">");
        for (int i = 0; i < _curves.Count; i++)
        {
            Curve curve = _curves[i];
            html.Append(CultureInfo.InvariantCulture, $"<li><i class=\"s{i % 6}\"></i>{HtmlText.Escape(curve.Label)} <b>{_spec.Format(curve.Series.Values[^1])}</b></li>");
        }

        return html.Append("</ul>").ToString();
    }

    private string Description() => string.Join("; ", _curves.Select(c => string.Create(CultureInfo.InvariantCulture,
        $"{c.Label}: from {_spec.Format(c.Series.Values[0])} at step {c.Series.Steps[0]} to {_spec.Format(c.Series.Values[^1])} at step {c.Series.Steps[^1]}, {c.Series.Count} points")));

    /// <summary>What the readout under the pointer needs. The serializer escapes every character that could end the element.</summary>
    private string Data(ChartFrame frame)
    {
        JsonArray curves = [.. _curves.Select((c, i) => (JsonNode)new JsonObject
        {
            ["label"] = c.Label,
            ["color"] = i % 6,
            ["x"] = new JsonArray([.. c.Points.Select(p => (JsonNode)Math.Round(frame.X(p.Step), 1))]),
            ["step"] = new JsonArray([.. c.Points.Select(p => (JsonNode)p.Step)]),
            ["text"] = new JsonArray([.. c.Points.Select(p => (JsonNode)_spec.Format(p.Value))]),
        })];
        return "<script type=\"application/json\">" + curves.ToJsonString() + "</script>";
    }

    private sealed record Curve(string Label, MetricSeries Series, List<CurvePoint> Points, IReadOnlyList<(double Step, double Low, double High)> Band)
    {
        public static Curve? Of(CurveSpec spec, RunHistory history)
        {
            MetricSeries? series = history.Find(spec.Metric);
            return series is null ? null : new(spec.Label, series, Downsampling.Extremes(series, MostPoints), BandOf(spec, series, history));
        }

        /// <summary>Everything that must lie within the axis.</summary>
        public IEnumerable<double> Visible() => Points.Select(p => p.Value).Concat(Band.SelectMany(b => new[] { b.Low, b.High }));

        private static IReadOnlyList<(double Step, double Low, double High)> BandOf(CurveSpec spec, MetricSeries series, RunHistory history)
        {
            MetricSeries? low = spec.Low is null ? null : history.Find(spec.Low), high = spec.High is null ? null : history.Find(spec.High);
            MetricSeries? deviation = spec.Deviation is null ? null : history.Find(spec.Deviation);
            if (spec.Responses is null && deviation is null && (low is null || high is null))
            {
                return [];
            }

            // The band's metrics come from the same steps as the curve's, or there is no band.
            int n = series.Count;
            if (spec.Responses is null && (deviation is not null ? deviation.Count != n : low!.Count != n || high!.Count != n))
            {
                return [];
            }

            int every = Math.Max(1, n / (MostPoints / 2));
            return [.. Enumerable.Range(0, n).Where(i => i % every == 0 || i == n - 1)
                .Select(i => (spec.Responses is { } responses ? StandardError(series.Values[i], responses) : deviation?.Values[i]) is { } around
                    ? (Step: (double)series.Steps[i], Low: series.Values[i] - around, High: series.Values[i] + around)
                    : (Step: (double)series.Steps[i], Low: low!.Values[i], High: high!.Values[i]))
                .Where(b => double.IsFinite(b.Low) && double.IsFinite(b.High))];
        }

        /// <summary>Of a mean of so many scores between 0 and 1: exact for 0 and 1, an upper bound for partial credit.</summary>
        private static double StandardError(double share, double responses) => share is >= 0 and <= 1 ? Math.Sqrt(share * (1 - share) / responses) : double.NaN;
    }
}
