using System;
using Tbrm.Core.Config;

namespace Tbrm.Objectives;

/// <summary>Options of the critic's loss, by verl's names (section <c>critic</c>).</summary>
public sealed record ValueLossOptions
{
    /// <summary>How far a value may move from the one before the update.</summary>
    [AllowedRange(0, 1e9)]
    public double CliprangeValue { get; init; } = 0.5;

    /// <summary>How tokens become one number.</summary>
    [AllowedWords("token-mean", "token-sum", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm",
        "prompt-mean")]
    public string LossAggMode { get; init; } = "token-mean";

    /// <summary>Divisor of seq-mean-token-sum-norm; null: the longest possible response.</summary>
    [AllowedRange(0, 1e12, ExclusiveMinimum = true)]
    public double? LossScaleFactor { get; init; }
}

/// <summary>
/// The critic's loss of PPO with value clipping: 1/2 sum_i w_i max((v - R)^2, (clip(v, v_old - eps, v_old + eps) -
/// R)^2).
/// </summary>
public sealed class ValueLoss(ValueLossOptions options) : IObjective
{
    /// <inheritdoc/>
    public Needs Needs => Needs.Values | Needs.OldValues | Needs.Returns;

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        ObjectiveResult result = new(batch.RowCount, values: true);
        double[] weights = LossAggregation.RowWeights(batch, options.LossAggMode, options.LossScaleFactor);
        result.Metrics.AddMean("critic/vf_clipfrac", 0, 0);
        result.Metrics.AddMean("critic/vpred_mean", 0, 0);
        batch.ForEachRow(i =>
        {
            double v = batch.Values[i], old = batch.OldValues[i], target = batch.Returns[i];
            double bounded = Math.Clamp(v, old - options.CliprangeValue, old + options.CliprangeValue);
            double plain = (v - target) * (v - target), clipped = (bounded - target) * (bounded - target);
            bool further = clipped > plain;
            result.Loss += weights[i] * (further ? clipped : plain) / 2;
            result.DValues[i] = weights[i] * (!further ? v - target : bounded == v ? bounded - target : 0);
            result.Metrics.AddMean("critic/vf_clipfrac", further ? 1 : 0, 1);
            result.Metrics.AddMean("critic/vpred_mean", v, 1);
        });
        result.Metrics.AddSum("critic/vf_loss", result.Loss);
        return result;
    }
}
