using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Core.Errors;

namespace Tbrm.Objectives.Rollout;

/// <summary>
/// Rejection of tokens or sequences whose divergence between trainer and rollout is too large (verl's
/// <c>rollout_rs</c>): token_k1..k3,
/// seq_sum_k1..k3, seq_mean_k1..k3 (the geometric mean of the ratio for k1), seq_max_k2 and k3. Several, with commas:
/// all must pass. With d = log
/// pi_old - log pi_rollout: k1 = -d between the logarithms of <c>lower_upper</c> (one number u: 1/u to u), k2 = d^2/2
/// and k3 = e^d - 1 - d up to a
/// number.
/// </summary>
internal sealed class RolloutRejection
{
    private sealed record Test(string Name, string Level, int Kind, double Lower, double Upper);

    private static readonly string[] s_names =
    [
        "token_k1", "token_k2", "token_k3", "seq_sum_k1", "seq_sum_k2", "seq_sum_k3", "seq_mean_k1", "seq_mean_k2",
            "seq_mean_k3", "seq_max_k2", "seq_max_k3",
    ];

    private readonly Test[] _tests;

    public RolloutRejection(string options, string thresholds)
    {
        string[] names = [.. options.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Distinct()];
        string[] bounds = thresholds.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (bounds.Length != 1 && bounds.Length != names.Length)
        {
            throw new ConfigException(
                $"rollout_rs_threshold: expected one threshold or {names.Length} with commas, one for each of "
                    + $"rollout_rs={options}, found '{thresholds}'");
        }

        _tests = [.. names.Select((name, i) => Parse(name, bounds.Length == 1 ? bounds[0] : bounds[i]))];
    }

    /// <summary>The rows that still count, and metrics without prefix.</summary>
    public (bool[] Mask, Dictionary<string, double> Metrics) Reject(ObjectiveBatch batch)
    {
        bool[] mask = [.. Enumerable.Range(0, batch.RowCount).Select(batch.Counts)], all = [.. mask];
        Dictionary<string, double> metrics = [];
        foreach (Test test in _tests)
        {
            bool[] kept = Kept(batch, test, out double mean);
            metrics[$"rollout_rs_{test.Name}_mean"] = mean;
            AddShares(batch, metrics, $"rollout_rs_{test.Name}_", kept);
            mask = [.. mask.Zip(kept, (a, b) => a && b)];
        }

        AddShares(batch, metrics, "rollout_rs_", [.. mask.Zip(all, (m, a) => m || !a)]);
        return (mask, metrics);
    }

    private static bool[] Kept(ObjectiveBatch batch, Test test, out double mean)
    {
        bool[] kept = new bool[batch.RowCount];
        double[] statistic = new double[batch.RowCount];
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (double sum, int count, double max) =
                RowStatistics.OfTrajectory(batch, b, i => Divergence(batch, i, test.Kind));
            double own = test.Level switch { "seq_sum" => sum, "seq_mean" => count > 0 ? sum / count : 0, _ => max };
            (int begin, int end) = batch.Actions(b);
            for (int i = begin; i < end; i++)
            {
                if (batch.Counts(i))
                {
                    statistic[i] = test.Level == "token" ? Divergence(batch, i, test.Kind) : own;
                    kept[i] = statistic[i] >= test.Lower && statistic[i] <= test.Upper;
                }
            }
        }

        mean = RowStatistics.Mean(batch, i => statistic[i]);
        return kept;
    }

    private static double Divergence(ObjectiveBatch batch, int i, int kind)
    {
        double d = Math.Clamp(
            batch.OldLogp[i] - batch.RolloutLogp[i], -RolloutImportance.LargestExponent,
            RolloutImportance.LargestExponent);
        return kind switch { 1 => -d, 2 => d * d / 2, _ => Math.Exp(d) - 1 - d };
    }

    private static void AddShares(ObjectiveBatch batch, Dictionary<string, double> metrics, string prefix, bool[] kept)
    {
        List<int> counted = RowStatistics.Counted(batch);
        metrics[prefix + "masked_fraction"] = RowStatistics.Mean(batch, i => kept[i] ? 0 : 1);
        metrics[prefix + "seq_masked_fraction"] = counted.Count > 0
            ? counted.Average(b => RowStatistics.OfTrajectory(batch, b, i => kept[i] ? 0 : 1).Max) : 0;
    }

    private static Test Parse(string name, string threshold)
    {
        if (!s_names.Contains(name))
        {
            throw new ConfigException(
                $"rollout_rs: expected some of {string.Join(", ", s_names)}, found "
                    + $"'{name}'{NearestName.Hint(name, s_names)}");
        }

        int kind = name[^1] - '0';
        double[] bounds = [.. threshold.Split('_')
            .Select(p => double.TryParse(p, NumberStyles.Float, CultureInfo.InvariantCulture, out double n) ? n
            : double.NaN)];
        string level = name[..name.LastIndexOf('_')];
        return (kind, bounds) switch
        {
            (1, [> 0]) => new(name, level, kind, Math.Log(1 / bounds[0]), Math.Log(bounds[0])),
            (1, [> 0, > 0]) when bounds[0] <= bounds[1] =>
                new(name, level, kind, Math.Log(bounds[0]), Math.Log(bounds[1])),
            (not 1, [> 0]) => new(name, level, kind, double.NegativeInfinity, bounds[0]),
            _ => throw new ConfigException(
                $"rollout_rs_threshold for {name}: expected "
                    + $"{(kind == 1 ? "lower_upper (0.5_2.0) or one number" : "one number")} above 0, found "
                    + $"'{threshold}'"),
        };
    }
}
