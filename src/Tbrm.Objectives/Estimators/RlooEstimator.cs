using Tbrm.Core.Config;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Estimators;

/// <summary>Options of RLOO's advantage.</summary>
public sealed record RlooOptions
{
    /// <summary>A group of one: <c>verl</c> keeps the reward; <c>zero</c> as SkyRL and verl's
    /// rloo_vectorized.</summary>
    [AllowedWords("verl", "zero")]
    public string Singleton { get; init; } = "verl";
}

/// <summary>RLOO, arXiv 2402.14740: the reward minus the mean of the others', A = (r - mean) n/(n - 1).</summary>
public sealed class RlooEstimator(RlooOptions options) : IAdvantageEstimator, IEstimatorEntry
{
    /// <inheritdoc/>
    public static Estimator Entry { get; } = new()
    {
        Name = "rloo",
        Aliases = ["rloo_vectorized"],
        Summary = "reward minus the mean of the group's others",
        Paper = "arXiv 2402.14740",
        Options = typeof(RlooOptions),
        Create = o => new RlooEstimator(OptionReader.Read<RlooOptions>(o, "rloo")),
    };

    /// <inheritdoc/>
    public Needs Needs => Needs.Groups;

    /// <inheritdoc/>
    public AdvantageEstimate Estimate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        return Outcome.Spread(batch, Outcome.PerTrajectory(batch, (b, members) => members.Length == 1
            ? (options.Singleton == "zero" ? 0 : batch.RewardOf(b))
            : (batch.RewardOf(b) - Groups.Mean(batch, members)) * members.Length / (members.Length - 1)));
    }
}
