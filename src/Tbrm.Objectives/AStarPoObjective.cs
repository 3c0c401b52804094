using System;

namespace Tbrm.Objectives;

/// <summary>
/// A*-PO, arXiv 2505.20686, stage 2: least squares on the optimal advantage,
/// <code>
/// delta_b = beta2 sum_h (log pi - log pi_ref)_h + V_hat_b - r_b;   loss = sum_b w_b delta_b^2
/// </code>
/// with V_hat(x) = beta1 log mean_i exp(r_i / beta1) over samples of the reference policy (<see cref="OptimalValue"/>). The batch carries
/// r - V_hat as its reward.
/// </summary>
/// <param name="beta2">Reward units per nat; the paper uses 1e-3.</param>
public sealed class AStarPoObjective(double beta2) : IObjective
{
    /// <inheritdoc/>
    public string Name => "a_star_po";

    /// <inheritdoc/>
    public ObjectiveNeeds Needs => new(ReferenceLogp: true);

    /// <summary>V_hat of one prompt from the rewards of its reference samples, by log-sum-exp; beta1 = 0 gives their mean.</summary>
    public static double OptimalValue(ReadOnlySpan<double> rewards, double beta1)
    {
        ArgumentOutOfRangeException.ThrowIfZero(rewards.Length);
        double sum = 0, max = double.NegativeInfinity;
        foreach (double r in rewards)
        {
            sum += r;
            max = Math.Max(max, r);
        }

        if (beta1 == 0)
        {
            return sum / rewards.Length;
        }

        double total = 0;
        foreach (double r in rewards)
        {
            total += Math.Exp((r - max) / beta1);
        }

        return max + beta1 * Math.Log(total / rewards.Length);
    }

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        batch.Check(needsReference: true, needsReferenceValue: false);
        ObjectiveResult result = new(batch.RowCount, entropy: false) { Residual = new double[batch.TrajectoryCount] };
        double logRatio = 0;
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            int begin = (int)batch.RowOffsets[b], end = (int)batch.RowOffsets[b + 1];
            double rho = 0;
            for (int i = begin; i < end; i++)
            {
                rho += (double)batch.Q[i] - batch.V[i] - batch.RefLogp[i];
            }

            double delta = beta2 * rho - batch.Reward[b];
            result.Residual[b] = delta;
            result.Loss += batch.Weight[b] * delta * delta;
            logRatio += rho;
            float c = (float)(2 * beta2 * batch.Weight[b] * delta);
            result.DQ.AsSpan(begin, end - begin).Fill(c);
            result.DV.AsSpan(begin, end - begin).Fill(-c);
        }

        result.Sums["actor/logprob_ratio_ref/mean"] = logRatio;
        return result;
    }
}
