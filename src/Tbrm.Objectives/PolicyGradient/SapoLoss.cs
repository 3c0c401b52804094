using System;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>
/// SAPO, arXiv 2511.20347: -A 4/tau sigmoid(tau (rho - 1)), a gate that fades instead of cutting, with tau_pos where A
/// is positive and tau_neg
/// elsewhere; mean over tokens, then over sequences.
/// </summary>
public sealed class SapoLoss : IPolicyLoss, IPolicyLossEntry
{
    private const double GateScale = 4;

    /// <inheritdoc/>
    public static string LossMode => "sapo";

    /// <inheritdoc/>
    public static string Summary => "a smooth gate in place of clipping";

    /// <inheritdoc/>
    public static string Paper => "arXiv 2511.20347";

    /// <inheritdoc/>
    public string Aggregation => "seq-mean-token-mean";

    /// <inheritdoc/>
    public void Evaluate(ObjectiveBatch batch, PolicyLossOptions options, PolicyLossRows rows) =>
        batch.ForEachRow(i =>
    {
        double a = batch.Advantages[i], tau = a > 0 ? options.TauPos : options.TauNeg;
        (double ratio, double derivative, double log) = Ratio.Of(batch, i);
        double sigmoid = 1 / (1 + Math.Exp(-tau * (ratio - 1)));
        rows.Loss[i] = -a * sigmoid * GateScale / tau;
        rows.Derivative[i] = -a * GateScale * sigmoid * (1 - sigmoid) * derivative;
        rows.Metrics.AddMean("actor/pg_clipfrac", 0, 1);
        rows.Metrics.AddMean("actor/ppo_kl", -log, 1);
        rows.Metrics.AddMean("actor/pg_clipfrac_lower", 0, 1);
    });
}
