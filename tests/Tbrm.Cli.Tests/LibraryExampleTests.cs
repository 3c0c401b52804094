using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>examples/library: a program that trains without the command line.</summary>
public sealed class LibraryExampleTests
{
    private static readonly string s_program = Path.Combine(
        AppContext.BaseDirectory.Replace("Tbrm.Cli.Tests", "TrainFromCode", StringComparison.Ordinal),
            "TrainFromCode.dll");

    [Test]
    public void It_trains_prints_rewards_and_leaves_a_run_folder()
    {
        string folder = CommandLine.TemporaryFolder();
        try
        {
            string run = Path.Combine(folder, "run");
            Outcome outcome = Run([.. CommandLine.Tiny, "trainer.run_dir=" + run, "trainer.total_training_steps=2"]);
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            Assert.That(outcome.Output.Split('\n').Count(l => l.StartsWith("step ", StringComparison.Ordinal)),
                Is.EqualTo(2));
            Assert.That(File.ReadLines(Path.Combine(run, "metrics.jsonl")).Count(), Is.EqualTo(3));
            Assert.That(File.Exists(Path.Combine(run, "report.html")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Test]
    public void What_the_user_can_mend_is_a_sentence_with_its_exit_code()
    {
        Outcome outcome = Run(["trainer.sed=1"]);
        Assert.That(outcome.ExitCode, Is.EqualTo(2));
        Assert.That(outcome.Error, Does.Contain("trainer.sed").And.Not.Contain("   at "));
    }

    private static Outcome Run(string[] arguments)
    {
        ProcessStartInfo start = new("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in arguments.Prepend(s_program))
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        System.Threading.Tasks.Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new(process.ExitCode, output, error.Result);
    }
}
