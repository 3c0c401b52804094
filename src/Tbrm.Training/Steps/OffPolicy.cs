using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Steps;

/// <summary>
/// How far the trajectories of a step's updates are from the policy that learns from them: their age in updates, the
/// residual by age, the effective
/// sample size, and the KL divergence from the policy that sampled them.
/// </summary>
public sealed class OffPolicy
{
    private const string Prefix = "off_policy/";

    private readonly List<long> _ages = [];
    private readonly List<(long Age, double Residual)> _residuals = [];
    private readonly List<double> _logWeights = [];
    private double _k1, _k3;
    private long _tokens;

    /// <summary>Adds a trajectory.</summary>
    /// <param name="age">Updates since it was sampled; null: by another policy.</param>
    /// <param name="residual">Its residual, nats or reward units; null where the algorithm has none.</param>
    public void Add(long? age, double? residual)
    {
        if (age is { } known)
        {
            _ages.Add(known);
            if (residual is { } value)
            {
                _residuals.Add((known, value));
            }
        }
    }

    /// <summary>Adds the log-probs of its tokens.</summary>
    /// <param name="behaviour">Of the policy that sampled, nats.</param>
    /// <param name="policy">Of the policy that learns, nats.</param>
    public void Add(ReadOnlySpan<float> behaviour, ReadOnlySpan<float> policy)
    {
        double weight = 0;
        for (int h = 0; h < behaviour.Length; h++)
        {
            double log = (double)policy[h] - behaviour[h];
            weight += log;
            _k1 -= log;
            _k3 += Math.Exp(log) - log - 1;
        }

        _tokens += behaviour.Length;
        _logWeights.Add(weight);
    }

    /// <summary>Writes the numbers that there are.</summary>
    public void AddTo(MetricSet metrics)
    {
        if (_ages.Count > 0)
        {
            metrics[Prefix + "age/mean"] = _ages.Average();
            metrics[Prefix + "age/max"] = _ages.Max();
        }

        foreach (IGrouping<int, double> group in _residuals.GroupBy(r => Bucket(r.Age), r => Math.Abs(r.Residual))
            .OrderBy(g => g.Key))
        {
            metrics[$"{Prefix}residual/{Name(group.Key)}"] = group.Average();
        }

        if (_tokens > 0)
        {
            metrics[Prefix + "kl"] = _k1 / _tokens;
            metrics[Prefix + "k3_kl"] = _k3 / _tokens;
            metrics[Prefix + "response_k3_kl"] = _k3 / _logWeights.Count;
            metrics[Prefix + "ess"] = EffectiveShare(_logWeights);
        }
    }

    /// <summary>(sum w)^2 / (N sum w^2) of weights exp(log w): 1 when all are equal, 1/N when one is everything. A
    /// common factor makes no difference.</summary>
    public static double EffectiveShare(IReadOnlyList<double> logWeights)
    {
        double most = logWeights.Max();
        double[] weights = [.. logWeights.Select(w => Math.Exp(w - most))];
        return Math.Pow(weights.Sum(), 2) / (weights.Length * weights.Sum(w => w * w));
    }

    /// <summary>0, 1, 2 to 3, 4 to 7, ...: by the power of two.</summary>
    private static int Bucket(long age) => age <= 0 ? 0 : 1 + (int)Math.Log2(age);

    private static string Name(int bucket) => bucket <= 1 ? string.Create(CultureInfo.InvariantCulture, $"age_{bucket}")
        : string.Create(CultureInfo.InvariantCulture, $"age_{1L << (bucket - 1)}_{(1L << bucket) - 1}");
}
