using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>Runs that are stopped in the middle, and what they must have in common with one that was not.</summary>
internal static class StoppedRun
{
    /// <summary>Kills a run a moment after its console line of a step; false when it ended before.</summary>
    public static bool KillAfterStep(int step, TimeSpan later, params string[] arguments)
    {
        using Process process = CommandLine.Start(arguments);
        _ = process.StandardError.ReadToEndAsync();
        bool seen = WaitForStep(process, step);
        if (seen)
        {
            Thread.Sleep(later);
            process.Kill();
        }

        process.WaitForExit();
        return seen;
    }

    /// <summary>Sends SIGINT after the console line of a step; returns exit code and stderr.</summary>
    public static (int ExitCode, string Error) InterruptAfterStep(int step, TimeSpan later, params string[] arguments)
    {
        using Process process = CommandLine.Start(arguments);
        System.Threading.Tasks.Task<string> error = process.StandardError.ReadToEndAsync();
        Assert.That(WaitForStep(process, step), Is.True, $"step {step} was never made");
        Thread.Sleep(later);
        Interrupt(process);
        _ = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error.Result);
    }

    /// <summary>Sends SIGINT, as Ctrl-C does.</summary>
    public static void Interrupt(Process process)
    {
        using Process kill = Process.Start("kill", ["-INT", $"{process.Id}"]);
        kill.WaitForExit();
    }

    /// <summary>Every number but the clock's and the machine's, one line per step.</summary>
    public static List<string> Metrics(string run) =>
        [.. File.ReadLines(Path.Combine(run, "metrics.jsonl")).Select(line =>
    {
        JsonObject row = (JsonObject)JsonNode.Parse(line)!;
        return new JsonObject(row.Where(
            p => !p.Key.StartsWith("timing_", StringComparison.Ordinal)
            && !p.Key.StartsWith("perf/", StringComparison.Ordinal))
            .OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone())))
                .ToJsonString();
    })];

    /// <summary>Steps that have a line of metrics, in the file's order.</summary>
    public static List<long> Steps(string run) =>
        [.. File.ReadLines(Path.Combine(run, "metrics.jsonl")).Select(line => (long)JsonNode.Parse(line)!["step"]!)];

    /// <summary>Files of a step's checkpoint hold the same bytes in both runs.</summary>
    public static void AssertSameFiles(string actual, string expected, int step, params string[] files)
    {
        foreach (string file in files)
        {
            byte[] right = File.ReadAllBytes(Path.Combine(expected, "checkpoints", $"global_step_{step}", file));
            byte[] left = File.ReadAllBytes(Path.Combine(actual, "checkpoints", $"global_step_{step}", file));
            Assert.That(left.AsSpan().SequenceEqual(right), Is.True, file);
        }
    }

    public static bool WaitForStep(Process process, int step)
    {
        while (process.StandardOutput.ReadLine() is { } line)
        {
            if (line.StartsWith($"step:{step} ", StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }
}
