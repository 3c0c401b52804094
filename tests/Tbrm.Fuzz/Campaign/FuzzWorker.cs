using System;
using System.Diagnostics;
using System.Threading;
using Tbrm.Fuzz.Targets;

namespace Tbrm.Fuzz.Campaign;

/// <summary>Reads inputs one after the other, in a process of its own that may crash.</summary>
internal static class FuzzWorker
{
    /// <summary>What the process says to its parent before the description of a defect.</summary>
    public const string DefectMark = "defect ";

    /// <summary>The stack of a thread-pool thread on the least generous platform.</summary>
    private const int StackBytes = 1 << 20;

    /// <summary>The input of a number.</summary>
    public static byte[] CreateInput(IFuzzTarget target, int seed, long index)
    {
        return target.Create(new Random(Mix(seed, index)));
    }

    /// <summary>Neighbouring seeds give the platform's generator neighbouring first numbers, so they are spread first
    /// (SplitMix64).</summary>
    private static int Mix(int seed, long index)
    {
        unchecked
        {
            ulong x = ((ulong)(uint)seed << 40) + (ulong)index + 0x9E3779B97F4A7C15;
            x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
            x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
            return (int)(x ^ (x >> 31));
        }
    }

    /// <summary>Reads inputs from number <paramref name="first"/> on; the parent ends it.</summary>
    /// <param name="target">What reads them.</param>
    /// <param name="seed">Which inputs.</param>
    /// <param name="first">The first one.</param>
    /// <param name="end">Behind the last one.</param>
    /// <param name="heartbeat">Where progress is noted.</param>
    public static void Run(IFuzzTarget target, int seed, long first, long end, Heartbeat heartbeat)
    {
        Thread thread = new(() => ReadAll(target, seed, first, end, heartbeat), StackBytes);
        thread.Start();
        thread.Join();
    }

    /// <summary>Reads one input; a defect's description, or null.</summary>
    public static string? Read(IFuzzTarget target, byte[] input, out bool accepted, out long allocated)
    {
        accepted = false;
        long before = GC.GetAllocatedBytesForCurrentThread();
        string? defect = null;
        try
        {
            accepted = target.Run(input);
        }
        catch (Exception e)
        {
            // Whatever it is, it is what the campaign looks for.
            defect = e.ToString();
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        return defect ?? (allocated > target.AllocationLimit
            ? $"an input of {input.Length} bytes made the reader allocate {allocated} bytes; at most "
                + $"{target.AllocationLimit} are allowed"
            : null);
    }

    private static void ReadAll(IFuzzTarget target, int seed, long first, long end, Heartbeat heartbeat)
    {
        for (long index = first; index < end; index++)
        {
            heartbeat.Begin(index);
            byte[] input = CreateInput(target, seed, index);
            long start = Stopwatch.GetTimestamp();
            string? defect = Read(target, input, out bool accepted, out long allocated);
            heartbeat.End(accepted, input.Length, (long)Stopwatch.GetElapsedTime(start).TotalMilliseconds, allocated);
            if (defect is not null)
            {
                Console.Out.WriteLine($"{DefectMark}{index} {defect.ReplaceLineEndings(" | ")}");
            }
        }
    }
}
