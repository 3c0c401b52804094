using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Interop;
using Tbrm.Interop.Handles;

namespace Tbrm.Engine.Benchmarks;

/// <summary>A kernel's microbenchmark, as the library lists it.</summary>
/// <param name="Index">Its place in the list.</param>
/// <param name="Name">The kernel.</param>
/// <param name="Shape">Of its inputs, for people.</param>
/// <param name="Bf16">Inputs in bf16; fp32 otherwise.</param>
public sealed record KernelBenchmarkInfo(int Index, string Name, string Shape, bool Bf16);

/// <summary>What a run of a kernel computes and moves, and how right it is.</summary>
/// <param name="Flops">Multiply-adds, counted twice; 0 where memory alone bounds the kernel.</param>
/// <param name="Bytes">Read and written at least.</param>
/// <param name="ErrorShare">Largest error against fp64 arithmetic, as a share of what rounding allows: at most 1 where
/// the kernel is right.</param>
public readonly record struct KernelCheck(double Flops, double Bytes, double ErrorShare);

/// <summary>What the machine reaches now.</summary>
/// <param name="Flops">Multiply-adds in a second, counted twice; 0 where it is not measured.</param>
/// <param name="Bytes">Bytes read from main memory in a second; 0 where it is not measured.</param>
public readonly record struct MachinePeak(double Flops, double Bytes);

/// <summary>One of the library's kernels on inputs that the library makes: checked, then timed.</summary>
public sealed class KernelBenchmark : IDisposable
{
    private readonly BenchHandle _handle;

    /// <summary>Makes the inputs.</summary>
    public KernelBenchmark(EngineDevice device, KernelBenchmarkInfo info) => _handle = NativeFailures.Translated(
        "preparing " + info.Name, () => BenchHandle.Create(device.Context, info.Index));

    /// <summary>Every kernel that can be timed.</summary>
    public static IReadOnlyList<KernelBenchmarkInfo> All => [.. BenchHandle.All().Select((b, i) =>
        new KernelBenchmarkInfo(i, b.Name, b.Shape, b.Dtype == Dtype.Bf16))];

    /// <summary>Runs the kernel once and compares with fp64 arithmetic on the same inputs.</summary>
    public KernelCheck Check()
    {
        (double flops, double bytes, double share) = NativeFailures.Translated("checking a kernel", _handle.Check);
        return new(flops, bytes, share);
    }

    /// <summary>Seconds that <paramref name="n"/> runs take together.</summary>
    public double Run(int n) => NativeFailures.Translated("timing a kernel", () => _handle.Run(n));

    /// <summary>Measures what the device's threads reach now.</summary>
    public static MachinePeak Peak(EngineDevice device, bool bf16)
    {
        (double flops, double bytes) = NativeFailures.Translated(
            "measuring the machine", () => BenchHandle.Peak(device.Context, bf16 ? Dtype.Bf16 : Dtype.F32));
        return new(flops, bytes);
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();
}
