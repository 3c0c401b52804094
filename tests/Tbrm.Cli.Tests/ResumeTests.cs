using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>A run that was killed and resumed is, bit for bit, the run that was not killed.</summary>
public sealed class ResumeTests : FolderTests
{
    private const int Steps = 9;

    private static readonly string[] s_files =
        ["actor/huggingface/model.safetensors", "actor/optim.safetensors", "ref/huggingface/model.safetensors",
        "data.json"];

    private static readonly string[] s_adapterFiles =
        ["actor/lora_adapter/adapter_model.safetensors", "actor/optim.safetensors", "ref/huggingface/model.safetensors",
        "data.json"];

    [Test]
    public void Killed_at_any_moment_and_resumed_the_run_has_the_same_weights_and_metrics(
        [Values(1, 4, 7)] int killAfterStep)
    {
        string whole = Whole(), killed = Path.Combine(Folder, "killed");
        StoppedRun.KillAfterStep(killAfterStep, TimeSpan.FromMilliseconds(killAfterStep * 13), Arguments(killed));
        ResumeAndCompare(killed, whole);
    }

    /// <summary>Step 3 is tested, on enough problems that the signal of most tries comes in the test.</summary>
    [Test]
    public void Interrupted_in_an_evaluation_the_run_has_the_same_metrics([Values(0, 15, 60)] int milliseconds)
    {
        string[] many = ["data.task_val_size=1500", "rollout.max_num_seqs=64"];
        string whole = Whole(many), stopped = Path.Combine(Folder, "stopped");
        (int exitCode, string error) =
            StoppedRun.InterruptAfterStep(2, TimeSpan.FromMilliseconds(milliseconds), [.. Arguments(stopped), .. many]);
        Assert.That(exitCode, Is.EqualTo(130), error);
        Assert.That(error, Does.Contain("--resume"));
        ResumeAndCompare(stopped, whole);
    }

    /// <summary>An adapter comes after the warm start, which trains the weights themselves.</summary>
    [TestCase(true, 0)]
    [TestCase(false, 0)]
    [TestCase(true, 4)]
    public void Killed_in_the_warm_start_it_goes_on_there(bool isKilled, int loraRank)
    {
        string[] slow = ["sft.total_training_steps=200", "sft.save_freq=20", $"model.lora_rank={loraRank}"];
        string whole = Whole(slow), stopped = Path.Combine(Folder, "stopped");
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

        string state = File.ReadAllText(
            Directory.GetFiles(Path.Combine(stopped, "warm_start"), "extra_state.json", SearchOption.AllDirectories)
            .Single());
        double spent = (double)JsonNode.Parse(state)!["phase_seconds"]!["warm_start"]!;
        Assert.That(spent, Is.Positive);
        Outcome resumed = ResumeAndCompare(stopped, whole, loraRank > 0 ? s_adapterFiles : s_files);
        Assert.That(resumed.Error, Does.Match("resumed the warm start at step [1-9]"));
        Assert.That((double)Times(stopped)["warm_start"]!, Is.GreaterThan(spent));
        Assert.That(Directory.Exists(Path.Combine(stopped, "warm_start")), Is.False, "of no use any more");
    }

    /// <summary>How a run was started must not decide how --resume goes on with it.</summary>
    [Test]
    public void A_run_that_was_started_without_looking_for_checkpoints_is_resumed_all_the_same()
    {
        string whole = Whole(), shorter = Path.Combine(Folder, "shorter");
        Outcome first = CommandLine.Run(
            [.. Arguments(shorter), "trainer.resume_mode=disable", "trainer.total_training_steps=4",
            "actor.optim.lr_scheduler_type=constant"]);
        Assert.That(first.ExitCode, Is.Zero, first.Error);
        Outcome resumed = CommandLine.Run("train", "--run-dir", shorter, "--resume", "trainer.total_training_steps=6");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(resumed.Error, Does.Contain("at step 4"));
        Assert.That(StoppedRun.Steps(shorter), Is.EqualTo(new long[] { 0, 1, 2, 3, 4, 5, 6 }));
    }

    /// <summary>A finished run keeps its results; one that goes back keeps the way there, and what it saves from then
    /// on.</summary>
    [Test]
    public void Resumed_from_an_earlier_checkpoint_later_ones_are_set_aside()
    {
        string run = Whole();
        string results = Accuracies(run);
        Outcome again = CommandLine.Run("train", "--run-dir", run, "--resume");
        Assert.That(again.ExitCode, Is.Zero, again.Error);
        Assert.That(Accuracies(run), Is.EqualTo(results));

        string checkpoints = Path.Combine(run, "checkpoints"), earlier = Path.Combine(checkpoints, "global_step_8");
        Outcome back = CommandLine.Run(
            [.. Arguments(run), "trainer.resume_mode=resume_path", "trainer.resume_from_path=" + earlier,
            "trainer.max_actor_ckpt_to_keep=1"]);
        Assert.That(back.ExitCode, Is.Zero, back.Error);
        Assert.That(back.Error, Does.Contain("set_aside_"));
        Assert.That(Directory.Exists(Path.Combine(checkpoints, $"global_step_{Steps}")), Is.True);
        Assert.That(Directory.GetDirectories(Directory.GetDirectories(checkpoints, "set_aside_*")[0]),
            Has.Length.EqualTo(1));
    }

