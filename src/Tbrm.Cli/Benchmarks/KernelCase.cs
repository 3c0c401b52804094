using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Engine;
using Tbrm.Engine.Benchmarks;

namespace Tbrm.Cli.Benchmarks;

/// <summary><c>bench kernels</c>: a kernel of the native library on inputs of its own.</summary>
internal sealed class KernelCase(EngineDevice device, KernelBenchmarkInfo info)
    : BenchCase(info.Name, info.Shape, info.Bf16 ? "bf16" : "fp32")
{
    /// <summary>A clock's resolution and a call's overhead are lost in this much.</summary>
    private const double ShortestSample = 2e-3;

    private const int MostRuns = 10_000;

    private KernelBenchmark? _kernel;
    private int _runs;

    public static IEnumerable<BenchCase> All(EngineDevice device) =>
        KernelBenchmark.All.Select(info => new KernelCase(device, info));

    public override double Check()
    {
        _kernel = new(device, info);
        KernelCheck check = _kernel.Check();
        Work = check.Flops > 0 ? new(check.Flops / 1e9, "GFLOP", check.Flops, check.Bytes)
            : new(check.Bytes / 1e9, "GB", 0, check.Bytes);
        return check.ErrorShare;
    }

    public override IEnumerable<double> Measure()
    {
        if (_runs == 0)
        {
            _kernel!.Run(1);
            _runs = (int)Math.Clamp(Math.Ceiling(ShortestSample / _kernel.Run(1)), 1, MostRuns);
        }

        yield return _kernel!.Run(_runs) / _runs;
    }

    public override void Dispose()
    {
        _kernel?.Dispose();
        _kernel = null;
        base.Dispose();
    }
}
