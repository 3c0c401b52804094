using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Estimators;

/// <summary>Options of the optimal token baseline.</summary>
public sealed record OptimalTokenBaselineOptions
{
    /// <summary>No baseline where the longest response of a group stands alone.</summary>
    public bool HandleZeroTail { get; init; } = true;

    /// <summary>Added to the denominator.</summary>
    [AllowedRange(0, 1)]
    public double Epsilon { get; init; } = 1e-8;
}

/// <summary>
/// The optimal token baseline, as verl has it: A_t = G_t - B_t with B_t = sum G_t W_t / sum W_t over the group at step
/// t, G the reward to go and
/// W_t = sum of (1 - 2 pi_j + sum_a pi^2) over j up to t, times the square of the rollout's importance weight. A group
/// of one has no baseline.
/// </summary>
public abstract class OptimalTokenBaselineBase(OptimalTokenBaselineOptions options) : IAdvantageEstimator
{
    /// <inheritdoc/>
    public Needs Needs => Needs.Groups | Needs.OldLogp | Needs.SumPiSquared;

    /// <summary>Whether steps are counted over rows that count (several turns), not over all.</summary>
    protected abstract bool CountsActionsOnly { get; }

    /// <inheritdoc/>
    public AdvantageEstimate Estimate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        double[] returns = Outcome.ReturnsToGo(batch, gamma: 1), advantages = [.. returns];
        foreach (int[] members in Groups.Of(batch).Where(m => m.Length > 1))
        {
            Subtract(batch, [.. members.Select(b => Steps(batch, b))], returns, advantages);
        }

        return new(advantages, returns);
    }

    private void Subtract(ObjectiveBatch batch, (int Row, int Step, double Weight)[][] members, double[] returns,
        double[] advantages)
    {
        Dictionary<int, (double Weighted, double Weights)> sums = [];
        foreach ((int row, int step, double weight) in members.SelectMany(m => m))
        {
            (double weighted, double weights) = sums.GetValueOrDefault(step);
            sums[step] = (weighted + returns[row] * weight, weights + weight);
        }

        int[] lengths = [.. members.Select(m => m.Length)];
        int[] ordered = [.. lengths.OrderDescending()];
        foreach ((int row, int step, double _) in members.SelectMany(m => m))
        {
            advantages[row] -= sums[step].Weighted / (sums[step].Weights + options.Epsilon);
        }

        if (options.HandleZeroTail && ordered[0] > ordered[1])
        {
            foreach ((int row, int step, double _) in members[Array.IndexOf(lengths, ordered[0])]
                .Where(s => s.Step >= ordered[1]))
            {
                advantages[row] = returns[row];
            }
        }
    }

    /// <summary>Row, step and cumulative weight of every row of trajectory b that counts.</summary>
    private (int Row, int Step, double Weight)[] Steps(ObjectiveBatch batch, int b)
    {
        (int begin, int end) = batch.Actions(b);
        List<(int, int, double)> steps = [];
        double cumulative = 0;
        for (int i = begin; i < end; i++)
        {
            if (batch.Counts(i))
            {
                double own = batch.RolloutWeights.Length > 0 ? batch.RolloutWeights[i] : 1;
                cumulative += (1 - 2 * Math.Exp(batch.OldLogp[i]) + batch.SumPiSquared[i]) * own * own;
                steps.Add((i, CountsActionsOnly ? steps.Count : i - begin, cumulative));
            }
        }

        return [.. steps];
    }
}

/// <summary>Steps are positions in the response.</summary>
public sealed class OptimalTokenBaseline(OptimalTokenBaselineOptions options)
    : OptimalTokenBaselineBase(options), IEstimatorEntry
{
    /// <inheritdoc/>
    public static Estimator Entry { get; } = new()
    {
        Name = "optimal_token_baseline",
        Aliases = ["otb"],
        Summary = "reward to go minus a baseline per step, weighted by gradient energy",
        Paper = "verl, optimal token baseline",
        Options = typeof(OptimalTokenBaselineOptions),
        Create = o => new OptimalTokenBaseline(OptionReader.Read<OptimalTokenBaselineOptions>(
            o, "optimal_token_baseline")),
    };

    /// <inheritdoc/>
    protected override bool CountsActionsOnly => false;
}

/// <summary>Steps are counted over the rows that count: for responses of several turns.</summary>
public sealed class TirOptimalTokenBaseline(OptimalTokenBaselineOptions options)
    : OptimalTokenBaselineBase(options), IEstimatorEntry
{
    /// <inheritdoc/>
    public static Estimator Entry { get; } = new()
    {
        Name = "tir_optimal_token_baseline",
        Summary = "the same over several turns",
        Paper = "verl, optimal token baseline",
        Options = typeof(OptimalTokenBaselineOptions),
        Create = o => new TirOptimalTokenBaseline(OptionReader.Read<OptimalTokenBaselineOptions>(
            o, "tir_optimal_token_baseline")),
    };

    /// <inheritdoc/>
    protected override bool CountsActionsOnly => true;
}
