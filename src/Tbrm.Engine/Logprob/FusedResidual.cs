using System;

namespace Tbrm.Engine.Logprob;

/// <summary>Inputs of the fused residual kernel; arrays as in tbrm_residual_args_t.</summary>
public sealed record FusedResidual
{
    /// <summary>ReVal instead of TBRM.</summary>
    public required bool CalibratedByReference { get; init; }

    /// <summary>Reward units per nat.</summary>
    public required double Beta { get; init; }

    /// <summary>Multiplies the loss.</summary>
    public required double LossScale { get; init; }

    /// <summary>V(s_1) carries no gradient.</summary>
    public required bool DetachValue { get; init; }

    /// <summary>[R].</summary>
    public required float[] RefLogp { get; init; }

    /// <summary>[B], or empty for TBRM.</summary>
    public required float[] RefV1 { get; init; }

    /// <summary>[B].</summary>
    public required double[] Reward { get; init; }

    /// <summary>[B].</summary>
    public required double[] Weight { get; init; }

    /// <summary>[B], or empty.</summary>
    public required int[] Bootstrap { get; init; }

    /// <summary>[B], or empty: stands for V(s_1) and carries no gradient.</summary>
    public float[] VFrozen { get; init; } = [];

    /// <summary>[B], or empty for TBRM: V_ref(s_{H+1}) where Bootstrap is 1.</summary>
    public float[] RefVEnd { get; init; } = [];

    /// <summary>The same of some consecutive sequences, whose rows are <paramref name="rows"/>.</summary>
    public FusedResidual Part(Range sequences, Range rows) => this with
    {
        RefLogp = RefLogp[rows],
        RefV1 = Of(RefV1, sequences),
        Reward = Reward[sequences],
        Weight = Weight[sequences],
        Bootstrap = Of(Bootstrap, sequences),
        VFrozen = Of(VFrozen, sequences),
        RefVEnd = Of(RefVEnd, sequences),
    };

    private static T[] Of<T>(T[] column, Range sequences) => column.Length == 0 ? [] : column[sequences];
}
