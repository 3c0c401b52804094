using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>What surrounds a run: a second process, a terminal that goes away, streams that nobody holds.</summary>
[Platform("Linux")]
public sealed class ProcessTests : FolderTests
{
    [Test]
    public void A_second_process_stays_out_of_a_run_and_a_hang_up_saves_it()
    {
        string run = Path.Combine(Folder, "run");
        using Process first =
            CommandLine.Start(["train", "--run-dir", run, .. CommandLine.Tiny, "trainer.total_training_steps=3000"]);
        Task<string> error = first.StandardError.ReadToEndAsync();
        Assert.That(first.StandardOutput.ReadLine(), Does.StartWith("step:"), "the first process is in the run");
        Task<string> rest = first.StandardOutput.ReadToEndAsync();

        foreach (string verb in new[] { "train", "sft" })
        {
            Outcome second = CommandLine.Run(
                [verb, "--run-dir", run, .. CommandLine.Tiny, "trainer.total_training_steps=1"]);
            Assert.That(second.ExitCode, Is.EqualTo(3), second.Error);
            Assert.That(second.Error, Does.Contain("in use by another process").And.Contain(run));
        }

        using Process kill = Process.Start("kill", ["-HUP", $"{first.Id}"]);
        kill.WaitForExit();
        first.WaitForExit();
        _ = rest.Result;
        Assert.That(first.ExitCode, Is.EqualTo(130), error.Result);
        Assert.That(error.Result, Does.Contain("interrupted; saved at step"));
    }

    [Test]
    public void Scoring_that_is_stopped_leaves_nothing_behind()
    {
        string input = Path.Combine(Folder, "in.jsonl"), output = Path.Combine(Folder, "out.jsonl");
        File.WriteAllText(input, "{\"solution_str\": \"1\", \"ground_truth\": \"1\"}\n");
        using Process process =
            CommandLine.Start("score", "--grader", "command", "command=[\"sleep\", \"1000\"]", "--timeout", "1000",
            "--in", input, "--out", output);
        Task<string> error = process.StandardError.ReadToEndAsync();
        while (Directory.GetFiles(Folder).Length == 1 && !process.HasExited)
        {
            Thread.Sleep(5);
        }

        using Process kill = Process.Start("kill", [$"{process.Id}"]);
        kill.WaitForExit();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.EqualTo(130), error.Result);
        Assert.That(error.Result, Does.Contain("interrupted"));
        Assert.That(Directory.GetFiles(Folder), Is.EqualTo(new[] { input }));
    }

    [TestCase(">&-")]
    [TestCase("2>&-")]
    [TestCase(">/dev/full 2>/dev/full")]
    [TestCase("| head -1")]
    public void A_run_whose_streams_cannot_be_written_goes_on(string redirection)
    {
        string run = Path.Combine(Folder, "run");
        string[] arguments =
            ["dotnet", Path.Combine(AppContext.BaseDirectory, "tbrm-native.dll"), "train", "--run-dir", run,
            .. CommandLine.Tiny, "trainer.total_training_steps=4"];
        using Process shell =
            Process.Start("bash",
            ["-o", "pipefail", "-c", $"{string.Join(' ', arguments.Select(a => $"'{a}'"))} {redirection}"]);
        shell.WaitForExit();
        Assert.That(shell.ExitCode, Is.Zero);
        Assert.That(StoppedRun.Steps(run), Is.EqualTo(new long[] { 0, 1, 2, 3, 4 }));
    }

    [Test]
    public void Started_by_nohup_a_run_outlives_its_terminal()
    {
        string run = Path.Combine(Folder, "run"), started = Path.Combine(run, "metrics.jsonl");
        string[] arguments =
            [Path.Combine(AppContext.BaseDirectory, "tbrm-native.dll"), "train", "--run-dir", run, .. CommandLine.Tiny,
            "trainer.total_training_steps=40"];
        ProcessStartInfo start =
            new("nohup", ["dotnet", .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        while (!File.Exists(started) && !process.HasExited)
        {
            Thread.Sleep(5);
        }

        using Process kill = Process.Start("kill", ["-HUP", $"{process.Id}"]);
        kill.WaitForExit();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, error.Result);
        Assert.That(output.Result, Does.Contain("step:40 "));
    }

    [Test]
    public void A_limit_of_open_files_that_is_too_low_is_a_sentence()
    {
        ProcessStartInfo start =
            new("bash", ["-c",
            $"ulimit -n 64; dotnet '{Path.Combine(AppContext.BaseDirectory, "tbrm-native.dll")}' config"])
            { RedirectStandardError = true };
        using Process shell = Process.Start(start)!;
        string error = shell.StandardError.ReadToEnd();
        shell.WaitForExit();
        Assert.That(shell.ExitCode, Is.EqualTo(4), error);
        Assert.That(error, Does.Contain("ulimit -n"));
    }
}
