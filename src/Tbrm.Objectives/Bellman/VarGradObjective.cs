using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Bellman;

/// <summary>Options of TBA's VarGrad form of trajectory balance.</summary>
public sealed record VarGradOptions
{
    /// <summary>Reward units per nat.</summary>
    [AllowedRange(0, 1e6, ExclusiveMinimum = true)]
    public double Beta { get; init; } = 0.01;
}

/// <summary>
/// Trajectory balance with the VarGrad estimate of log Z, as in TBA, arXiv 2503.18929: f_b = log Z + rho_b - r_b/beta
/// with rho = log pi - log
/// pi_ref and log Z = mean over the prompt's samples of (r/beta - rho); loss = sum_b w_b f_b^2. The f of a group sum to
/// 0, so the gradient
/// through log Z vanishes with equal weights and is left out.
/// </summary>
public sealed class VarGradObjective(VarGradOptions options) : IObjective, IAlgorithmEntry
{
    /// <inheritdoc/>
    public static IReadOnlyList<Algorithm> Entries { get; } =
    [
        new()
        {
            Name = "tba_vargrad",
            Aliases = ["vargrad", "tba"],
            Summary = "trajectory balance: the variance of r/beta - log-ratio within a group",
            Paper = "arXiv 2503.18929",
            Options = typeof(VarGradOptions),
            Objective = o => new VarGradObjective(OptionReader.Read<VarGradOptions>(o, "tba_vargrad")),
        },
    ];

    /// <inheritdoc/>
    public Needs Needs => Needs.ReferenceLogp | Needs.Groups | Needs.WholeBatch;

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        double[] logZ = new double[batch.TrajectoryCount];
        foreach (int[] group in Groups.Of(batch))
        {
            // One without an action has no residual, so it has no part in log Z either.
            int[] members = Array.FindAll(group, b => TrajectoryResidual.HasAction(batch, b));
            if (members.Length == 0)
            {
                continue;
            }

            double mean = members.Average(
                b => batch.RewardOf(b) / options.Beta - LogRatioRegression.LogRatio(batch, batch.RefLogp, b));
            Array.ForEach(members, b => logZ[b] = mean);
        }

        return LogRatioRegression.Evaluate(batch, batch.RefLogp, slope: 1,
            b => batch.RewardOf(b) / options.Beta - logZ[b]);
    }
}
