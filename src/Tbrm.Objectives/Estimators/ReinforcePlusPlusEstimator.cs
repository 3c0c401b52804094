using Tbrm.Core.Config;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Estimators;

/// <summary>Options of REINFORCE++.</summary>
public sealed record ReinforcePlusPlusOptions
{
    /// <summary>Discount.</summary>
    [AllowedRange(0, 1)]
    public double Gamma { get; init; } = 1;
}

/// <summary>REINFORCE++, arXiv 2501.03262: discounted rewards to go, whitened over all rows that count. Its KL penalty
/// is that in the reward.</summary>
public sealed class ReinforcePlusPlusEstimator(ReinforcePlusPlusOptions options) : IAdvantageEstimator, IEstimatorEntry
{
    /// <inheritdoc/>
    public static Estimator Entry { get; } = new()
    {
        Name = "reinforce_plus_plus",
        Summary = "rewards to go, whitened over the batch",
        Paper = "arXiv 2501.03262",
        Options = typeof(ReinforcePlusPlusOptions),
        Create = o => new ReinforcePlusPlusEstimator(OptionReader.Read<ReinforcePlusPlusOptions>(
            o, "reinforce_plus_plus")),
    };

    /// <inheritdoc/>
    public Needs Needs => Needs.None;

    /// <inheritdoc/>
    public AdvantageEstimate Estimate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        double[] returns = Outcome.ReturnsToGo(batch, options.Gamma);
        return new(Whitening.Of(batch, returns), returns);
    }
}
