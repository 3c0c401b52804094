using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Core.Errors;

namespace Tbrm.Objectives.Rollout;

/// <summary>
/// Importance weights of the trainer's policy over the rollout's (verl's <c>rollout_is</c>): rho = exp(log pi_old - log
/// pi_rollout) of each token, or
/// of the whole sequence. One threshold: truncated from above (TIS). <c>lower_upper</c>: 0 outside (IcePop). Exponents
/// are clamped to +-20.
/// </summary>
/// <param name="level">token or sequence.</param>
/// <param name="threshold">A number, or two with _ between.</param>
/// <param name="normalize">Divides by the mean weight.</param>
internal sealed class RolloutImportance(string level, string threshold, bool normalize)
{
    internal const double LargestExponent = 20;

    private const double LeastMean = 1e-8;

    private readonly (double? Lower, double Upper) _bounds = Bounds(threshold);

    /// <summary>Weights of every row (0 in rows that do not count), and their metrics without prefix.</summary>
    public (double[] Weights, Dictionary<string, double> Metrics) Weigh(ObjectiveBatch batch)
    {
        double[] raw = new double[batch.RowCount], log = new double[batch.RowCount];
        List<int> counted = RowStatistics.Counted(batch);
        foreach (int b in counted)
        {
            double sum = RowStatistics.OfTrajectory(batch, b, i => LogRatio(batch, i)).Sum;
            (int begin, int end) = batch.Actions(b);
            for (int i = begin; i < end; i++)
            {
                if (batch.Counts(i))
                {
                    log[i] = level == "sequence" ? sum : LogRatio(batch, i);
                    raw[i] = Math.Exp(Math.Clamp(log[i], -LargestExponent, LargestExponent));
                }
            }
        }

        double[] weights = Array.ConvertAll(raw, Bounded);
        Dictionary<string, double> metrics = Measure(batch, weights, raw, log, counted);
        if (normalize)
        {
            double mean = level == "token" ? RowStatistics.Mean(batch, i => weights[i])
                : counted.Count > 0 ? counted.Average(b => OfTrajectory(batch, b, weights)) : 0;
            double factor = mean > LeastMean ? mean : 1;
            weights = Array.ConvertAll(weights, w => w / factor);
            metrics["rollout_is_batch_norm_factor"] = factor;
        }

        return (weights, metrics);
    }

    private static double LogRatio(ObjectiveBatch batch, int i) => batch.OldLogp[i] - batch.RolloutLogp[i];

    private static double OfTrajectory(ObjectiveBatch batch, int b, double[] values) =>
        RowStatistics.OfTrajectory(batch, b, i => values[i]) is var (sum, count, _) ? sum / count : 0;

    private double Bounded(double weight) => _bounds.Lower is { } lower
        ? (weight < lower || weight > _bounds.Upper ? 0 : weight) : Math.Min(weight, _bounds.Upper);

    private Dictionary<string, double> Measure(ObjectiveBatch batch, double[] weights, double[] raw, double[] log,
        List<int> counted)
    {
        if (counted.Count == 0)
        {
            return [];
        }

        double upper = _bounds.Upper, lower = _bounds.Lower
            ?? 1 / upper, max = double.NegativeInfinity, min = double.PositiveInfinity;
        bool sequence = level == "sequence";
        batch.ForEachRow(i =>
        {
            double shown = sequence ? Math.Exp(Math.Min(log[i], LargestExponent)) : weights[i];
            (max, min) = (Math.Max(max, shown), Math.Min(min, shown));
        });
        double mean = RowStatistics.Mean(batch, i => weights[i]);
        double clamped = RowStatistics.Mean(batch, i => Math.Min(weights[i], upper));
        double squares = RowStatistics.Mean(batch, i => Math.Pow(Math.Min(weights[i], upper), 2));
        double[] means = [.. counted.Select(b => OfTrajectory(batch, b, weights))],
            rawMeans = [.. counted.Select(b => OfTrajectory(batch, b, raw))];
        Dictionary<string, double> metrics = new()
        {
            ["rollout_is_mean"] = mean,
            ["rollout_is_max"] = max,
            ["rollout_is_min"] = min,
            ["rollout_is_std"] = Math.Sqrt(Math.Max(squares - clamped * clamped, 0)),
            ["rollout_is_eff_sample_size"] = squares > 0 ? clamped * clamped / squares : 0,
            ["rollout_is_ratio_fraction_high"] = Share(batch, counted, log, raw, w => w > upper),
            ["rollout_is_ratio_fraction_low"] = Share(batch, counted, log, raw, w => w < lower),
            ["rollout_is_seq_mean"] = means.Average(),
            ["rollout_is_seq_std"] = RowStatistics.Deviation(means),
            ["rollout_is_seq_max"] = means.Max(),
            ["rollout_is_seq_min"] = means.Min(),
            ["rollout_is_seq_max_deviation"] = means.Max(m => Math.Abs(m - 1)),
            ["rollout_is_seq_fraction_high"] = rawMeans.Average(m => m > upper ? 1 : 0),
            ["rollout_is_seq_fraction_low"] = rawMeans.Average(m => m < lower ? 1 : 0),
        };
        if (_bounds.Lower is not null)
        {
            metrics["rollout_is_oob_ratio"] = RowStatistics.Mean(batch, i => raw[i] < lower || raw[i] > upper ? 1 : 0);
        }

        return metrics;
    }

    /// <summary>The share of tokens, or of sequences.</summary>
    private double Share(ObjectiveBatch batch, List<int> counted, double[] log, double[] raw,
        Func<double, bool> test) => level == "sequence"
        ? counted.Average(b => test(Math.Exp(OfTrajectory(batch, b, log))) ? 1.0 : 0)
        : RowStatistics.Mean(batch, i => test(raw[i]) ? 1 : 0);

    private static (double? Lower, double Upper) Bounds(string threshold)
    {
        string[] parts = threshold.Split('_');
        double[] numbers = [.. parts.Select(p =>
            double.TryParse(p, NumberStyles.Float, CultureInfo.InvariantCulture, out double n) ? n : double.NaN)];
        return numbers switch
        {
            [> 0] => (null, numbers[0]),
            [> 0, > 0] when numbers[0] <= numbers[1] => (numbers[0], numbers[1]),
            _ => throw new ConfigException(
                $"rollout_is_threshold: expected a number above 0, or lower_upper (0.5_2.0), found '{threshold}'"),
        };
    }
}
