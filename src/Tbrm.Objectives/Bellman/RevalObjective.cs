using System.Collections.Generic;
using Tbrm.Objectives.Options;

namespace Tbrm.Objectives.Bellman;

/// <summary>
/// ReVal, arXiv 2603.23355, Eq. 2: TBRM's residual calibrated by the reference's value of the first state,
/// f = V(s_1) - V_ref(s_1) + log pi(tau) - log pi_ref(tau) - r / beta, so that f = -r / beta where the policy is the
/// reference (exactly 0
/// without a reward). A response that was cut off at s_{H+1} subtracts V(s_{H+1}) - V_ref(s_{H+1}), which keeps that.
/// The paper's Eq. 4 omits
/// the gradient of V(s_1), its Eq. 2 has it: exact by default, <c>detach_value</c> gives the other.
/// </summary>
public sealed class RevalObjective(BellmanOptions options) : IObjective, IAlgorithmEntry
{
    /// <inheritdoc/>
    public static IReadOnlyList<Algorithm> Entries { get; } =
    [
        new()
        {
            Name = "reval",
            Title = "ReVal",
            Section = BellmanOptions.Section,
            CanBootstrap = true,
            CanWeigh = true,
            IsCalibrated = true,
            Summary = "TBRM's residual calibrated by the reference's value: 0 at the reference without a reward",
            Paper = "arXiv 2603.23355",
            Options = typeof(BellmanOptions),
            Objective = o => new RevalObjective(OptionReader.Read<BellmanOptions>(o, "reval")),
        },
    ];

    /// <summary>With the paper's options but for beta.</summary>
    public RevalObjective(double beta) : this(new BellmanOptions { Beta = beta })
    {
    }

    /// <inheritdoc/>
    public Needs Needs =>
        Needs.Logits | Needs.ReferenceLogp | Needs.ReferenceValue | (options.Iterative ? Needs.FrozenValue
        : Needs.None);

    /// <inheritdoc/>
    public FusedKernel? Fused =>
        new(Calibrated: true, options.Beta, options.Scale(), options.DetachValue, options.Iterative);

    /// <inheritdoc/>
    public ObjectiveResult Evaluate(ObjectiveBatch batch)
    {
        batch.Check(Needs);
        return TrajectoryResidual.Evaluate(batch, Fused!);
    }
}
