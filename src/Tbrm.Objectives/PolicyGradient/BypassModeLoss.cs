using System.Collections.Generic;
using Tbrm.Core.Config;
using Tbrm.Objectives.Rollout;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>
/// verl's bypass mode: the rollout's log-probs are the old ones, and the policy of this update is compared with them.
/// <c>ppo_clip</c>: PPO's clipped surrogate,
/// whose ratio is the correction, so that no weights are applied. <c>reinforce</c>: -sg[w] A log pi with w of
/// <c>rollout_is</c>. Rows that
/// <c>rollout_rs</c> rejects lose loss and gradient; counts stay those of the whole mini-batch, as in verl's trainer.
/// Whatever weighs or rejects is constant
/// for the gradient.
/// </summary>
public sealed class BypassModeLoss : IPolicyLoss, IPolicyLossEntry
{
    private readonly VanillaLoss _clip = new();

    /// <inheritdoc/>
    public static string LossMode => "bypass_mode";

    /// <inheritdoc/>
    public static string Summary =>
        "the rollout's log-probs for the old ones: PPO's clip, or REINFORCE with importance weights";

    /// <inheritdoc/>
    public static string Paper => "verl, rollout correction";

    /// <inheritdoc/>
    public IReadOnlyList<string> Metrics => ["actor/ppo_kl"];

    /// <inheritdoc/>
    public Needs NeedsWith(PolicyLossOptions options) => Correction(options).IsActive ? Needs.OldLogp | Needs.WholeBatch
        : Needs.OldLogp;

    /// <inheritdoc/>
    public void Evaluate(ObjectiveBatch batch, PolicyLossOptions options, PolicyLossRows rows)
    {
        bool reinforces = options.LossType == "reinforce";
        ObjectiveBatch corrected = Correct(batch, Correction(options), rows);
        if (!reinforces)
        {
            _clip.Evaluate(batch, options, rows);
        }

        batch.ForEachRow(i =>
        {
            double weight = !corrected.Counts(i) ? 0 : reinforces && corrected.RolloutWeights.Length > 0
                ? corrected.RolloutWeights[i] : 1;
            if (reinforces)
            {
                rows.Loss[i] = weight == 0 ? 0 : -weight * batch.Advantages[i] * batch.LogPi(i);
                rows.Derivative[i] = weight == 0 ? 0 : -weight * batch.Advantages[i];
                rows.Metrics.AddMean("actor/ppo_kl", batch.OldLogp[i] - batch.LogPi(i), 1);
            }
            else if (weight == 0)
            {
                rows.Loss[i] = rows.Derivative[i] = 0;
            }
        });
    }

    private static RolloutCorrection Correction(PolicyLossOptions options) => new(new RolloutCorrectionConfig
    {
        RolloutIs = options.RolloutIs,
        RolloutIsThreshold = options.RolloutIsThreshold,
        RolloutIsBatchNormalize = options.RolloutIsBatchNormalize,
        RolloutRs = options.RolloutRs,
        RolloutRsThreshold = options.RolloutRsThreshold,
    });

    /// <summary>The batch with weights and mask of the present policy over the rollout's.</summary>
    private static ObjectiveBatch Correct(ObjectiveBatch batch, RolloutCorrection correction, PolicyLossRows rows)
    {
        if (!correction.IsActive)
        {
            return batch with { RolloutWeights = [] };
        }

        double[] present = new double[batch.RowCount];
        batch.ForEachRow(i => present[i] = batch.Constants.LogPi(i));
        (ObjectiveBatch corrected, IReadOnlyDictionary<string, double> metrics) =
            correction.Apply(batch with { OldLogp = present, RolloutLogp = batch.OldLogp, RolloutWeights = [] });
        foreach ((string name, double value) in metrics)
        {
            rows.Metrics.AddMean(name, value, 1);
        }

        return corrected;
    }
}
