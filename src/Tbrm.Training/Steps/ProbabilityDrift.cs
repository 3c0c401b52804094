using System;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Steps;

/// <summary>
/// verl's comparison of the probabilities that the rollout recorded with those that the trainer computes for the same
/// tokens:
/// training/rollout_probs_diff_{mean,max,std} and their correlation.
/// </summary>
public sealed class ProbabilityDrift
{
    private long _count;
    private double _sum, _squares, _max, _x, _y, _xx, _yy, _xy;

    /// <summary>Adds a token, log-probs in nats.</summary>
    public void Add(float rolloutLogp, float trainerLogp)
    {
        double x = Math.Exp(rolloutLogp), y = Math.Exp(trainerLogp), difference = Math.Abs(x - y);
        _count++;
        _sum += difference;
        _squares += difference * difference;
        // Written so that a NaN stays.
        _max = difference <= _max ? _max : difference;
        _x += x;
        _y += y;
        _xx += x * x;
        _yy += y * y;
        _xy += x * y;
    }

    /// <summary>Largest difference of two probabilities.</summary>
    public double Max => _max;

    /// <summary>Writes the numbers under verl's names.</summary>
    public void AddTo(MetricSet metrics)
    {
        metrics["training/rollout_probs_diff_valid"] = _count > 0 ? 1 : 0;
        if (_count == 0)
        {
            return;
        }

        double mean = _sum / _count;
        metrics["training/rollout_probs_diff_mean"] = mean;
        metrics["training/rollout_probs_diff_max"] = _max;
        metrics["training/rollout_probs_diff_std"] = Math.Sqrt(Math.Max(0, _squares / _count - mean * mean));
        double covariance = _xy / _count - _x / _count * (_y / _count);
        double spread = Math.Sqrt(
            (_xx / _count - Math.Pow(_x / _count, 2)) * (_yy / _count - Math.Pow(_y / _count, 2)));
        metrics["training/rollout_actor_probs_pearson_corr"] = spread > 0 ? covariance / spread : 1;
    }
}
