using System;
using Tbrm.Interop.Handles;

namespace Tbrm.Interop.Stages;

/// <summary>The gradient stage. Contract: tbrm.h, section "gradient".</summary>
public static unsafe class Gradient
{
    /// <summary>Sets every accumulated gradient to zero.</summary>
    public static void Zero(ModelHandle model) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_gradient_zero(model, out NativeError err), err);

    /// <summary>The 2-norm over all accumulated gradients.</summary>
    public static double Norm(ModelHandle model)
    {
        double norm;
        NativeError.ThrowIfFailed(NativeMethods.tbrm_gradient_norm(model, &norm, out NativeError err), err);
        return norm;
    }

    /// <summary>The part in a backward of a rank that has no rows, where the ranks share the gradients.</summary>
    public static void Share(ModelHandle model) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_gradient_share(model, out NativeError err), err);

    /// <summary>Backward of the forward that was kept; <paramref name="dh"/> may be empty.</summary>
    public static void Backward(ModelHandle model, ReadOnlySpan<float> dq, ReadOnlySpan<float> dv,
        ReadOnlySpan<float> dh)
    {
        if (dv.Length != dq.Length || (dh.Length != dq.Length && dh.Length != 0))
        {
            throw new ArgumentException(
                $"dq[{dq.Length}], dv[{dv.Length}], dh[{dh.Length}] must agree (dh may be empty)");
        }

        fixed (float* q = dq, v = dv, h = dh)
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_gradient_backward(
                model, dq.Length, q, v, h, out NativeError err), err);
        }
    }

    /// <summary>logprob, residual and gradient of a micro-batch without leaving the device; returns the loss.</summary>
    public static double Fused(ModelHandle model, in PackedRows batch, in ResidualArgs args, Span<float> q,
        Span<float> v,
        Span<float> residual)
    {
        batch.Check();
        args.Check(batch.Rows.Length, residual.Length);
        if (q.Length != batch.Rows.Length || v.Length != batch.Rows.Length)
        {
            throw new ArgumentException(
                $"R={batch.Rows.Length} rows need q[R] and v[R]; found {q.Length} and {v.Length}");
        }

        double loss;
        fixed (int* ids = batch.Ids, labels = batch.Labels, bootstrap = args.Bootstrap)
        fixed (long* offsets = batch.Offsets, rows = batch.Rows, rowOffsets = args.RowOffsets)
        fixed (float* refLogp = args.RefLogp, refV1 = args.RefV1, vFrozen = args.VFrozen, refVEnd = args.RefVEnd)
        fixed (double* reward = args.Reward, weight = args.Weight)
        fixed (float* outQ = q, outV = v, outResidual = residual)
        {
            NativeBatch nativeBatch = LogProb.Native(batch, ids, offsets, rows, labels);
            NativeResidualArgs nativeArgs =
                Residual.Native(args, rowOffsets, refLogp, refV1, reward, weight, bootstrap, vFrozen, refVEnd);
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_gradient_residual(
                    model, &nativeBatch, &nativeArgs, outQ, outV, outResidual, &loss, out NativeError err), err);
        }

        return loss;
    }

    /// <summary>Drops a kept forward.</summary>
    public static void Discard(ModelHandle model) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_gradient_discard(model, out NativeError err), err);
}
