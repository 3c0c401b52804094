using System;
using System.Diagnostics;
using System.IO;
using System.Threading;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>A run that was killed and resumed is, bit for bit, the run that was not killed.</summary>
public sealed class ResumeTests
{
    private const int Steps = 9;

    private static readonly string[] s_files = ["actor/huggingface/model.safetensors", "actor/optim.safetensors", "ref/huggingface/model.safetensors", "data.json"];

    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = CommandLine.TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Killed_at_any_moment_and_resumed_the_run_has_the_same_weights_and_metrics([Values(1, 4, 7)] int killAfterStep)
    {
        string whole = Whole(), killed = Path.Combine(_folder, "killed");
        StoppedRun.KillAfterStep(killAfterStep, TimeSpan.FromMilliseconds(killAfterStep * 13), Arguments(killed));
        ResumeAndCompare(killed, whole);
    }

    /// <summary>Step 3 is tested, on enough problems that the signal of most tries comes in the test.</summary>
    [Test]
    public void Interrupted_in_an_evaluation_the_run_has_the_same_metrics([Values(0, 15, 60)] int milliseconds)
    {
        string[] many = ["data.task_val_size=1500", "rollout.max_num_seqs=64"];
        string whole = Whole(many), stopped = Path.Combine(_folder, "stopped");
        (int exitCode, string error) = StoppedRun.InterruptAfterStep(2, TimeSpan.FromMilliseconds(milliseconds), [.. Arguments(stopped), .. many]);
        Assert.That(exitCode, Is.EqualTo(130), error);
        Assert.That(error, Does.Contain("--resume"));
        ResumeAndCompare(stopped, whole);
    }

    [Test]
    public void Killed_in_the_warm_start_it_goes_on_there([Values] bool isKilled)
    {
        string[] slow = ["sft.total_training_steps=200", "sft.save_freq=20"];
        string whole = Whole(slow), stopped = Path.Combine(_folder, "stopped");
        using (Process process = CommandLine.Start([.. Arguments(stopped), .. slow]))
        {
            _ = process.StandardError.ReadToEndAsync();
            _ = process.StandardOutput.ReadToEndAsync();
            string saved = Path.Combine(stopped, "warm_start", "latest_checkpointed_iteration.txt");
            while (!File.Exists(saved) && !process.HasExited)
            {
                Thread.Sleep(5);
            }

            if (isKilled)
            {
                process.Kill();
            }
            else
            {
                StoppedRun.Interrupt(process);
            }

            process.WaitForExit();
            Assert.That(process.ExitCode, Is.EqualTo(isKilled ? 137 : 130));
        }

        Outcome resumed = ResumeAndCompare(stopped, whole);
        Assert.That(resumed.Error, Does.Match("resumed the warm start at step [1-9]"));
        Assert.That(Directory.Exists(Path.Combine(stopped, "warm_start")), Is.False, "of no use any more");
    }

    private string Whole(params string[] more)
    {
        string whole = Path.Combine(_folder, "whole");
        Outcome reference = CommandLine.Run([.. Arguments(whole), .. more]);
        Assert.That(reference.ExitCode, Is.Zero, reference.Error);
        return whole;
    }

    private static Outcome ResumeAndCompare(string stopped, string whole)
    {
        Outcome resumed = CommandLine.Run("train", "--run-dir", stopped, "--resume");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(StoppedRun.Metrics(stopped), Is.EqualTo(StoppedRun.Metrics(whole)));
        StoppedRun.AssertSameFiles(stopped, whole, Steps, s_files);
        return resumed;
    }

    private static string[] Arguments(string folder) => ["train", "--run-dir", folder, .. CommandLine.Tiny, $"trainer.total_training_steps={Steps}"];
}
