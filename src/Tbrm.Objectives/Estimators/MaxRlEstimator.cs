using Tbrm.Core.Config;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Estimators;

/// <summary>Options of MaxRL's advantage.</summary>
public sealed record MaxRlOptions
{
    /// <summary>Added to the mean.</summary>
    [AllowedRange(0, 1)]
    public double Eps { get; init; } = 1e-6;

    /// <summary>A group of one: <c>verl</c> as elsewhere takes mean 0 (and no division); <c>zero</c> gives 0.</summary>
    [AllowedWords("verl", "zero")]
    public string Singleton { get; init; } = "zero";
}

/// <summary>MaxRL, as SkyRL has it: A = (r - mean)/(mean + eps) within the group, so that rare successes weigh
/// more.</summary>
public sealed class MaxRlEstimator(MaxRlOptions options) : IAdvantageEstimator, IEstimatorEntry
{
    /// <inheritdoc/>
    public static Estimator Entry { get; } = new()
    {
        Name = "maxrl",
        Summary = "reward minus the group's mean, over that mean",
        Paper = "arXiv 2602.02710",
        Options = typeof(MaxRlOptions),
        Create = o => new MaxRlEstimator(OptionReader.Read<MaxRlOptions>(o, "maxrl")),
    };

    /// <inheritdoc/>
    public Needs Needs => Needs.Groups;

    /// <inheritdoc/>
    public AdvantageEstimate Estimate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        return Outcome.Spread(batch, Outcome.PerTrajectory(batch, (b, members) =>
        {
            if (members.Length == 1)
            {
                return options.Singleton == "zero" ? 0 : batch.RewardOf(b);
            }

            double mean = Groups.Mean(batch, members);
            return (batch.RewardOf(b) - mean) / (mean + options.Eps);
        }));
    }
}