    [Test]
    public void What_earlier_processes_spent_counts_in_the_times_of_the_phases()
    {
        string run = Path.Combine(Folder, "run");
        Outcome first = CommandLine.Run([.. Arguments(run), "trainer.total_training_steps=4"]);
        Assert.That(first.ExitCode, Is.Zero, first.Error);
        // The last save is not in the times that it saves.
        JsonObject before = Times(run), after;
        Outcome second = CommandLine.Run("train", "--resume", "run_dir=" + run, "trainer.total_training_steps=5");
        Assert.That(second.ExitCode, Is.Zero, second.Error);
        Assert.That(second.Error, Does.Contain("at step 4"), "the folder may be named by its key");
        after = Times(run);
        Assert.That((double)after["warm_start"]!, Is.EqualTo((double)before["warm_start"]!));
        foreach (string phase in new[] { "gen", "ref", "reward", "update_actor", "step", "testing" })
        {
            Assert.That((double)after[phase]!, Is.GreaterThan((double)before[phase]!), phase);
        }
    }

    /// <summary>Products round in another order there: the bits are no longer those of a run that did not
    /// change.</summary>
    [Test]
    public void Going_on_under_another_instruction_set_is_told_and_recorded()
    {
        string run = Path.Combine(Folder, "run");
        Outcome first = CommandLine.Run([.. Arguments(run), "trainer.total_training_steps=2"]);
        Assert.That(first.ExitCode, Is.Zero, first.Error);
        Outcome same = CommandLine.Run("train", "--run-dir", run, "--resume", "trainer.total_training_steps=3");
        Assert.That(same.Error, Does.Not.Contain("instruction set"));
        Outcome other = CommandLine.Run(
            new Dictionary<string, string> { ["TBRM_ISA"] = "scalar" },
            ["train", "--run-dir", run, "--resume", "trainer.total_training_steps=4"]);
        Assert.That(other.ExitCode, Is.Zero, other.Error);
        Assert.That(other.Error, Does.Contain("cpu scalar").And.Contain("instruction set"));
        foreach (string file in new[] { "summary.json", "checkpoints/global_step_4/actor/extra_state.json" })
        {
            JsonArray history = (JsonArray)JsonNode.Parse(File.ReadAllText(Path.Combine(run, file)))!["computed_on"]!;
            Assert.That(history, Has.Count.EqualTo(2), file);
            Assert.That(((string)history[1]!["device"]!, (long)history[1]!["after_step"]!),
                Is.EqualTo(("cpu scalar", 3L)), file);
        }
    }

    /// <summary>The best checkpoint by validation can only be kept when it was saved.</summary>
    [Test]
    public void The_best_checkpoint_is_saved_between_the_regular_ones_and_kept()
    {
        string run = Path.Combine(Folder, "run");
        Outcome outcome = CommandLine.Run(
            [.. Arguments(run), "trainer.total_training_steps=6", "trainer.save_freq=-1", "trainer.test_freq=1",
            "trainer.max_actor_ckpt_to_keep=1", "actor.optim.lr=1e-2"]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        long best = (long)JsonNode.Parse(File.ReadAllText(Path.Combine(run, "summary.json")))!["best_step"]!;
        Assert.That(Directory.Exists(Path.Combine(run, "checkpoints", $"global_step_{best}")), Is.True, $"step {best}");
        Assert.That(Directory.GetDirectories(Path.Combine(run, "checkpoints"), "global_step_*"),
            Has.Length.LessThanOrEqualTo(2));
    }

    /// <summary>A configuration that is not that of the weights would be written into the run's folder.</summary>
    [Test]
    public void The_shape_of_the_policy_cannot_change_on_the_way()
    {
        string run = Path.Combine(Folder, "run"), configuration = Path.Combine(run, "config.resolved.yaml");
        Outcome first = CommandLine.Run([.. Arguments(run), "trainer.total_training_steps=1"]);
        Assert.That(first.ExitCode, Is.Zero, first.Error);
        string resolved = File.ReadAllText(configuration);
        foreach ((string argument,
            string said) in new[] { ("model.scratch.hidden_size=64", "model.scratch.hidden_size=32"),
            ("model.path=" + run, "model.path=") })
        {
            Outcome outcome = CommandLine.Run(
                "train", "--run-dir", run, "--resume", "trainer.total_training_steps=2", argument);
            Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
            Assert.That(outcome.Error, Does.Contain(said).And.Contain(argument));
            Assert.That(File.ReadAllText(configuration), Is.EqualTo(resolved));
        }
    }

    private static JsonObject Times(string run) =>
        (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(run, "summary.json")))!["timing_s"]!;

    private static string Accuracies(string run)
    {
        using JsonDocument summary = JsonDocument.Parse(File.ReadAllText(Path.Combine(run, "summary.json")));
        JsonElement root = summary.RootElement;
        Assert.That(root.GetProperty("val_after").ValueKind, Is.EqualTo(JsonValueKind.Number));
        return $"{root.GetProperty("val_before")} {root.GetProperty("val_after")} {root.GetProperty("val_best")}";
    }

    private string Whole(params string[] more)
    {
        string whole = Path.Combine(Folder, "whole");
        Outcome reference = CommandLine.Run([.. Arguments(whole), .. more]);
        Assert.That(reference.ExitCode, Is.Zero, reference.Error);
        return whole;
    }

    private static Outcome ResumeAndCompare(string stopped, string whole, string[]? files = null)
    {
        Outcome resumed = CommandLine.Run("train", "--run-dir", stopped, "--resume");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(StoppedRun.Metrics(stopped), Is.EqualTo(StoppedRun.Metrics(whole)));
        StoppedRun.AssertSameFiles(stopped, whole, Steps, files ?? s_files);
        return resumed;
    }

    private static string[] Arguments(string folder) =>
        ["train", "--run-dir", folder, .. CommandLine.Tiny, $"trainer.total_training_steps={Steps}"];
}
