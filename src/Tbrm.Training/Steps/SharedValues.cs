using System;
using Tbrm.Objectives;

namespace Tbrm.Training.Steps;

/// <summary>What a policy that is its own critic learns of values in its update: the critic's loss times a coefficient
/// joins the policy's.</summary>
/// <param name="critic">The values.</param>
/// <param name="objective">The critic's loss.</param>
/// <param name="coefficient">Its weight beside the policy's: c_1 of arXiv 1707.06347, equation 9.</param>
public sealed class SharedValues(ISharedCritic critic, IObjective objective, double coefficient)
{
    /// <summary>Evaluates the values of the batch that was kept, and hands their gradient to the policy's next
    /// backward.</summary>
    /// <param name="part">The columns of its trajectories.</param>
    /// <param name="metrics">Takes in the critic's numbers.</param>
    /// <returns>The values' share of the loss.</returns>
    public double Add(ObjectiveBatch part, ObjectiveMetrics metrics)
    {
        float[] values = critic.OfKept(part.RowCount);
        ObjectiveResult evaluated = objective.Evaluate(part with { Values = Array.ConvertAll(values, v => (double)v) });
        critic.AddGradient(Array.ConvertAll(evaluated.DValues, d => (float)(coefficient * d)));
        metrics.Add(evaluated.Metrics);
        return coefficient * evaluated.Loss;
    }
}
