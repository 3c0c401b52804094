using Tbrm.Objectives.Kl;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>
/// A policy-gradient objective: sum_i w_i u_i loss_i - entropy_coeff sum_i w_i H_i + kl_loss_coef sum_i w_i KL_i, where
/// w is the aggregation
/// and u the rollout's importance weights. The loss per token is an <see cref="IPolicyLoss"/>; advantages come from an
/// <see cref="IAdvantageEstimator"/>.
/// </summary>
public sealed class PolicyGradientObjective(IPolicyLoss loss, PolicyLossOptions options) : IObjective
{
    /// <inheritdoc/>
    public Needs Needs =>
        Needs.Advantages | loss.NeedsWith(options) | (options.EntropyCoeff != 0 ? Needs.Entropy : Needs.None)
        | (options.KlWeight > 0 ? Needs.ReferenceLogp : Needs.None);

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        ObjectiveResult result = new(batch.RowCount, entropy: options.EntropyCoeff != 0);
        PolicyLossRows rows = new(batch.RowCount);
        foreach (string name in loss.Metrics)
        {
            rows.Metrics.AddMean(name, 0, 0);
        }

        loss.Evaluate(batch, options, rows);
        result.Metrics.Add(rows.Metrics);
        string common = options.LossAggMode ?? "token-mean";
        string mode = loss.Aggregation == LossAggregation.SequenceMean ? loss.Aggregation : options.LossAggMode
            ?? loss.Aggregation;
        double[] weights = LossAggregation.RowWeights(batch, mode, options.LossScaleFactor);
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] != 0)
            {
                double weight = weights[i] * (batch.RolloutWeights.Length > 0 ? batch.RolloutWeights[i] : 1);
                result.Loss += weight * rows.Loss[i];
                result.AddLogp(i, weight * rows.Derivative[i]);
            }
        }

        result.Metrics.AddSum("actor/pg_loss", result.Loss);
        double[] own = mode == common ? weights : LossAggregation.RowWeights(batch, common, options.LossScaleFactor);
        if (options.EntropyCoeff != 0)
        {
            EntropyBonus.Add(batch, result, own, options.EntropyCoeff);
        }

        if (options.KlWeight > 0)
        {
            AddKl(batch, result, own);
        }

        return result;
    }

    private void AddKl(ObjectiveBatch batch, ObjectiveResult result, double[] weights)
    {
        double kl = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] != 0)
            {
                (double value, double derivative) =
                    KlEstimator.Of(options.KlLossType, batch.LogPi(i), batch.RefLogp[i], batch.Constants.LogPi(i));
                kl += weights[i] * value;
                result.AddLogp(i, options.KlWeight * weights[i] * derivative);
            }
        }

        result.Loss += options.KlWeight * kl;
        result.Metrics.AddSum("actor/kl_loss", kl);
        result.Metrics.AddMean("actor/kl_coef", options.KlWeight, 1);
    }
}
