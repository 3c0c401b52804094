using System;
using Tbrm.Interop.Handles;

namespace Tbrm.Interop.Stages;

/// <summary>tbrm_residual_args_t: trajectory b owns rows [RowOffsets[b], RowOffsets[b+1]).</summary>
public readonly ref struct ResidualArgs
{
    /// <summary>Which residual.</summary>
    public required ResidualKind Kind { get; init; }

    /// <summary>Reward units per nat, > 0.</summary>
    public required double Beta { get; init; }

    /// <summary>Multiplies the loss.</summary>
    public double LossScale { get; init; }

    /// <summary>V(s_1) carries no gradient.</summary>
    public bool DetachValue { get; init; }

    /// <summary>[B+1].</summary>
    public required ReadOnlySpan<long> RowOffsets { get; init; }

    /// <summary>log pi_ref of every label, [R].</summary>
    public required ReadOnlySpan<float> RefLogp { get; init; }

    /// <summary>V_ref(s_1), [B]; empty for TBRM.</summary>
    public ReadOnlySpan<float> RefV1 { get; init; }

    /// <summary>[B].</summary>
    public required ReadOnlySpan<double> Reward { get; init; }

    /// <summary>Weight in the mean, [B].</summary>
    public required ReadOnlySpan<double> Weight { get; init; }

    /// <summary>1 where the last row is V(s_{H+1}) of a truncated response, [B]; empty when there is none.</summary>
    public ReadOnlySpan<int> Bootstrap { get; init; }

    /// <summary>Stands for V(s_1) and carries no gradient (the iterative form), [B]; empty when there is
    /// none.</summary>
    public ReadOnlySpan<float> VFrozen { get; init; }

    /// <summary>V_ref(s_{H+1}), read where Bootstrap is 1, [B]; empty for TBRM.</summary>
    public ReadOnlySpan<float> RefVEnd { get; init; }

    internal void Check(int rows, int residuals)
    {
        int n = RowOffsets.Length - 1;
        if (n < 0 || RowOffsets[^1] != rows || RefLogp.Length != rows || Reward.Length != n || Weight.Length != n
            || residuals != n
            || (RefV1.Length != n && RefV1.Length != 0) || (Bootstrap.Length != n && Bootstrap.Length != 0)
            || (VFrozen.Length != n && VFrozen.Length != 0) || (RefVEnd.Length != n && RefVEnd.Length != 0))
        {
            throw new ArgumentException(
                $"B={n}, R={rows}: refLogp[{RefLogp.Length}], reward[{Reward.Length}], weight[{Weight.Length}], "
                    + $"refV1[{RefV1.Length}], "
                + $"bootstrap[{Bootstrap.Length}], vFrozen[{VFrozen.Length}], refVEnd[{RefVEnd.Length}], "
                + $"residual[{residuals}] do not fit rowOffsets ending at {(n < 0 ? -1 : RowOffsets[^1])}");
        }
    }
}

/// <summary>The residual stage, fused. Contract: tbrm.h, tbrm_residual_forward.</summary>
public static unsafe class Residual
{
    /// <summary>Residuals, loss and dL/dQ, dL/dV of B trajectories over R rows; returns the loss.</summary>
    public static double Forward(ContextHandle context, in ResidualArgs args, ReadOnlySpan<float> q,
        ReadOnlySpan<float> v,
        Span<float> residual, Span<float> dq, Span<float> dv)
    {
        args.Check(q.Length, residual.Length);
        if (v.Length != q.Length || dq.Length != q.Length || dv.Length != q.Length)
        {
            throw new ArgumentException(
                $"R={q.Length} rows need v[R], dq[R], dv[R]; found {v.Length}, {dq.Length}, {dv.Length}");
        }

        double loss;
        fixed (long* offsets = args.RowOffsets)
        fixed (int* bootstrap = args.Bootstrap)
        fixed (float* refLogp = args.RefLogp, refV1 = args.RefV1, vFrozen = args.VFrozen, refVEnd = args.RefVEnd)
        fixed (double* reward = args.Reward, weight = args.Weight)
        fixed (float* inQ = q, inV = v, outResidual = residual, outDq = dq, outDv = dv)
        {
            NativeResidualArgs native =
                Native(args, offsets, refLogp, refV1, reward, weight, bootstrap, vFrozen, refVEnd);
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_residual_forward(
                    context, &native, inQ, inV, outResidual, &loss, outDq, outDv, out NativeError err), err);
        }

        return loss;
    }

    internal static NativeResidualArgs Native(in ResidualArgs args, long* offsets, float* refLogp, float* refV1,
        double* reward,
        double* weight, int* bootstrap, float* vFrozen, float* refVEnd) => new()
        {
            StructSize = sizeof(NativeResidualArgs),
            Kind = args.Kind,
            Beta = args.Beta,
            LossScale = args.LossScale == 0 ? 1 : args.LossScale,
            DetachValue = args.DetachValue ? 1 : 0,
            NSeqs = args.RowOffsets.Length - 1,
            NRows = args.RefLogp.Length,
            RowOffsets = offsets,
            RefLogp = refLogp,
            RefV1 = refV1,
            Reward = reward,
            Weight = weight,
            Bootstrap = bootstrap,
            VFrozen = vFrozen,
            RefVEnd = refVEnd,
        };
}
