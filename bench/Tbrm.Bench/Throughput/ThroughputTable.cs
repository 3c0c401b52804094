using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Tbrm.Bench.Throughput;

/// <summary>Something that is done to an amount of data.</summary>
/// <param name="Stage">What is measured.</param>
/// <param name="Input">On what.</param>
/// <param name="Amounts">How much of what one run handles.</param>
/// <param name="Run">One run, on the thread that calls it.</param>
internal sealed record ThroughputCase(string Stage, string Input, IReadOnlyList<(double Amount, string Unit)> Amounts,
    Action Run)
{
    /// <summary>Makes everything that a run would otherwise find in its caches anew, outside of the time; null when
    /// there is nothing.</summary>
    public Action? Forget { get; init; }
}

/// <summary>
/// Amounts per second of what reads, cuts and grades, as a table in Markdown. By the time that the process spent on
/// processors as well as by the
/// clock: on a machine that others use too, only the first says what one core does.
/// </summary>
internal static class ThroughputTable
{
    private const int Repeats = 5;
    private static readonly TimeSpan s_least = TimeSpan.FromSeconds(0.5);

    /// <summary>Measures everything.</summary>
    public static void Print(string? tokenizerFolder)
    {
        Console.WriteLine(
            $"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSArchitecture}, "
                + $"{Environment.ProcessorCount} processors, {DateTime.UtcNow:yyyy-MM-dd}; one thread, the best of "
                + $"{Repeats}.");
        Console.WriteLine();
        Console.WriteLine("| stage | input | per second of one core | by the clock |");
        Console.WriteLine("|---|---|---|---|");
        foreach (IEnumerable<ThroughputCase> cases in new[] { TokenizerCases.All(tokenizerFolder), GraderCases.All(),
            ParquetCases.All() })
        {
            foreach (ThroughputCase measured in cases)
            {
                (double processor, double clock) = measured.Forget is null ? Measure(measured.Run)
                    : MeasureFresh(measured.Run, measured.Forget);
                Console.WriteLine(
                    $"| {measured.Stage} | {measured.Input} | {Rates(measured, processor)} | {Rates(measured, clock)} "
                        + $"|");
            }
        }
    }

    private static string Rates(ThroughputCase measured, double seconds) =>
        string.Join(", ", System.Linq.Enumerable.Select(
        measured.Amounts, amount =>
            string.Create(CultureInfo.InvariantCulture, $"{Round(amount.Amount / seconds)} {amount.Unit}")));

    private static string Round(double rate) =>
        rate.ToString(rate >= 100 ? "N0" : rate >= 10 ? "F1" : "F2", CultureInfo.InvariantCulture);

    /// <summary>Seconds of one run: of processors, and by the clock; each the least of the repeats.</summary>
    private static (double Processor, double Clock) Measure(Action run)
    {
        run();
        int runs = 1;
        (double Processor, double Clock) best = (double.PositiveInfinity, double.PositiveInfinity);
        for (int repeat = 0; repeat < Repeats;)
        {
            (TimeSpan processor, TimeSpan clock) = Time(run, runs);
            if (processor < s_least)
            {
                runs *= 2;
                continue;
            }

            best = (Math.Min(best.Processor, processor.TotalSeconds / runs),
                Math.Min(best.Clock, clock.TotalSeconds / runs));
            repeat++;
        }

        return best;
    }

    /// <summary>As <see cref="Measure"/>, each run on its own.</summary>
    private static (double Processor, double Clock) MeasureFresh(Action run, Action forget)
    {
        (double Processor, double Clock) best = (double.PositiveInfinity, double.PositiveInfinity);
        for (int repeat = 0; repeat < Repeats; repeat++)
        {
            forget();
            GC.Collect();
            (TimeSpan processor, TimeSpan clock) = Time(run, 1);
            best = (Math.Min(best.Processor, processor.TotalSeconds), Math.Min(best.Clock, clock.TotalSeconds));
        }

        return best;
    }

    private static (TimeSpan Processor, TimeSpan Clock) Time(Action run, int runs)
    {
        using Process process = Process.GetCurrentProcess();
        TimeSpan before = process.TotalProcessorTime;
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < runs; i++)
        {
            run();
        }

        TimeSpan clock = Stopwatch.GetElapsedTime(start);
        process.Refresh();
        return (process.TotalProcessorTime - before, clock);
    }
}
