using System;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>
/// DPPO, arXiv 2602.04879: -A sg[min(rho, c)] log pi, without tokens whose probability left the trust region in the
/// direction that the
/// advantage pushes. clip_ratio(_low, _high) is the region: a difference of probabilities (binary total variation) or a
/// binary KL.
/// </summary>
public abstract class DppoLoss : IPolicyLoss
{
    private const double DefaultC = 20;

    /// <inheritdoc/>
    public void Evaluate(ObjectiveBatch batch, PolicyLossOptions options, PolicyLossRows rows) =>
        batch.ForEachRow(i =>
    {
        double a = batch.Advantages[i], logp = batch.LogPi(i), c = options.ClipRatioC ?? DefaultC;
        (double ratio, _, double log) = Ratio.Of(batch.Constants, i);
        bool inside = IsInside(a, batch.Constants.LogPi(i), batch.OldLogp[i], options);
        double weight = inside ? Math.Min(ratio, c) : 0;
        rows.Loss[i] = -a * weight * logp;
        rows.Derivative[i] = -a * weight;
        rows.Metrics.AddMean("actor/pg_clipfrac", inside ? 0 : 1, 1);
        rows.Metrics.AddMean("actor/ppo_kl", -log, 1);
        rows.Metrics.AddMean("actor/pg_clipfrac_lower", inside && ratio > c ? 1 : 0, 1);
    });

    /// <summary>Whether a token keeps its gradient.</summary>
    protected abstract bool IsInside(double advantage, double logp, double oldLogp, PolicyLossOptions options);
}

/// <summary>DPPO with binary total variation.</summary>
public sealed class DppoTvLoss : DppoLoss, IPolicyLossEntry
{
    /// <inheritdoc/>
    public static string LossMode => "dppo_tv";

    /// <inheritdoc/>
    public static string Summary => "trust region by the change of the token's probability";

    /// <inheritdoc/>
    public static string Paper => "arXiv 2602.04879";

    /// <inheritdoc/>
    protected override bool IsInside(double advantage, double logp, double oldLogp, PolicyLossOptions options)
    {
        double change = Math.Exp(logp) - Math.Exp(oldLogp);
        return advantage > 0 ? change <= options.High : change >= -options.Low;
    }
}

/// <summary>DPPO with binary KL.</summary>
public sealed class DppoKlLoss : DppoLoss, IPolicyLossEntry
{
    private const double LeastRest = 1e-8;

    /// <inheritdoc/>
    public static string LossMode => "dppo_kl";

    /// <inheritdoc/>
    public static string Summary => "trust region by the binary KL of the token's probability";

    /// <inheritdoc/>
    public static string Paper => "arXiv 2602.04879";

    /// <inheritdoc/>
    protected override bool IsInside(double advantage, double logp, double oldLogp, PolicyLossOptions options)
    {
        double p = Math.Exp(logp), q = Math.Exp(oldLogp);
        double kl = q * (oldLogp - logp) + (1 - q) * Math.Log((1 - q + LeastRest) / (1 - p + LeastRest));
        return advantage > 0 ? kl <= options.High || p <= q : kl <= options.Low || p >= q;
    }
}
