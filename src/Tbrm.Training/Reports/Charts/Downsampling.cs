using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Reports.Charts;

/// <summary>A point of a curve.</summary>
internal readonly record struct CurvePoint(double Step, double Value);

/// <summary>Fewer points that look the same.</summary>
internal static class Downsampling
{
    /// <summary>
    /// At most about <paramref name="most"/> points: of each stretch its lowest and its highest in their order, so that
    /// no peak is lost, and one
    /// that is not finite where there is one, so that no failure is hidden.
    /// </summary>
    public static List<CurvePoint> Extremes(MetricSeries series, int most)
    {
        int n = series.Count, stretches = most / 2;
        List<CurvePoint> points = [];
        for (int s = 0; s < (n <= most ? n : stretches); s++)
        {
            int begin = n <= most ? s : (int)((long)s * n / stretches), end = n <= most ? s + 1
                : (int)((long)(s + 1) * n / stretches);
            points.AddRange(Kept(series, begin, end).Distinct().Order()
                .Select(i => new CurvePoint(series.Steps[i], series.Values[i])));
        }

        return points;
    }

    /// <summary>The mean of the finite values in each of at most <paramref name="most"/> stretches, at the stretch's
    /// last step.</summary>
    public static List<CurvePoint> Means(IReadOnlyList<CurvePoint> points, int most)
    {
        int stretches = Math.Min(points.Count, most);
        List<CurvePoint> means = [];
        for (int s = 0; s < stretches; s++)
        {
            int begin = (int)((long)s * points.Count / stretches),
                end = (int)((long)(s + 1) * points.Count / stretches);
            double[] finite = [.. Enumerable.Range(begin, end - begin).Select(i => points[i].Value)
                .Where(double.IsFinite)];
            means.Add(new(points[end - 1].Step, finite.Length == 0 ? 0 : finite.Average()));
        }

        return means;
    }

    /// <summary>A running mean that forgets over <paramref name="window"/> finite points; begins with the mean of what
    /// it has seen.</summary>
    public static List<CurvePoint> RunningMean(MetricSeries series, int window)
    {
        List<CurvePoint> smooth = [];
        double mean = 0, keep = 1 - 1.0 / window, weight = 0;
        for (int i = 0; i < series.Count; i++)
        {
            if (!double.IsFinite(series.Values[i]))
            {
                continue;
            }

            weight = keep * weight + 1;
            mean += (series.Values[i] - mean) / weight;
            smooth.Add(new(series.Steps[i], mean));
        }

        return smooth;
    }

    private static IEnumerable<int> Kept(MetricSeries series, int begin, int end)
    {
        int low = -1, high = -1, broken = -1;
        for (int i = begin; i < end; i++)
        {
            double value = series.Values[i];
            if (!double.IsFinite(value))
            {
                broken = i;
                continue;
            }

            low = low < 0 || value < series.Values[low] ? i : low;
            high = high < 0 || value > series.Values[high] ? i : high;
        }

        return new[] { low, high, broken }.Where(i => i >= 0);
    }
}
