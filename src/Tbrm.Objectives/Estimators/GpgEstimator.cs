using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Estimators;

/// <summary>Options of GPG's advantage.</summary>
public sealed record GpgOptions
{
    /// <summary>Divides the advantages.</summary>
    [AllowedRange(0, 1e9, ExclusiveMinimum = true)]
    public double FNorm { get; init; } = 1;
}

/// <summary>
/// GPG, arXiv 2504.02546: A = alpha (r - mean_group)/f_norm with alpha = trajectories / trajectories with a reward
/// other than 0, as verl has it.
/// </summary>
public sealed class GpgEstimator(GpgOptions options) : IAdvantageEstimator, IEstimatorEntry
{
    /// <inheritdoc/>
    public static Estimator Entry { get; } = new()
    {
        Name = "gpg",
        Summary = "reward minus the group's mean, scaled by the share of rewards other than 0",
        Paper = "arXiv 2504.02546",
        Options = typeof(GpgOptions),
        Create = o => new GpgEstimator(OptionReader.Read<GpgOptions>(o, "gpg")),
    };

    /// <inheritdoc/>
    public Needs Needs => Needs.Groups;

    /// <inheritdoc/>
    public AdvantageEstimate Estimate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        int[] all = [.. Enumerable.Range(0, batch.TrajectoryCount).Where(b => !batch.IsDropped(b))];
        int rewarded = all.Count(b => batch.RewardOf(b) != 0);
        double alpha = (double)all.Length / (rewarded > 0 ? rewarded : 1);
        return Outcome.Spread(batch, Outcome.PerTrajectory(batch, (b, members) =>
            alpha * (batch.RewardOf(b) - (members.Length == 1 ? 0 : Groups.Mean(batch, members))) / options.FNorm));
    }
}
