using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Cli.Benchmarks;
using Tbrm.Core.Errors;

namespace Tbrm.Cli.Tests;

/// <summary>What <c>tbrm-native bench</c> makes of times, without measuring any; and the verb, on the quickest
/// cases.</summary>
public sealed class BenchTests
{
    private static readonly string[] s_quick = ["bench", "kernels", "--filter", "residual", "--time-per-case", "0.01"];

    [Test]
    public void Quartiles_lie_between_the_sorted_samples()
    {
        BenchTimes times = BenchTimes.Of([4, 1, 3, 2, 10]);
        Assert.That(times, Is.EqualTo(new BenchTimes(3, 1, 2, 4, 5)));
        Assert.That(BenchTimes.Of([2, 1]), Is.EqualTo(new BenchTimes(1.5, 1, 1.25, 1.75, 2)));
    }

    [TestCase(0.0)]
    [TestCase(1.0)]
    public void What_is_right_is_timed_beside_its_floor(double error)
    {
        using FakeCase right = new("sum", error);
        BenchRunner runner = new(TimeSpan.FromTicks(1), _ => new(Flops: 100, Bytes: 10));
        BenchResult result = runner.WithFloor(runner.Run(right, default), bf16: false);
        Assert.Multiple(() =>
        {
            Assert.That(result.FloorSeconds, Is.EqualTo(3), "20 bytes at 10 a second and 300 operations at 100");
            Assert.That(result.OfFloor, Is.EqualTo(0.5));
            Assert.That(right.Measured, Is.EqualTo(1 + BenchRunner.FewestSamples), "one run warms up");
        });
    }

    [TestCase(1.01)]
    [TestCase(double.NaN)]
    [TestCase(double.PositiveInfinity)]
    public void What_is_wrong_is_not_timed(double error)
    {
        using FakeCase wrong = new("sum", error);
        BenchRunner runner = new(TimeSpan.FromTicks(1), _ => new(100, 10));
        TbrmUserException refused = Assert.Throws<TbrmUserException>(() => runner.Run(wrong, default))!;
        Assert.That(refused.ExitCode, Is.EqualTo(ExitCode.Internal));
        Assert.That(refused.Message, Does.Contain("sum").And.Contain("is wrong").And.Contain("not timed"));
        Assert.That(wrong.Measured, Is.Zero);
    }

    [Test]
    public void Only_times_whose_quartiles_lie_apart_differ()
    {
        BenchReport old = Report(("a", 4, 5), ("b", 4, 5), ("c", 4, 5), ("gone", 1, 1));
        BenchReport now = Report(("a", 1, 2), ("b", 4.5, 6), ("c", 8, 9), ("new", 1, 1));
        BenchComparison comparison = BenchComparison.Of(old, now, "old.json");
        Assert.That(comparison.Ratios.Select(r => (r.Key, r.Change)), Is.EqualTo(new[]
        {
            ("a", "faster"), ("b", "same within noise"), ("c", "slower"),
        }));
        Assert.That(comparison.Ratios[0], Is.EqualTo(new BenchRatio("a", 4.5 / 1.5, 4.0 / 2, 5.0 / 1)));
        Assert.That(comparison.Warnings, Is.EqualTo(new[] { "only in old.json: gone", "not in old.json: new" }));
    }

    [Test]
    public void Another_machine_is_named()
    {
        BenchReport old = Report(("a", 1, 1)), now = old with
        {
            Machine = new JsonObject { ["cpu"] = "y", ["isa"] = "avx2", ["threads"] = 4 },
        };
        Assert.That(BenchComparison.Of(old, now, "old.json").Warnings, Has.Count.EqualTo(2)
            .And.Some.Contain("cpu differs: x there, y here").And.Some.Contain("threads differs"));
    }

    [Test]
    public void Other_shapes_and_other_groups_are_refused()
    {
        BenchReport old = Report(("a", 1, 1));
        BenchReport wider = old with { Results = [old.Results[0] with { Shape = "20" }] };
        Assert.That(() => BenchComparison.Of(old, wider, "old.json"),
            Throws.TypeOf<DataException>().With.Message.Contains("\"10\" there and on \"20\" here"));
        Assert.That(() => BenchComparison.Of(old, old with { Group = "step" }, "old.json"),
            Throws.TypeOf<DataException>().With.Message.Contains("bench kernels, and this is bench step"));
        Assert.That(() => BenchComparison.Of(old, Report(("b", 1, 1)), "old.json"),
            Throws.TypeOf<DataException>().With.Message.Contains("none of its 1 cases"));
    }

