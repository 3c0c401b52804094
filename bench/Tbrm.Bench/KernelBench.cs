using System;
using System.Collections.Generic;
using System.Linq;
using BenchmarkDotNet.Attributes;
using Tbrm.Engine;
using Tbrm.Engine.Benchmarks;

namespace Tbrm.Bench;

/// <summary>The kernels that C# calls through P/Invoke (head, residual, sampler), on the inputs of
/// <c>tbrm-native bench kernels</c>, one call a run. Refused when the result is wrong.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "GlobalCleanup disposes them.")]
public class KernelBench
{
    private static readonly string[] s_called = ["head", "residual", "sample"];

    private EngineDevice _device = null!;
    private KernelBenchmark _kernel = null!;

    public static IEnumerable<string> Kernels => KernelBenchmark.All
        .Where(k => s_called.Any(c => k.Name.StartsWith(c, StringComparison.Ordinal))).Select(NameOf);

    [ParamsSource(nameof(Kernels))]
    public string Kernel { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        _device = EngineDevice.Open("cpu", 0);
        _kernel = new(_device, KernelBenchmark.All.First(k => NameOf(k) == Kernel));
        double share = _kernel.Check().ErrorShare;
        if (!(share <= 1))
        {
            throw new InvalidOperationException($"{Kernel} is wrong: its error is {share} times what is allowed");
        }
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _kernel.Dispose();
        _device.Dispose();
    }

    [Benchmark]
    public double Call() => _kernel.Run(1);

    private static string NameOf(KernelBenchmarkInfo kernel) => kernel.Name + (kernel.Bf16 ? " bf16" : " fp32");
}
