using System;
using Tbrm.Interop.Handles;

namespace Tbrm.Interop.Stages;

/// <summary>The logprob stage. Contract: tbrm.h, tbrm_logprob_forward.</summary>
public static unsafe class LogProb
{
    /// <summary>Q, V and (unless <paramref name="h"/> is empty) H of every row; <paramref name="keep"/> keeps what
    /// Gradient.Backward needs.</summary>
    public static void Forward(ModelHandle model, in PackedRows batch, bool keep, Span<float> q, Span<float> v,
        Span<float> h)
    {
        batch.Check();
        int rows = batch.Rows.Length;
        if (q.Length != rows || v.Length != rows || (h.Length != rows && h.Length != 0))
        {
            throw new ArgumentException(
                $"R={rows} rows need q[R], v[R] and h[R] or h[0]; found {q.Length}, {v.Length}, {h.Length}");
        }

        fixed (int* ids = batch.Ids, labels = batch.Labels)
        fixed (long* offsets = batch.Offsets, at = batch.Rows)
        fixed (float* outQ = q, outV = v, outH = h)
        {
            NativeBatch native = Native(batch, ids, offsets, at, labels);
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_logprob_forward(model, &native, keep ? 1 : 0, outQ, outV, outH, out NativeError err),
                    err);
        }
    }

    internal static NativeBatch Native(in PackedRows batch, int* ids, long* offsets, long* rows, int* labels) => new()
    {
        StructSize = sizeof(NativeBatch),
        Temperature = batch.Temperature,
        NSeqs = batch.Offsets.Length - 1,
        NTokens = batch.Ids.Length,
        NRows = batch.Rows.Length,
        Ids = ids,
        Offsets = offsets,
        Rows = rows,
        Labels = labels,
    };
}
