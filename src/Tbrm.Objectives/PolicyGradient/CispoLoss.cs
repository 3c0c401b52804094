using System;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>CISPO, arXiv 2506.13585: -sg[clip(rho, 1 - low, 1 + high)] A log pi: the weight is clipped, never the
/// gradient.</summary>
public sealed class CispoLoss : IPolicyLoss, IPolicyLossEntry
{
    /// <inheritdoc/>
    public static string LossMode => "cispo";

    /// <inheritdoc/>
    public static string Summary => "policy gradient with clipped importance weights";

    /// <inheritdoc/>
    public static string Paper => "arXiv 2506.13585";

    /// <inheritdoc/>
    public void Evaluate(ObjectiveBatch batch, PolicyLossOptions options, PolicyLossRows rows) =>
        batch.ForEachRow(i =>
    {
        (double ratio, _, double log) = Ratio.Of(batch.Constants, i);
        double weight = Math.Clamp(ratio, 1 - options.Low, 1 + options.High), a = batch.Advantages[i];
        rows.Loss[i] = -weight * a * batch.LogPi(i);
        rows.Derivative[i] = -weight * a;
        rows.Metrics.AddMean("actor/pg_clipfrac", weight != ratio ? 1 : 0, 1);
        rows.Metrics.AddMean("actor/ppo_kl", -log, 1);
        rows.Metrics.AddMean("actor/pg_clipfrac_lower", 0, 1);
    });
}
