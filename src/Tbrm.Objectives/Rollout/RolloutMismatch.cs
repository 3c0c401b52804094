using System;
using System.Collections.Generic;
using System.Linq;

namespace Tbrm.Objectives.Rollout;

/// <summary>How far the trainer's policy is from the rollout's, by verl's names without prefix: KL, perplexities,
/// chi^2.</summary>
internal static class RolloutMismatch
{
    public static Dictionary<string, double> Measure(ObjectiveBatch batch)
    {
        List<int> counted = RowStatistics.Counted(batch);
        if (counted.Count == 0)
        {
            return [];
        }

        double Log(int i) => batch.OldLogp[i] - batch.RolloutLogp[i];
        double[] trainer = [.. counted.Select(b => MeanOf(batch, b, i => batch.OldLogp[i]))],
            rollout = [.. counted.Select(b => MeanOf(batch, b, i => batch.RolloutLogp[i]))];
        double[] difference = [.. rollout.Zip(trainer, (r, t) => r - t)];
        return new()
        {
            ["training_ppl"] = trainer.Average(m => Math.Exp(-m)),
            ["training_log_ppl"] = trainer.Average(m => -m),
            ["kl"] = RowStatistics.Mean(batch, i => -Log(i)),
            ["k3_kl"] = RowStatistics.Mean(batch, i => Math.Exp(Log(i)) - Log(i) - 1),
            ["rollout_ppl"] = rollout.Average(m => Math.Exp(-m)),
            ["rollout_log_ppl"] = rollout.Average(m => -m),
            ["log_ppl_diff"] = difference.Average(),
            ["log_ppl_abs_diff"] = difference.Average(Math.Abs),
            ["log_ppl_diff_max"] = difference.Max(),
            ["log_ppl_diff_min"] = difference.Min(),
            ["ppl_ratio"] = difference.Average(Math.Exp),
            ["chi2_token"] = RowStatistics.Mean(batch, i => Math.Exp(2 * Safe(Log(i)))) - 1,
            ["chi2_seq"] = counted.Average(b => Math.Exp(2 * Safe(RowStatistics.OfTrajectory(batch, b, Log).Sum))) - 1,
        };
    }

    private static double Safe(double log) =>
        Math.Clamp(log, -RolloutImportance.LargestExponent, RolloutImportance.LargestExponent);

    private static double MeanOf(ObjectiveBatch batch, int b, Func<int, double> value) =>
        RowStatistics.OfTrajectory(batch, b, value) is var (sum, count, _) ? sum / count : 0;
}
