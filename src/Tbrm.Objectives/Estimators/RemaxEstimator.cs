using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Estimators;

/// <summary>ReMax, arXiv 2310.10505: rewards to go minus the reward of the greedy response to the same
/// prompt.</summary>
public sealed class RemaxEstimator : IAdvantageEstimator, IEstimatorEntry
{
    /// <inheritdoc/>
    public static Estimator Entry { get; } = new()
    {
        Name = "remax",
        Summary = "reward minus that of the greedy response",
        Paper = "arXiv 2310.10505",
        Options = typeof(NoOptions),
        Create = o =>
        {
            _ = OptionReader.Read<NoOptions>(o, "remax");
            return new RemaxEstimator();
        },
    };

    /// <inheritdoc/>
    public Needs Needs => Needs.BaselineRewards;

    /// <inheritdoc/>
    public AdvantageEstimate Estimate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        double[] returns = Outcome.ReturnsToGo(batch, gamma: 1), advantages = new double[batch.RowCount];
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            for (int i = begin; i < end; i++)
            {
                advantages[i] = batch.Counts(i) ? returns[i] - batch.BaselineRewards[b] : 0;
            }
        }

        return new(advantages, returns);
    }
}
