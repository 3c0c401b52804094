using System.Linq;
using Tbrm.Core.Errors;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Estimators;

/// <summary>
/// Pass@k training in GRPO's form, arXiv 2503.19595: only the best response of a group has an advantage, r_max -
/// r_second, over the group's
/// deviation. Of equal ones none has any.
/// </summary>
public sealed class GrpoPassKEstimator(GrpoOptions options) : IAdvantageEstimator, IEstimatorEntry
{
    /// <inheritdoc/>
    public static Estimator Entry { get; } = new()
    {
        Name = "grpo_passk",
        Summary = "only the best response of a group, by its lead over the second",
        Paper = "arXiv 2503.19595",
        Options = typeof(GrpoOptions),
        Create = o => new GrpoPassKEstimator(OptionReader.Read<GrpoOptions>(o, "grpo_passk")),
    };

    /// <inheritdoc/>
    public Needs Needs => Needs.Groups;

    /// <inheritdoc/>
    /// <exception cref="DataException">A group of one, which verl refuses too; not with singleton=zero.</exception>
    public AdvantageEstimate Estimate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        return Outcome.Spread(batch, Outcome.PerTrajectory(batch, (b, members) =>
        {
            if (members.Length == 1)
            {
                return options.Singleton == "zero" ? 0
                    : throw new DataException(
                        $"grpo_passk needs at least 2 samples per prompt, found 1 in group {batch.Group[b]} "
                            + $"(rollout.n)");
            }

            double[] best = [.. members.Select(batch.RewardOf).OrderDescending().Take(2)];
            double lead = batch.RewardOf(b) == best[0] ? best[0] - best[1] : 0;
            return options.NormAdvByStdInGrpo ? lead / (Groups.Deviation(batch, members) + options.Epsilon) : lead;
        }));
    }
}
