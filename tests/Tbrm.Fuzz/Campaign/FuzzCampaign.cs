using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using Tbrm.Fuzz.Targets;

namespace Tbrm.Fuzz.Campaign;

/// <summary>An input that a reader did not survive as it should.</summary>
/// <param name="Index">The input's number.</param>
/// <param name="Kind">crash, hang or exception.</param>
/// <param name="Description">What happened, on one line.</param>
/// <param name="Input">The bytes.</param>
internal sealed record FuzzDefect(long Index, string Kind, string Description, byte[] Input);

/// <summary>What a campaign found.</summary>
internal sealed record FuzzResult(FuzzCounts Counts, IReadOnlyList<FuzzDefect> Defects, TimeSpan Elapsed);

/// <summary>
/// Sends inputs through a reader in worker processes, whose memory is bounded, and which are watched: an input that
/// ends the
/// process or does not come back in time is a defect like an exception that is not documented, and the next worker goes
/// on
/// behind it.
/// </summary>
internal sealed class FuzzCampaign
{
    private readonly List<FuzzDefect> _defects = [];
    private readonly Stopwatch _clock = new();

    /// <summary>The target's name.</summary>
    public required string Target { get; init; }

    /// <summary>Which inputs.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>How many at most.</summary>
    public long Count { get; init; } = long.MaxValue;

    /// <summary>How long at most.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.MaxValue;

    /// <summary>What one input may take, wall-clock.</summary>
    public TimeSpan InputLimit { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>The managed heap of a worker.</summary>
    public long HeapBytes { get; init; } = 1L << 30;

    /// <summary>So many defects end the campaign.</summary>
    public int MaxDefects { get; init; } = 20;

    /// <summary>Called now and then with what was done so far.</summary>
    public Action<FuzzCounts, TimeSpan>? Progress { get; init; }

    /// <summary>Runs it to its end.</summary>
    public FuzzResult Run()
    {
        IFuzzTarget target = FuzzTargets.Create(Target);
        string folder = Directory.CreateTempSubdirectory("tbrm-fuzz-").FullName;
        string path = Path.Combine(folder, "heartbeat");
        _clock.Restart();
        try
        {
            using Heartbeat heartbeat = new(path);
            long next = 0;
            while (next < Count && _clock.Elapsed < Duration && _defects.Count < MaxDefects)
            {
                next = RunWorker(target, path, heartbeat, next);
            }

            return new FuzzResult(heartbeat.Counts, _defects, _clock.Elapsed);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>One worker, until it is done or dead; returns the number of the input to go on with.</summary>
    private long RunWorker(IFuzzTarget target, string path, Heartbeat heartbeat, long first)
    {
        heartbeat.Begin(first);
        using Process process = Start(path, first);
        List<string> errors = [];
        process.OutputDataReceived += (_, line) => NoteDefect(target, line.Data);
        process.ErrorDataReceived += (_, line) => Keep(errors, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();

        bool hung = Watch(process, heartbeat);
        bool alive = !process.HasExited;
        if (alive)
        {
            process.Kill(entireProcessTree: true);
        }

        process.WaitForExit();
        long index = heartbeat.Index;
        bool crashed = !alive && process.ExitCode != 0;
        if (hung || crashed)
        {
            string description = hung ? $"no return within {InputLimit.TotalSeconds} s"
                : $"exit code {process.ExitCode}: {string.Join(" | ", errors.Take(40))}";
            Add(target, index, hung ? "hang" : "crash", description);
        }

        return hung || crashed ? index + 1 : long.MaxValue;
    }

    /// <summary>Waits until the worker ends or the campaign's time or patience is over; true when the worker
    /// hangs.</summary>
    private bool Watch(Process process, Heartbeat heartbeat)
    {
        const int PollMilliseconds = 50;
        long seen = heartbeat.Index;
        Stopwatch since = Stopwatch.StartNew();
        TimeSpan reported = _clock.Elapsed;
        while (!process.WaitForExit(PollMilliseconds))
        {
            if (heartbeat.Index is long index && index != seen)
            {
                seen = index;
                since.Restart();
            }

            if (since.Elapsed > InputLimit)
            {
                return true;
            }

            if (_clock.Elapsed >= Duration || DefectCount >= MaxDefects)
            {
                return false;
            }

            if (_clock.Elapsed - reported > TimeSpan.FromSeconds(10))
            {
                reported = _clock.Elapsed;
                Progress?.Invoke(heartbeat.Counts, reported);
            }
        }

        return false;
    }

    private int DefectCount
    {
        get
        {
            lock (_defects)
            {
                return _defects.Count;
            }
        }
    }

    private Process Start(string path, long first)
    {
        ProcessStartInfo start = new(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        string program = typeof(FuzzCampaign).Assembly.Location;
        foreach (string argument in new[] { program, "worker", Target, Text(Seed), Text(first), Text(Count), path })
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["DOTNET_GCHeapHardLimit"] = HeapBytes.ToString("X", CultureInfo.InvariantCulture);
        start.Environment["TMPDIR"] = Path.GetDirectoryName(path);
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_gcConcurrent"] = "0";
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        return Process.Start(start)!;
    }

    private void NoteDefect(IFuzzTarget target, string? line)
    {
        if (line?.StartsWith(FuzzWorker.DefectMark, StringComparison.Ordinal) == true)
        {
            string[] parts = line[FuzzWorker.DefectMark.Length..].Split(' ', 2);
            Add(target, long.Parse(parts[0], CultureInfo.InvariantCulture), "exception", parts[1]);
        }
    }

    private void Add(IFuzzTarget target, long index, string kind, string description)
    {
        byte[] input;
        lock (target)
        {
            input = FuzzWorker.CreateInput(target, Seed, index);
        }

        lock (_defects)
        {
            _defects.Add(new FuzzDefect(index, kind, description, input));
        }
    }

    private static void Keep(List<string> lines, string? line)
    {
        const int Most = 100;
        lock (lines)
        {
            if (line is not null && lines.Count < Most)
            {
                lines.Add(line);
            }
        }
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
