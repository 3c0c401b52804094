using System;
using System.Collections.Generic;

namespace Tbrm.Objectives.Bellman;

/// <summary>
/// The optimal value of a prompt under the reference, estimated from samples: V*(x) = beta log(1/N sum_i exp(r_i /
/// beta)), arXiv 2505.20686.
/// </summary>
public static class OptimalValue
{
    /// <summary>
    /// V* in reward units. beta 0 gives the mean, a beta below 0 gives 0, as the authors' code does. They exponentiate
    /// plainly, which
    /// overflows for small beta; here the largest reward is taken out first. No rewards: 0.
    /// </summary>
    public static double Of(IReadOnlyCollection<double> rewards, double beta)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        double max = double.NegativeInfinity, sum = 0;
        foreach (double r in rewards)
        {
            max = Math.Max(max, r);
            sum += r;
        }

        if (rewards.Count == 0 || beta < 0)
        {
            return 0;
        }

        if (beta == 0)
        {
            return sum / rewards.Count;
        }

        double total = 0;
        foreach (double r in rewards)
        {
            total += Math.Exp((r - max) / beta);
        }

        return max + beta * Math.Log(total / rewards.Count);
    }
}
