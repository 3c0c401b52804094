using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Reports.Charts;

/// <summary>A curve as it is drawn.</summary>
/// <param name="Label">In the legend.</param>
/// <param name="Points">At least one.</param>
/// <param name="Band">Around the curve; may be empty.</param>
internal sealed record PlottedCurve(string Label, IReadOnlyList<CurvePoint> Points,
    IReadOnlyList<(double Step, double Low, double High)> Band)
{
    /// <summary>What a running mean is taken over; null for a curve that was made elsewhere.</summary>
    public MetricSeries? Series { get; private init; }

    /// <summary>The first point, of all there are.</summary>
    public CurvePoint First => Series is null ? Points[0] : new(Series.Steps[0], Series.Values[0]);

    /// <summary>The newest.</summary>
    public CurvePoint Last => Series is null ? Points[^1] : new(Series.Steps[^1], Series.Values[^1]);

    /// <summary>How many there are, drawn or not.</summary>
    public int Count => Series?.Count ?? Points.Count;

    /// <summary>The metric with at most about <paramref name="mostPoints"/> points; null when no step has it.</summary>
    public static PlottedCurve? Of(CurveSpec spec, RunHistory history, int mostPoints)
    {
        MetricSeries? series = history.Find(spec.Metric);
        return series is null ? null
            : new(spec.Label, Downsampling.Extremes(series, mostPoints),
                BandOf(spec, series, history, mostPoints))
            { Series = series };
    }

    /// <summary>Everything that must lie within the axis.</summary>
    public IEnumerable<double> Visible() => Points.Select(p => p.Value)
        .Concat(Band.SelectMany(b => new[] { b.Low, b.High }));

    private static IReadOnlyList<(double Step, double Low, double High)> BandOf(CurveSpec spec, MetricSeries series,
        RunHistory history, int mostPoints)
    {
        MetricSeries? low = spec.Low is null ? null : history.Find(spec.Low), high = spec.High is null ? null
            : history.Find(spec.High);
        MetricSeries? deviation = spec.Deviation is null ? null : history.Find(spec.Deviation);
        if (spec.Responses is null && deviation is null && (low is null || high is null))
        {
            return [];
        }

        // The band's metrics come from the same steps as the curve's, or there is no band.
        int n = series.Count;
        if (spec.Responses is null
            && (deviation is not null ? deviation.Count != n : low!.Count != n || high!.Count != n))
        {
            return [];
        }

        int every = Math.Max(1, n / (mostPoints / 2));
        return [.. Enumerable.Range(0, n).Where(i => i % every == 0 || i == n - 1)
            .Select(i => (spec.Responses is { } responses ? StandardError(series.Values[i], responses)
                : deviation?.Values[i]) is { } around
                ? (Step: (double)series.Steps[i], Low: series.Values[i] - around, High: series.Values[i] + around)
                : (Step: (double)series.Steps[i], Low: low!.Values[i], High: high!.Values[i]))
            .Where(b => double.IsFinite(b.Low) && double.IsFinite(b.High))];
    }

    /// <summary>Of a mean of so many scores between 0 and 1: exact for 0 and 1, an upper bound for partial
    /// credit.</summary>
    private static double StandardError(double share, double responses) => share is >= 0 and <= 1
        ? Math.Sqrt(share * (1 - share) / responses) : double.NaN;
}
