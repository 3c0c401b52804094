using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>A run that was killed and resumed is, bit for bit, the run that was not killed.</summary>
public sealed class ResumeTests
{
    private const int Steps = 9;

    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = CommandLine.TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Killed_at_any_moment_and_resumed_the_run_has_the_same_weights_and_metrics([Values(1, 4, 7)] int killAfterStep)
    {
        string whole = Path.Combine(_folder, "whole"), killed = Path.Combine(_folder, "killed");
        Outcome reference = CommandLine.Run(Arguments(whole));
        Assert.That(reference.ExitCode, Is.Zero, reference.Error);

        using (Process process = CommandLine.Start(Arguments(killed)))
        {
            _ = process.StandardError.ReadToEndAsync();
            while (process.StandardOutput.ReadLine() is { } line)
            {
                if (line.StartsWith($"step:{killAfterStep} ", StringComparison.Ordinal))
                {
                    Thread.Sleep(killAfterStep * 13);
                    process.Kill();
                    break;
                }
            }

            process.WaitForExit();
        }

        Outcome resumed = CommandLine.Run("train", "--run-dir", killed, "--resume");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(Metrics(killed), Is.EqualTo(Metrics(whole)));
        foreach (string file in new[] { "actor/huggingface/model.safetensors", "actor/optim.safetensors", "ref/huggingface/model.safetensors", "data.json" })
        {
            byte[] expected = File.ReadAllBytes(Path.Combine(whole, "checkpoints", $"global_step_{Steps}", file));
            byte[] actual = File.ReadAllBytes(Path.Combine(killed, "checkpoints", $"global_step_{Steps}", file));
            Assert.That(actual.AsSpan().SequenceEqual(expected), Is.True, file);
        }
    }

    private static string[] Arguments(string folder) => ["train", "--run-dir", folder, .. CommandLine.Tiny, $"trainer.total_training_steps={Steps}"];

    /// <summary>Every number but the clock's and the machine's.</summary>
    private static List<string> Metrics(string folder) => [.. File.ReadLines(Path.Combine(folder, "metrics.jsonl")).Select(line =>
    {
        JsonObject row = (JsonObject)JsonNode.Parse(line)!;
        foreach (string name in row.Select(p => p.Key).Where(k => k.StartsWith("timing_s/", StringComparison.Ordinal) || k.StartsWith("perf/", StringComparison.Ordinal)).ToList())
        {
            row.Remove(name);
        }

        return row.ToJsonString();
    })];
}
