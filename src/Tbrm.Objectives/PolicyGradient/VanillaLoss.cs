namespace Tbrm.Objectives.PolicyGradient;

/// <summary>
/// PPO's clipped surrogate, arXiv 1707.06347, with the dual clip of arXiv 1912.09729 as verl has it: max(-A rho, -A
/// clip(rho, 1 - low, 1 + high)),
/// and where A is negative at most -A c. DAPO's clip-higher is clip_ratio_high.
/// </summary>
public sealed class VanillaLoss : IPolicyLoss, IPolicyLossEntry
{
    private const double DefaultC = 3;

    /// <inheritdoc/>
    public static string LossMode => "vanilla";

    /// <inheritdoc/>
    public static string Summary => "PPO's clipped surrogate with dual clip";

    /// <inheritdoc/>
    public static string Paper => "arXiv 1707.06347";

    /// <inheritdoc/>
    public void Evaluate(ObjectiveBatch batch, PolicyLossOptions options, PolicyLossRows rows) =>
        batch.ForEachRow(i =>
    {
        double a = batch.Advantages[i];
        (double ratio, double derivative, double log) = Ratio.Of(batch, i);
        (double loss, double d, bool clipped) = Ratio.Pessimistic(a, ratio, derivative, options);
        double bound = -a * (options.ClipRatioC ?? DefaultC);
        bool lower = a < 0 && loss > bound;
        rows.Loss[i] = lower ? bound : loss;
        rows.Derivative[i] = lower ? 0 : d;
        rows.Metrics.AddMean("actor/pg_clipfrac", clipped ? 1 : 0, 1);
        rows.Metrics.AddMean("actor/ppo_kl", -log, 1);
        rows.Metrics.AddMean("actor/pg_clipfrac_lower", lower ? 1 : 0, 1);
    });
}
