using System;
using System.Collections.Generic;
using Tbrm.Core.Config;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Bellman;

/// <summary>Options of Kimi's OPMD.</summary>
public sealed record OpmdOptions
{
    /// <summary>Weight of the squared log-ratio, reward units per nat.</summary>
    [AllowedRange(0, 1e6, ExclusiveMinimum = true)]
    public double Tau { get; init; } = 0.01;
}

/// <summary>
/// Online policy mirror descent as in Kimi k1.5, arXiv 2501.12599: loss = sum_b w_b (-(r_b - mean_group r) log pi(tau)
/// + tau/2 (log pi(tau) -
/// log pi_old(tau))^2); its gradient is the paper's, which replaces tau log Z by the group's mean reward. The paper
/// also resets the optimizer
/// at each iteration; that is the step's affair.
/// </summary>
public sealed class OpmdObjective(OpmdOptions options) : IObjective, IAlgorithmEntry
{
    /// <inheritdoc/>
    public static IReadOnlyList<Algorithm> Entries { get; } =
    [
        new()
        {
            Name = "kimi_opmd",
            Aliases = ["opmd"],
            Summary =
                "mirror descent: advantage over the group's mean, squared log-ratio to the sampling policy as penalty",
            Paper = "arXiv 2501.12599",
            Options = typeof(OpmdOptions),
            Objective = o => new OpmdObjective(OptionReader.Read<OpmdOptions>(o, "kimi_opmd")),
        },
    ];

    /// <inheritdoc/>
    public Needs Needs => Needs.OldLogp | Needs.Groups;

    /// <summary>The group's mean reward as the baseline, unless one was given.</summary>
    public ObjectiveBatch Prepare(ObjectiveBatch whole)
    {
        if (whole.BaselineRewards.Length > 0)
        {
            return whole;
        }

        double[] baseline = new double[whole.TrajectoryCount];
        foreach (int[] members in Groups.Of(whole))
        {
            double mean = Groups.Mean(whole, members);
            Array.ForEach(members, b => baseline[b] = mean);
        }

        return whole with { BaselineRewards = baseline };
    }

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        batch.Check(Needs | Needs.BaselineRewards);
        ObjectiveResult result = new(batch.RowCount);
        double[] zero = new double[batch.RowCount];
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            if (batch.IsDropped(b))
            {
                continue;
            }

            double advantage = batch.RewardOf(b) - batch.BaselineRewards[b], weight = batch.WeightOf(b);
            double logp = LogRatioRegression.LogRatio(batch, zero, b),
                rho = LogRatioRegression.LogRatio(batch, batch.OldLogp, b);
            result.Loss += weight * (-advantage * logp + options.Tau / 2 * rho * rho);
            LogRatioRegression.AddToEveryAction(batch, result, b, weight * (options.Tau * rho - advantage));
        }

        return result;
    }
}
