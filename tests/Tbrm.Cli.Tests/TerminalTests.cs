using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>A run as people watch it, through a pseudo-terminal.</summary>
public sealed class TerminalTests : FolderTests
{
    [TestCase(80)]
    [TestCase(200)]
    public void A_run_on_a_terminal_keeps_to_its_width_and_ends_with_what_to_do_next(int columns)
    {
        string run = Path.Combine(Folder, "run");
        TerminalScreen screen =
            OnTerminal(columns, "", "train", "--run-dir", run, "trainer.total_training_steps=3",
            "trainer.print_samples=1");
        string all = string.Join('\n', screen.Rows);
        // The sentences about folders may be longer than the screen; the block never is.
        Assert.That(screen.Rows.Where(r => r.StartsWith("step 3, score", StringComparison.Ordinal)),
            Has.Exactly(1).Items, all);
        Assert.That(screen.Rows.Where(
            r => r.Contains("elapsed", StringComparison.Ordinal) || r.Contains('[')
            && r.Contains("==", StringComparison.Ordinal)), Is.Empty, "nothing of the block stays: " + all);
        Assert.That(all, Does.Not.Contain("critic/score/mean"), "verl's line is for programs");
        Assert.That(all, Does.Contain("finished: 3 steps in ").And.Contain("% before, ").And.Contain(
            "% after").And.Contain("eval --run-dir").And.Contain("generate --run-dir"));
        Assert.That(screen.IsColoured, Is.True);
        Assert.That(File.Exists(Path.Combine(run, "report.html")), Is.True);
    }

    [Test]
    public void Without_colours_when_NO_COLOR_is_set() =>
        Assert.That(OnTerminal(
            80, "NO_COLOR=1 ", "train", "--run-dir", Path.Combine(Folder, "run"),
            "trainer.total_training_steps=1").IsColoured, Is.False);

    [Test]
    public void Verl_s_lines_can_be_had_and_silence_too()
    {
        TerminalScreen verl =
            OnTerminal(80, "", "train", "--run-dir", Path.Combine(Folder, "verl"), "trainer.total_training_steps=1",
            "trainer.console=verl");
        Assert.That(string.Join("", verl.Rows), Does.Contain("step:1 - training/global_step:1"));
        TerminalScreen quiet =
            OnTerminal(80, "", "train", "--run-dir", Path.Combine(Folder, "quiet"), "trainer.total_training_steps=1",
            "trainer.console=quiet");
        Assert.That(string.Join('\n', quiet.Rows.Where(r => !r.StartsWith("warning:", StringComparison.Ordinal))),
            Is.Empty);
    }

    [Test]
    public void Piped_it_is_verl_s_line_and_the_ending_is_on_stderr()
    {
        Outcome outcome = CommandLine.Run(
            ["train", "--run-dir", Path.Combine(Folder, "run"), .. CommandLine.Tiny, "trainer.total_training_steps=2"]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries), Has.All.StartsWith("step:"));
        Assert.That(outcome.Error, Does.Contain("finished: 2 steps").And.Not.Contain("\u001b"));
    }

    /// <summary>The commands of the ending do what they say.</summary>
    [Test]
    public void The_commands_that_it_ends_with_work()
    {
        string run = Path.Combine(Folder, "run");
        Outcome outcome = CommandLine.Run(
            ["train", "--run-dir", run, .. CommandLine.Tiny, "trainer.total_training_steps=1"]);
        string[] commands = [.. outcome.Error.Split('\n')
            .Where(l => l.StartsWith("  tbrm-native ", StringComparison.Ordinal))];
        Assert.That(commands, Has.Length.EqualTo(3), outcome.Error);
        foreach (string command in commands)
        {
            string[] words = [.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1)
                .Select(w => w.Trim('\''))];
            Outcome next = CommandLine.Run(words);
            Assert.That(next.ExitCode, Is.Zero, command + next.Error);
        }

        Assert.That(Directory.Exists(Path.Combine(run, "checkpoints", "global_step_2")), Is.True);
    }

    private static TerminalScreen OnTerminal(int columns, string variables, params string[] arguments)
    {
        IEnumerable<string> words =
            ["dotnet", Path.Combine(AppContext.BaseDirectory, "tbrm-native.dll"), .. arguments.Take(1),
            .. CommandLine.Tiny, .. arguments.Skip(1)];
        string command =
            $"stty cols {columns} rows 24; TERM=xterm {variables}{string.Join(' ', words.Select(w => $"'{w}'"))}";
        ProcessStartInfo start =
            new("script", ["--quiet", "--return", "--command", command, "/dev/null"])
            {
                RedirectStandardOutput = true,
                RedirectStandardInput = true
            };
        start.Environment["SHELL"] = "/bin/sh";
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, output);
        return new TerminalScreen(columns).Feed(output.Replace("\r\n", "\n", StringComparison.Ordinal));
    }
}
