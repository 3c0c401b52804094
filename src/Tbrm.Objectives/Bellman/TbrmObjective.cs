using System.Collections.Generic;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Bellman;

/// <summary>
/// Trajectory Bellman Residual Minimization, arXiv 2505.15311, Algorithm 1: one squared residual per trajectory, the
/// raw logit of the
/// first token in place of its log-probability, a fixed reference policy:
/// f = V(s_1) + log pi(tau) - log pi_ref(tau) - r / beta. With <c>iterative</c> (Appendix F) V(s_1) is that of the
/// previous iterate, frozen.
/// </summary>
public sealed class TbrmObjective(BellmanOptions options) : IObjective, IAlgorithmEntry
{
    /// <inheritdoc/>
    public static IReadOnlyList<Algorithm> Entries { get; } =
    [
        new()
        {
            Name = "tbrm",
            Title = "TBRM",
            Section = BellmanOptions.Section,
            CanBootstrap = true,
            CanWeigh = true,
            Summary = "squared Bellman residual of whole trajectories; no critic, no clipping, no group",
            Paper = "arXiv 2505.15311",
            Options = typeof(BellmanOptions),
            Objective = o => new TbrmObjective(OptionReader.Read<BellmanOptions>(o, "tbrm")),
        },
    ];

    /// <summary>With the paper's options but for beta.</summary>
    public TbrmObjective(double beta) : this(new BellmanOptions { Beta = beta })
    {
    }

    /// <inheritdoc/>
    public Needs Needs => Needs.Logits | Needs.ReferenceLogp | (options.Iterative ? Needs.FrozenValue : Needs.None);

    /// <inheritdoc/>
    public FusedKernel? Fused =>
        new(Calibrated: false, options.Beta, options.Scale(), options.DetachValue, options.Iterative);

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        return TrajectoryResidual.Evaluate(batch, Fused!);
    }
}
