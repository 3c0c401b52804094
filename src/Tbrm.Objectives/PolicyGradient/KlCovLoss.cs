using System;
using System.Collections.Generic;
using System.Linq;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>
/// KL-Cov, arXiv 2505.22617: -A rho without clipping, and + ppo_kl_coef |log rho| on the kl_cov_ratio share of tokens
/// (one at least) whose
/// covariance of advantage and log-probability is largest. verl chooses within a micro-batch; here within the
/// mini-batch, so that the cut does
/// not matter. Of equal ones the first.
/// </summary>
public sealed class KlCovLoss : IPolicyLoss, IPolicyLossEntry
{
    /// <inheritdoc/>
    public static string LossMode => "kl_cov";

    /// <inheritdoc/>
    public static string Summary => "KL penalty on the tokens of largest covariance";

    /// <inheritdoc/>
    public static string Paper => "arXiv 2505.22617";

    /// <inheritdoc/>
    public IReadOnlyList<string> Metrics => ["actor/ppo_kl"];

    /// <inheritdoc/>
    public Needs Needs => Needs.OldLogp | Needs.WholeBatch;

    /// <inheritdoc/>
    public void Evaluate(ObjectiveBatch batch, PolicyLossOptions options, PolicyLossRows rows)
    {
        (List<int> counted, double[] covariance) = Covariance.Of(batch);
        int chosen = Math.Min(counted.Count, Math.Max(1, (int)(counted.Count * options.KlCovRatio)));
        HashSet<int> held = [.. Enumerable.Range(0, counted.Count).OrderByDescending(k => covariance[k]).Take(chosen)
            .Select(k => counted[k])];
        foreach (int i in counted)
        {
            double log = batch.LogPi(i) - batch.OldLogp[i], ratio = Math.Exp(log);
            double penalty = held.Contains(i) ? options.PpoKlCoef : 0;
            rows.Loss[i] = -batch.Advantages[i] * ratio + penalty * Math.Abs(log);
            rows.Derivative[i] = -batch.Advantages[i] * ratio + penalty * Math.Sign(log);
            rows.Metrics.AddMean("actor/ppo_kl", Math.Abs(log), 1);
        }
    }
}
