using System;
using Tbrm.Interop.Handles;

namespace Tbrm.Interop.Stages;

/// <summary>The value stage: a critic's numbers and their gradient. Contract: tbrm.h, section "value".</summary>
public static unsafe class ValueHead
{
    /// <summary>One value per row of the batch; <paramref name="keep"/> keeps what <see cref="Backward"/> needs. Labels
    /// are not read.</summary>
    public static void Forward(ModelHandle model, in PackedRows batch, bool keep, Span<float> values)
    {
        batch.Check();
        if (values.Length != batch.Rows.Length)
        {
            throw new ArgumentException($"R={batch.Rows.Length} rows need values[R]; found {values.Length}");
        }

        fixed (int* ids = batch.Ids, labels = batch.Labels)
        fixed (long* offsets = batch.Offsets, rows = batch.Rows)
        fixed (float* outValues = values)
        {
            NativeBatch native = LogProb.Native(batch, ids, offsets, rows, labels);
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_value_forward(model, &native, keep ? 1 : 0, outValues, out NativeError err), err);
        }
    }

    /// <summary>Adds to the gradients what follows from dL/dvalue of the batch that was kept.</summary>
    public static void Backward(ModelHandle model, ReadOnlySpan<float> dValues)
    {
        fixed (float* d = dValues)
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_value_backward(model, dValues.Length, d, out NativeError err),
                err);
        }
    }

    /// <summary>With both heads: the values of the rows of the batch that the logprob stage kept.</summary>
    public static void OfKept(ModelHandle model, Span<float> values)
    {
        fixed (float* outValues = values)
        {
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_value_of_kept(model, values.Length, outValues, out NativeError err), err);
        }
    }

    /// <summary>With both heads: dL/dvalue of those rows, which the gradient stage's backward adds.</summary>
    public static void AddGradient(ModelHandle model, ReadOnlySpan<float> dValues)
    {
        fixed (float* d = dValues)
        {
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_value_add_gradient(model, dValues.Length, d, out NativeError err), err);
        }
    }
}
