using System;
using System.Collections.Generic;
using System.Linq;

namespace Tbrm.Training.Comparisons;

/// <summary>A mean with its bootstrap interval.</summary>
/// <param name="Mean">Of the values.</param>
/// <param name="Low">Lower end; NaN with fewer than two values.</param>
/// <param name="High">Upper end.</param>
/// <param name="Count">How many values there are.</param>
public readonly record struct Interval(double Mean, double Low, double High, int Count)
{
    /// <summary>Whether 0 lies outside of the interval.</summary>
    public bool ExcludesZero => Low > 0 || High < 0;
}

/// <summary>
/// Percentile bootstrap over seeds. Few seeds have few resamples: up to six values all of them are enumerated, so that
/// the interval is exact and has no randomness of its own; above, 10,000 are taken by a fixed generator.
/// </summary>
public static class Intervals
{
    /// <summary>The share of resampled means that an interval holds.</summary>
    public const double Level = 0.95;

    private const int MostEnumerated = 6, Resamples = 10_000;

    /// <summary>The mean of some values, NaN for none.</summary>
    public static Interval Of(IReadOnlyList<double> values)
    {
        if (values.Count < 2)
        {
            return new(values.Count == 0 ? double.NaN : values[0], double.NaN, double.NaN, values.Count);
        }

        double[] means = [.. (values.Count <= MostEnumerated ? Enumerated(values) : Sampled(values))];
        Array.Sort(means);
        return new(values.Average(), Quantile(means, (1 - Level) / 2), Quantile(means, (1 + Level) / 2), values.Count);
    }

    /// <summary>The mean difference of pairs, second minus first, resampled pair by pair.</summary>
    /// <param name="first">One value per seed.</param>
    /// <param name="second">For the same seeds.</param>
    public static Interval OfDifference(IReadOnlyList<double> first, IReadOnlyList<double> second) =>
        first.Count == second.Count ? Of([.. first.Zip(second, (a, b) => b - a)])
            : throw new ArgumentException("pairs were expected", nameof(second));

    /// <summary>The standard error of a mean; 0 for a single value.</summary>
    public static double StandardError(IReadOnlyCollection<double> values)
    {
        double mean = values.Average();
        return values.Count < 2 ? 0
            : Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1) / values.Count);
    }

    private static IEnumerable<double> Enumerated(IReadOnlyList<double> values)
    {
        int n = values.Count, count = (int)Math.Pow(n, n);
        for (int resample = 0; resample < count; resample++)
        {
            double sum = 0;
            for (int i = 0, rest = resample; i < n; i++, rest /= n)
            {
                sum += values[rest % n];
            }

            yield return sum / n;
        }
    }

    private static IEnumerable<double> Sampled(IReadOnlyList<double> values)
    {
        Random random = new(values.Count);
        for (int resample = 0; resample < Resamples; resample++)
        {
            double sum = 0;
            for (int i = 0; i < values.Count; i++)
            {
                sum += values[random.Next(values.Count)];
            }

            yield return sum / values.Count;
        }
    }

    /// <summary>Between the two order statistics around it.</summary>
    private static double Quantile(double[] sorted, double share)
    {
        double place = share * (sorted.Length - 1);
        int below = (int)place;
        double rest = place - below;
        return rest == 0 ? sorted[below] : sorted[below] + rest * (sorted[below + 1] - sorted[below]);
    }
}
