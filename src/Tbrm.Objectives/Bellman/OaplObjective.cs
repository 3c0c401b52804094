using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Bellman;

/// <summary>Options of OAPL.</summary>
public sealed record OaplOptions
{
    /// <summary>Reward units per nat, of the regression and of V*.</summary>
    [AllowedRange(0, 1e6, ExclusiveMinimum = true)]
    public double Beta { get; init; } = 1e-3;
}

/// <summary>
/// OAPL, arXiv 2602.19362: loss = sum_b w_b (beta log pi(tau)/pi_old(tau) - (r - V))^2 with V = beta log mean_group
/// exp(r/beta). The policy that
/// sampled (pi_old, which may lag behind by hundreds of updates) is its own reference; no importance ratio, no
/// clipping.
/// </summary>
public sealed class OaplObjective(OaplOptions options) : IObjective, IAlgorithmEntry
{
    /// <inheritdoc/>
    public static IReadOnlyList<Algorithm> Entries { get; } =
    [
        new()
        {
            Name = "oapl",
            Summary =
                "regression of the log-ratio to the sampling policy on the advantage over the group's V*; made for "
                    + "lagged samples",
            Paper = "arXiv 2602.19362",
            Options = typeof(OaplOptions),
            Objective = o => new OaplObjective(OptionReader.Read<OaplOptions>(o, "oapl")),
        },
    ];

    /// <inheritdoc/>
    public Needs Needs => Needs.OldLogp | Needs.OldIsSampler | Needs.Groups;

    /// <summary>V* of every prompt from the rewards of its group, unless it was given.</summary>
    public ObjectiveBatch Prepare(ObjectiveBatch whole)
    {
        if (whole.VStar.Length > 0)
        {
            return whole;
        }

        double[] vStar = new double[whole.TrajectoryCount];
        foreach (int[] members in Groups.Of(whole))
        {
            double v = OptimalValue.Of([.. members.Select(whole.RewardOf)], options.Beta);
            foreach (int b in members)
            {
                vStar[b] = v;
            }
        }

        return whole with { VStar = vStar };
    }

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        batch.Check(Needs | Needs.VStar);
        return LogRatioRegression.Evaluate(batch, batch.OldLogp, options.Beta, b => batch.RewardOf(b) - batch.VStar[b]);
    }
}
