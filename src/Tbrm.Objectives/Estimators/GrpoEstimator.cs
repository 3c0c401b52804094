using Tbrm.Core.Config;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Estimators;

/// <summary>Options of GRPO's advantage.</summary>
public sealed record GrpoOptions
{
    /// <summary>Divides by the group's standard deviation; Dr.GRPO does not.</summary>
    public bool NormAdvByStdInGrpo { get; init; } = true;

    /// <summary>Added to the standard deviation.</summary>
    [AllowedRange(0, 1)]
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>A group of one: <c>verl</c> takes mean 0 and deviation 1, so its advantage is its reward; <c>zero</c>
    /// as SkyRL and prime-rl.</summary>
    [AllowedWords("verl", "zero")]
    public string Singleton { get; init; } = "verl";
}

/// <summary>
/// GRPO, arXiv 2402.03300: A = (r - mean)/(std + epsilon) within the prompt's group (n - 1 in the deviation), on every
/// token; Dr.GRPO, arXiv
/// 2503.20783, without the division.
/// </summary>
public sealed class GrpoEstimator(GrpoOptions options) : IAdvantageEstimator, IEstimatorEntry
{
    /// <inheritdoc/>
    public static Estimator Entry { get; } = new()
    {
        Name = "grpo",
        Aliases = ["grpo_vectorized"],
        Summary = "reward minus the group's mean, over its standard deviation",
        Paper = "arXiv 2402.03300",
        Options = typeof(GrpoOptions),
        Create = o => new GrpoEstimator(OptionReader.Read<GrpoOptions>(o, "grpo")),
    };

    /// <inheritdoc/>
    public Needs Needs => Needs.Groups;

    /// <inheritdoc/>
    public bool TakesGroupsOfOne => true;

    /// <inheritdoc/>
    public AdvantageEstimate Estimate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        return Outcome.Spread(batch, PerTrajectory(batch));
    }

    /// <summary>The advantage of every trajectory.</summary>
    internal double[] PerTrajectory(ObjectiveBatch batch) => Outcome.PerTrajectory(batch, (b, members) =>
    {
        if (members.Length == 1)
        {
            return options.Singleton == "zero" ? 0
                : batch.RewardOf(b) / (options.NormAdvByStdInGrpo ? 1 + options.Epsilon : 1);
        }

        double centered = batch.RewardOf(b) - Groups.Mean(batch, members);
        return options.NormAdvByStdInGrpo ? centered / (Groups.Deviation(batch, members) + options.Epsilon) : centered;
    });
}
