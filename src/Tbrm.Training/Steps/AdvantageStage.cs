using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Objectives;
using Tbrm.Objectives.Kl;
using Tbrm.Objectives.Rollout;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Steps;

/// <summary>The adv stage: KL in the reward, correction of the rollout's mismatch, then advantages and returns of every
/// token, over the whole step.</summary>
public sealed class AdvantageStage
{
    private readonly IAdvantageEstimator? _estimator;
    private readonly AlgorithmConfig _config;
    private readonly KlController? _controller;
    private readonly RolloutCorrection _correction;
    private readonly bool _isPolicyGradient;

    /// <summary>As the configuration says.</summary>
    public AdvantageStage(AlgorithmSelection algorithm, RunConfig config)
    {
        _estimator = algorithm.Estimator;
        _config = config.Algorithm;
        _correction = algorithm.Correction;
        _isPolicyGradient = algorithm.Entry.IsPolicyGradient;
        KlCtrlConfig kl = _config.KlCtrl;
        _controller = _config.UseKlInReward ? new(kl.KlCoef, kl.Type == "adaptive" ? kl.TargetKl : null, kl.Horizon)
            : null;
    }

    /// <summary>Whether there is anything to do.</summary>
    public bool IsNeeded => _estimator is not null || _controller is not null || _correction.IsActive;

    /// <summary>Whether log-probs before the first update are asked for.</summary>
    public bool NeedsOldLogp => _controller is not null || _correction.IsActive
        || _estimator?.Needs.HasFlag(Needs.OldLogp) == true;

    /// <summary>The coefficient of the KL in the reward, which a checkpoint keeps; null without one.</summary>
    public double? KlCoefficient
    {
        get => _controller?.Coefficient;
        set
        {
            if (_controller is not null && value is { } coefficient)
            {
                _controller.Coefficient = coefficient;
            }
        }
    }

    /// <summary>Adds token rewards, advantages and returns; what verl reports of them goes into the metrics.</summary>
    public ObjectiveBatch Estimate(ObjectiveBatch batch, MetricSet metrics)
    {
        if (_controller is not null)
        {
            double coefficient = _controller.Coefficient;
            (batch, double kl) = KlInReward.Apply(batch, _config.KlPenalty, coefficient);
            _controller.Update(kl, batch.TrajectoryCount);
            metrics["actor/reward_kl_penalty"] = kl;
            metrics["actor/reward_kl_penalty_coeff"] = coefficient;
        }

        if (_correction.IsActive)
        {
            (batch, IReadOnlyDictionary<string, double> corrected) = _correction.Apply(batch);
            foreach ((string name, double value) in corrected)
            {
                metrics[name] = value;
            }

            batch = _isPolicyGradient ? batch : ByTrajectory(batch);
        }

        if (_estimator is null)
        {
            return batch;
        }

        AdvantageEstimate estimate = _estimator.Estimate(batch);
        metrics.AddSpread("critic/advantages", Counted(batch, estimate.Advantages));
        metrics.AddSpread("critic/returns", Counted(batch, estimate.Returns));
        if (batch.OldValues.Length > 0)
        {
            List<double> values = Counted(batch, batch.OldValues), returns = Counted(batch, estimate.Returns);
            metrics.AddSpread("critic/values", values);
            metrics["critic/vf_explained_var"] =
                1 - Variance([.. returns.Zip(values, (r, v) => r - v)]) / (Variance(returns) + 1e-5);
        }

        return batch with { Advantages = estimate.Advantages, Returns = estimate.Returns };
    }

    /// <summary>The weights of whole sequences, which every row of one shares, as those of trajectories.</summary>
    private static ObjectiveBatch ByTrajectory(ObjectiveBatch batch)
    {
        double[] weights = new double[batch.TrajectoryCount];
        for (int b = 0; b < weights.Length; b++)
        {
            (int begin, int end) = batch.Actions(b);
            int first = Enumerable.Range(begin, end - begin).FirstOrDefault(batch.Counts, -1);
            weights[b] = first >= 0 ? batch.RolloutWeights[first] : 1;
        }

        return batch with { TrajectoryWeights = weights, RolloutWeights = [] };
    }

    /// <summary>The numbers of the rows that are trained on.</summary>
    private static List<double> Counted(ObjectiveBatch batch, double[] rows)
    {
        List<double> counted = [];
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            for (int i = begin; i < end && !batch.IsDropped(b); i++)
            {
                if (batch.Counts(i))
                {
                    counted.Add(rows[i]);
                }
            }
        }

        return counted;
    }

    /// <summary>As torch.var: n - 1 in the denominator.</summary>
    private static double Variance(List<double> values)
    {
        if (values.Count < 2)
        {
            return double.NaN;
        }

        double mean = values.Average();
        return values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1);
    }
}
