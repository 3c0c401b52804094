using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Estimators;

/// <summary>REINFORCE++ with a baseline, arXiv 2501.03262: reward minus the group's mean, on every token, whitened over
/// the batch.</summary>
public sealed class ReinforcePlusPlusBaselineEstimator : IAdvantageEstimator, IEstimatorEntry
{
    /// <inheritdoc/>
    public static Estimator Entry { get; } = new()
    {
        Name = "reinforce_plus_plus_baseline",
        Summary = "reward minus the group's mean, whitened over the batch",
        Paper = "arXiv 2501.03262",
        Options = typeof(NoOptions),
        Create = o =>
        {
            _ = OptionReader.Read<NoOptions>(o, "reinforce_plus_plus_baseline");
            return new ReinforcePlusPlusBaselineEstimator();
        },
    };

    /// <inheritdoc/>
    public Needs Needs => Needs.Groups;

    /// <inheritdoc/>
    public AdvantageEstimate Estimate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        AdvantageEstimate centered = Outcome.Spread(batch, Outcome.PerTrajectory(batch, (b, members) =>
            batch.RewardOf(b) - (members.Length == 1 ? 0 : Groups.Mean(batch, members))));
        double[] whitened = Whitening.Of(batch, centered.Advantages);
        return new(whitened, whitened);
    }
}
