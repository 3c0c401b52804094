using System;
using System.Runtime.InteropServices;
using Tbrm.Interop.Handles;

namespace Tbrm.Interop.Stages;

/// <summary>Sizes and inputs of the stand-alone head; see tbrm_head_args_t.</summary>
public readonly ref struct HeadArgs
{
    /// <summary>Type of x and w.</summary>
    public required Dtype Dtype { get; init; }

    /// <summary>V.</summary>
    public required int VocabSize { get; init; }

    /// <summary>D.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Logits-sized scratch; 0 = default.</summary>
    public long BudgetBytes { get; init; }

    /// <summary>z = logit / temperature.</summary>
    public float Temperature { get; init; }

    /// <summary>[R, D] row-major in <see cref="Dtype"/>, as raw bytes.</summary>
    public required ReadOnlySpan<byte> X { get; init; }

    /// <summary>[V, D] row-major in <see cref="Dtype"/>, as raw bytes.</summary>
    public required ReadOnlySpan<byte> W { get; init; }

    /// <summary>[R].</summary>
    public required ReadOnlySpan<int> Labels { get; init; }

    /// <summary>fp32 values as the bytes that <see cref="X"/> and <see cref="W"/> take.</summary>
    public static ReadOnlySpan<byte> Bytes(ReadOnlySpan<float> values) => MemoryMarshal.AsBytes(values);

    /// <summary>bf16 bit patterns as the bytes that <see cref="X"/> and <see cref="W"/> take.</summary>
    public static ReadOnlySpan<byte> Bytes(ReadOnlySpan<ushort> values) => MemoryMarshal.AsBytes(values);
}

/// <summary>The head alone, for tests and microbenchmarks. Contract: tbrm.h, section "kernels".</summary>
public static unsafe class HeadKernel
{
    /// <summary>Q, V and (unless empty) H.</summary>
    public static void Forward(ContextHandle context, in HeadArgs args, Span<float> q, Span<float> v, Span<float> h)
    {
        Check(args, q.Length, v.Length, h.Length);
        fixed (byte* x = args.X, w = args.W)
        fixed (int* labels = args.Labels)
        fixed (float* outQ = q, outV = v, outH = h)
        {
            NativeHeadArgs native = Native(args, x, w, labels);
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_kernel_head_forward(context, &native, outQ, outV, outH, out NativeError err), err);
        }
    }

    /// <summary>dx [R, D] and dw [V, D] from dq, dv and (unless empty) dh.</summary>
    public static void Backward(ContextHandle context, in HeadArgs args, ReadOnlySpan<float> dq, ReadOnlySpan<float> dv,
        ReadOnlySpan<float> dh, Span<float> dx, Span<float> dw)
    {
        Check(args, dq.Length, dv.Length, dh.Length);
        if (dx.Length != (long)args.Labels.Length * args.HiddenSize
            || dw.Length != (long)args.VocabSize * args.HiddenSize)
        {
            throw new ArgumentException($"dx[{dx.Length}] and dw[{dw.Length}] must be [R, D] and [V, D]");
        }

        fixed (byte* x = args.X, w = args.W)
        fixed (int* labels = args.Labels)
        fixed (float* q = dq, v = dv, h = dh, outX = dx, outW = dw)
        {
            NativeHeadArgs native = Native(args, x, w, labels);
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_kernel_head_backward(context, &native, q, v, h, outX, outW, out NativeError err),
                    err);
        }
    }

    private static void Check(in HeadArgs args, int q, int v, int h)
    {
        long element = args.Dtype == Dtype.F32 ? 4 : 2;
        int rows = args.Labels.Length;
        if (q != rows || v != rows || (h != rows && h != 0) || args.X.Length != rows * args.HiddenSize * element
            || args.W.Length != args.VocabSize * args.HiddenSize * element)
        {
            throw new ArgumentException(
                $"R={rows}, V={args.VocabSize}, D={args.HiddenSize}, {element} bytes each: x has {args.X.Length} "
                    + $"bytes, w {args.W.Length}, "
                + $"and the row arrays have {q}, {v}, {h} elements");
        }
    }

    private static NativeHeadArgs Native(in HeadArgs args, byte* x, byte* w, int* labels) => new()
    {
        StructSize = sizeof(NativeHeadArgs),
        Dtype = args.Dtype,
        NRows = args.Labels.Length,
        VocabSize = args.VocabSize,
        HiddenSize = args.HiddenSize,
        BudgetBytes = args.BudgetBytes,
        Temperature = args.Temperature == 0 ? 1 : args.Temperature,
        X = x,
        W = w,
        Labels = labels,
    };
}
