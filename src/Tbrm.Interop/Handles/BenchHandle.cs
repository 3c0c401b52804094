using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace Tbrm.Interop.Handles;

/// <summary>tbrm_bench_t: one of the library's microbenchmarks with its inputs.</summary>
public sealed unsafe class BenchHandle : NativeHandle
{
    /// <summary>Name, shape and type of every microbenchmark, in the library's order.</summary>
    public static IReadOnlyList<(string Name, string Shape, Dtype Dtype)> All()
    {
        List<(string Name, string Shape, Dtype Dtype)> all = [];
        for (int i = 0; i < NativeMethods.tbrm_bench_count(); i++)
        {
            byte* name;
            byte* shape;
            Dtype dtype;
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_bench_info(i, &name, &shape, &dtype, out NativeError err), err);
            all.Add((Marshal.PtrToStringUTF8((nint)name)!, Marshal.PtrToStringUTF8((nint)shape)!, dtype));
        }

        return all;
    }

    /// <summary>Makes the inputs of microbenchmark <paramref name="index"/>.</summary>
    public static BenchHandle Create(ContextHandle context, int index)
    {
        NativeError.ThrowIfFailed(
            NativeMethods.tbrm_bench_create(context, index, out BenchHandle bench, out NativeError err), err);
        return bench;
    }

    /// <summary>Runs once and compares with fp64 arithmetic: what a run computes and moves, and the largest error as a
    /// share of what is allowed.</summary>
    public (double Flops, double Bytes, double ErrorShare) Check()
    {
        double flops, bytes, share;
        NativeError.ThrowIfFailed(
            NativeMethods.tbrm_bench_check(this, &flops, &bytes, &share, out NativeError err), err);
        return (flops, bytes, share);
    }

    /// <summary>Seconds of <paramref name="n"/> runs together.</summary>
    public double Run(int n)
    {
        double seconds;
        NativeError.ThrowIfFailed(NativeMethods.tbrm_bench_run(this, n, &seconds, out NativeError err), err);
        return seconds;
    }

    /// <summary>Multiply-adds (counted twice) and bytes read per second that the context's threads reach now; 0 where
    /// it is not measured.</summary>
    public static (double Flops, double Bytes) Peak(ContextHandle context, Dtype dtype)
    {
        double flops, bytes;
        NativeError.ThrowIfFailed(
            NativeMethods.tbrm_bench_peak(context, dtype, &flops, &bytes, out NativeError err), err);
        return (flops, bytes);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMethods.tbrm_bench_destroy(handle);
        return true;
    }
}
