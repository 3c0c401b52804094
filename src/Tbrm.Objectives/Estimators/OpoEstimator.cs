using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Estimators;

/// <summary>OPO, arXiv 2505.23585: the baseline is the group's mean reward weighted by response length. A group of one
/// keeps its reward, as in verl.</summary>
public sealed class OpoEstimator : IAdvantageEstimator, IEstimatorEntry
{
    /// <inheritdoc/>
    public static Estimator Entry { get; } = new()
    {
        Name = "opo",
        Summary = "reward minus the group's length-weighted mean",
        Paper = "arXiv 2505.23585",
        Options = typeof(NoOptions),
        Create = o =>
        {
            _ = OptionReader.Read<NoOptions>(o, "opo");
            return new OpoEstimator();
        },
    };

    /// <inheritdoc/>
    public Needs Needs => Needs.Groups;

    /// <inheritdoc/>
    public AdvantageEstimate Estimate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        return Outcome.Spread(batch, Outcome.PerTrajectory(batch, (b, members) =>
        {
            double weighted = 0;
            long tokens = 0;
            foreach (int m in members)
            {
                int length = Length(batch, m);
                weighted += length * batch.RewardOf(m);
                tokens += length;
            }

            return batch.RewardOf(b) - (members.Length == 1 || tokens == 0 ? 0 : weighted / tokens);
        }));
    }

    private static int Length(ObjectiveBatch batch, int b)
    {
        (int begin, int end) = batch.Actions(b);
        int count = 0;
        for (int i = begin; i < end; i++)
        {
            count += batch.Counts(i) ? 1 : 0;
        }

        return count;
    }
}