    [Test]
    public void A_report_is_read_as_it_was_written_and_compared_with_the_next()
    {
        string folder = CommandLine.TemporaryFolder(), file = Path.Combine(folder, "old.json");
        Outcome first = CommandLine.Run([.. s_quick, "--json", file]);
        Assert.That(first.ExitCode, Is.Zero, first.Error);
        Assert.That(first.Output, Does.Contain("residual fp32").And.Contain("of floor"));
        BenchReport report = BenchReport.Read(file);
        BenchResult row = report.Results.Single();
        Assert.Multiple(() =>
        {
            Assert.That((report.Group, row.Key), Is.EqualTo(("kernels", "residual fp32")));
            Assert.That(row.Times.Min, Is.Positive.And.LessThanOrEqualTo(row.Times.Median));
            Assert.That(row.Times.LowerQuartile, Is.LessThanOrEqualTo(row.Times.UpperQuartile));
            Assert.That(row.Times.Samples, Is.AtLeast(BenchRunner.FewestSamples));
            Assert.That(row.ErrorShare, Is.LessThanOrEqualTo(1));
            Assert.That(row.OfFloor, Is.Positive);
            Assert.That(report.Machine.Select(m => m.Key),
                Is.SupersetOf(new[] { "cpu", "isa", "threads", "cores", "memory_bytes", "version" }));
            Assert.That(JsonNode.DeepEquals(report.ToJson(), JsonNode.Parse(File.ReadAllText(file))));
        });

        Outcome second = CommandLine.Run([.. s_quick, "--json", "-", "--compare", file]);
        Assert.That(second.ExitCode, Is.Zero, second.Error);
        Assert.That((double)JsonNode.Parse(second.Output)!["compared"]![0]!["ratio"]!, Is.Positive);
        Directory.Delete(folder, recursive: true);
    }

    [TestCase(2, "no case of bench kernels holds it", "--filter", "nothing")]
    [TestCase(2, "--time-per-case 0:", "--time-per-case", "0")]
    [TestCase(2, "--threads -1:", "--threads", "-1")]
    [TestCase(3, "\"format\": \"tbrm-native bench 1\"", "--compare", "tests/Tbrm.Cli.Tests/nothing.json")]
    public void What_does_not_fit_is_refused(int exitCode, string message, params string[] arguments)
    {
        string file = Path.Combine(CommandLine.TemporaryFolder(), "nothing.json");
        File.WriteAllText(file, "{}");
        Outcome outcome = CommandLine.Run(["bench", "kernels", .. arguments.Select(a =>
            a.EndsWith("nothing.json", StringComparison.Ordinal) ? file : a)]);
        Assert.That((outcome.ExitCode, outcome.Output), Is.EqualTo((exitCode, "")), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(message));
    }

    [Test]
    [Platform("Linux")]
    public void The_peer_is_run_on_the_exported_model_and_its_figures_stand_below_ours()
    {
        string folder = CommandLine.TemporaryFolder();
        Outcome outcome = Decode(folder, """
            head -c 4 "$2" > seen; echo "$@" >> seen
            echo '[{"n_prompt": 128, "n_gen": 0, "build_commit": "abc", "samples_ns": [2e8, 4e8, 3e8]},
                   {"n_prompt": 0, "n_gen": 64, "build_commit": "abc", "samples_ns": [64e7]}]'
            """);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonArray rows = JsonNode.Parse(outcome.Output)!["results"]!.AsArray();
        Assert.That(rows.Select(r => (string)r!["name"]!), Is.EqualTo(new[]
        {
            "decode, batch 1 fp32", "llama-bench prefill, batch 1 fp32", "llama-bench decode, batch 1 fp32",
        }));
        Assert.That((double)rows[1]!["amount_per_s"]!, Is.EqualTo(128 / 0.3).Within(1e-6));
        Assert.That((double)rows[2]!["amount_per_s"]!, Is.EqualTo(100).Within(1e-6));
        Assert.That(File.ReadAllText(Path.Combine(folder, "seen")),
            Does.StartWith("GGUF").And.Contain("-p 128 -n 64 -t 1 "));
        Directory.Delete(folder, recursive: true);
    }

    [TestCase("echo out of tune >&2; exit 9", "exit code 9: out of tune")]
    [TestCase("echo 7 tokens", "expected llama-bench's JSON")]
    [Platform("Linux")]
    public void A_peer_that_fails_is_an_error(string script, string message)
    {
        string folder = CommandLine.TemporaryFolder();
        Outcome outcome = Decode(folder, script);
        Assert.That((outcome.ExitCode, outcome.Output), Is.EqualTo((3, "")), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(message));
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>The quickest decode case beside a peer that is a script.</summary>
    private static Outcome Decode(string folder, string script)
    {
        string peer = Path.Combine(folder, "llama-bench");
        File.WriteAllText(peer, $"#!/bin/sh\ncd '{folder}'\n{script}\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(peer, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        return CommandLine.Run("bench", "decode", "--dtype", "fp32", "--filter", "decode, batch 1 ", "--time-per-case",
            "0.01", "--threads", "1", "--json", "--llama-bench", peer);
    }

    private static BenchReport Report(params (string Key, double Low, double High)[] rows) => new("kernels",
        new() { ["cpu"] = "x", ["isa"] = "avx2", ["threads"] = 2 },
        [.. rows.Select(r => new BenchResult(r.Key, "10",
            new((r.Low + r.High) / 2, r.Low, r.Low, r.High, 5), new(1, "GB"), null, 0))]);

    private sealed class FakeCase(string name, double error) : BenchCase(name, "10", "fp32")
    {
        public int Measured { get; private set; }

        public override double Check()
        {
            Work = new(1, "GB", Flops: 300, Bytes: 20);
            return error;
        }

        public override IEnumerable<double> Measure()
        {
            Measured++;
            yield return 6;
        }
    }
}
