using System;
using System.Collections.Generic;
using System.Linq;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>
/// Clip-Cov, arXiv 2505.22617: PPO's clipped surrogate, and no gradient at all for a clip_cov_ratio share of tokens
/// (one at least) among those
/// that are not clipped and whose covariance of advantage and log-probability lies between clip_cov_lb and clip_cov_ub.
/// verl chooses among them
/// at random, within a micro-batch; here those of largest covariance in the mini-batch are taken, so that the same
/// batch gives the same result
/// whatever the cut. The exponent is not clamped, as in verl.
/// </summary>
public sealed class ClipCovLoss : IPolicyLoss, IPolicyLossEntry
{
    /// <inheritdoc/>
    public static string LossMode => "clip_cov";

    /// <inheritdoc/>
    public static string Summary => "no gradient on some tokens of large covariance";

    /// <inheritdoc/>
    public static string Paper => "arXiv 2505.22617";

    /// <inheritdoc/>
    public IReadOnlyList<string> Metrics => ["actor/pg_clipfrac", "actor/ppo_kl"];

    /// <inheritdoc/>
    public Needs Needs => Needs.OldLogp | Needs.WholeBatch;

    /// <inheritdoc/>
    public void Evaluate(ObjectiveBatch batch, PolicyLossOptions options, PolicyLossRows rows)
    {
        (List<int> counted, double[] covariance) = Covariance.Of(batch);
        List<int> candidates = [];
        for (int k = 0; k < counted.Count; k++)
        {
            int i = counted[k];
            double log = batch.LogPi(i) - batch.OldLogp[i], ratio = Math.Exp(log);
            (rows.Loss[i], rows.Derivative[i], bool clipped) =
                Ratio.Pessimistic(batch.Advantages[i], ratio, ratio, options);
            rows.Metrics.AddMean("actor/ppo_kl", -log, 1);
            if (!clipped && covariance[k] < options.ClipCovUb && covariance[k] > options.ClipCovLb)
            {
                candidates.Add(k);
            }
        }

        int most = Math.Max((int)(options.ClipCovRatio * counted.Count), 1);
        HashSet<int> cut = [.. candidates.OrderByDescending(k => covariance[k]).Take(most).Select(k => counted[k])];
        foreach (int i in cut)
        {
            rows.Loss[i] = rows.Derivative[i] = 0;
        }

        rows.Metrics.AddMean("actor/pg_clipfrac", cut.Count, counted.Count);
    }
}
