using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Estimators;

/// <summary>Options of GDPO's advantage.</summary>
public sealed record GdpoOptions
{
    /// <summary>Divides each part by the group's standard deviation.</summary>
    public bool NormAdvByStdInGrpo { get; init; } = true;

    /// <summary>Added to the standard deviation.</summary>
    [AllowedRange(0, 1)]
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>A weight per part of the reward; null or empty: 1 each.</summary>
    public double[]? GdpoRewardWeights { get; init; }
}

/// <summary>
/// GDPO, arXiv 2601.05242: every part of the reward is normalized within the group on its own, the weighted sum is
/// whitened over the batch, so
/// that no part drowns the others. Without parts the whole reward is the only one, as in verl.
/// </summary>
public sealed class GdpoEstimator(GdpoOptions options) : IAdvantageEstimator, IEstimatorEntry
{
    /// <inheritdoc/>
    public static Estimator Entry { get; } = new()
    {
        Name = "gdpo",
        Summary = "parts of the reward normalized apart, then summed and whitened",
        Paper = "arXiv 2601.05242",
        Options = typeof(GdpoOptions),
        Create = o => new GdpoEstimator(OptionReader.Read<GdpoOptions>(o, "gdpo")),
    };

    /// <inheritdoc/>
    public Needs Needs => Needs.Groups | Needs.RewardParts;

    /// <inheritdoc/>
    /// <exception cref="ConfigException">There are not as many weights as parts.</exception>
    public AdvantageEstimate Estimate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        double[][] parts = batch.RewardParts.Length > 0 ? batch.RewardParts
            : [[.. Enumerable.Range(0, batch.TrajectoryCount).Select(batch.RewardOf)]];
        double[] given = options.GdpoRewardWeights ?? [];
        if (given.Length > 0 && given.Length != parts.Length)
        {
            throw new ConfigException(
                $"gdpo_reward_weights: expected {parts.Length} numbers, one per part of the reward, found "
                    + $"{given.Length}");
        }

        GrpoEstimator grpo = new(new() { NormAdvByStdInGrpo = options.NormAdvByStdInGrpo, Epsilon = options.Epsilon });
        double[] sum = new double[batch.TrajectoryCount];
        for (int k = 0; k < parts.Length; k++)
        {
            double[] one = grpo.PerTrajectory(batch with { Rewards = parts[k], TokenRewards = [] });
            double weight = given.Length > 0 ? given[k] : 1;
            sum = [.. sum.Zip(one, (s, a) => s + weight * a)];
        }

        double[] whitened = Whitening.Of(batch, Outcome.Spread(batch, sum).Advantages);
        return new(whitened, whitened);
    }
}
