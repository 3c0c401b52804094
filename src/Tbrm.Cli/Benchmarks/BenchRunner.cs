using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Engine.Benchmarks;

namespace Tbrm.Cli.Benchmarks;

/// <summary>Checks, warms up and times cases.</summary>
/// <param name="timePerCase">How long each is timed; at least <see cref="FewestSamples"/> repetitions.</param>
/// <param name="peakOf">What the machine reaches, by whether it computes from bf16.</param>
internal sealed class BenchRunner(TimeSpan timePerCase, Func<bool, MachinePeak> peakOf)
{
    public const int FewestSamples = 5;

    private readonly Dictionary<bool, MachinePeak> _peaks = [];

    /// <summary>The best that was measured, by whether it computes from bf16.</summary>
    public IReadOnlyDictionary<bool, MachinePeak> Peaks => _peaks;

    /// <summary>Times one case.</summary>
    /// <exception cref="TbrmUserException">Its result is wrong; it was not timed.</exception>
    public BenchResult Run(BenchCase one, CancellationToken stop)
    {
        double share = one.Check();
        if (!(share <= 1))
        {
            string error = share.ToString("g3", CultureInfo.InvariantCulture);
            throw new TbrmUserException(ExitCode.Internal,
                $"bench: {one.Key} ({one.Shape}) is wrong: its error is {error} "
                + "times what is allowed, so it was not timed; report this line with the output of tbrm-native doctor");
        }

        Remember(one);
        foreach (double warmUp in one.Measure())
        {
            _ = warmUp;
        }

        List<double> samples = [];
        long start = Stopwatch.GetTimestamp();
        while (samples.Count < FewestSamples || Stopwatch.GetElapsedTime(start) < timePerCase)
        {
            stop.ThrowIfCancellationRequested();
            samples.AddRange(one.Measure());
        }

        Remember(one);
        return new(one.Key, one.Shape, BenchTimes.Of(samples), one.Work, null, share);
    }

    /// <summary>The result with its floor at the best of all peaks that were measured.</summary>
    public BenchResult WithFloor(BenchResult result, bool bf16)
    {
        MachinePeak peak = _peaks.GetValueOrDefault(bf16);
        double floor = Math.Max(Ratio(result.Work.Flops, peak.Flops), Ratio(result.Work.Bytes, peak.Bytes));
        return result with { FloorSeconds = floor > 0 ? floor : null };
    }

    private static double Ratio(double work, double rate) => rate > 0 ? work / rate : 0;

    /// <summary>Peaks are measured before and after each case: a machine that others use is at its best only now and
    /// then.</summary>
    private void Remember(BenchCase one)
    {
        if (one.Work is { Flops: 0, Bytes: 0 })
        {
            return;
        }

        bool bf16 = one.Type == "bf16";
        MachinePeak now = peakOf(bf16), before = _peaks.GetValueOrDefault(bf16);
        _peaks[bf16] = new(Math.Max(now.Flops, before.Flops), Math.Max(now.Bytes, before.Bytes));
    }
}
