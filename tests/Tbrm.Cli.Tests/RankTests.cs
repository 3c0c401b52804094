using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>A run on several ranks: what of it is the run on one, and what is only close.</summary>
public sealed class RankTests : FolderTests
{
    [Test]
    public void Ranks_sample_the_same_tokens_learn_the_same_but_for_rounding_and_go_on_bitwise_as_threads_or_processes()
    {
        string one = Run("one", 1, 2), two = Run("two", 2, 2);
        Assert.That(Tokens(two, 1), Is.EqualTo(Tokens(one, 1)), "before the first update nothing differs");
        foreach (string key in new[] { "actor/grad_norm", "actor/tbrm_loss", "critic/rewards/mean" })
        {
            double alone = Metric(one, 1, key);
            Assert.That(Metric(two, 1, key), Is.EqualTo(alone).Within(1e-5 * Math.Abs(alone)), key);
        }

        Assert.That(Metric(two, 1, "training/rollout_probs_diff_max"), Is.Zero);
        Assert.That(Metric(two, 1, "timing_s/rank/gen/max"),
            Is.GreaterThanOrEqualTo(Metric(two, 1, "timing_s/rank/gen/min")).And.GreaterThan(0));
        Assert.That(Directory.GetFiles(Path.Combine(two, "checkpoints", "global_step_2", "actor"), "optim*"),
            Has.Length.EqualTo(1), "a checkpoint is written once");

        // From step 1 on again: the same number of ranks, the same bits, also as processes, each of which holds all.
        string again = Path.Combine(Folder, "again");
        Outcome[] same = RankProcesses.Run(2, [.. Arguments(again, 1, 2), "trainer.nnodes=2", "trainer.zero_stage=0",
            "trainer.resume_mode=resume_path",
            "trainer.resume_from_path=" + Path.Combine(two, "checkpoints", "global_step_1")]);
        if (!RankProcesses.AreThere)
        {
            Assert.That(same, Has.All.Matches<Outcome>(o => o!.ExitCode == 2 && o.Error.Contains("libtbrm_torch")));
        }
        else
        {
            Assert.That(same, Has.All.Matches<Outcome>(o => o!.ExitCode == 0),
                string.Join('\n', same.Select(o => o.Error)));
            Assert.That(same[0].Error, Does.Not.Contain("number of ranks"));
            Assert.That(same[1].Output, Is.Empty, "rank 0 speaks for the run");
            StoppedRun.AssertSameFiles(again, two, 2,
                ["actor/huggingface/model.safetensors", "actor/optim.safetensors"]);
        }

        Outcome other = CommandLine.Run("train", "--run-dir", two, "--resume", "trainer.total_training_steps=3",
            "trainer.n_gpus_per_node=1");
        Assert.That(other.ExitCode, Is.Zero, other.Error);
        Assert.That(other.Error, Does.Contain("on 2 ranks of cpu").And.Contain("number of ranks"));
    }

    [Test]
    public void A_killed_process_is_named_by_the_others_and_the_run_goes_on_with_the_same_bits()
    {
        if (!RankProcesses.AreThere)
        {
            Assert.That(CommandLine.Run([.. Arguments(Path.Combine(Folder, "run"), 1, 2), "trainer.nnodes=2"]).Error,
                Does.Contain("RANK, WORLD_SIZE"));
            return;
        }

        // With a warm start, which is on all ranks too.
        string[] more = ["sft.total_training_steps=2", "trainer.rank_lost_s=20"];
        string whole = Path.Combine(Folder, "whole"), killed = Path.Combine(Folder, "killed");
        Assert.That(CommandLine.Run([.. Arguments(whole, 2, 2), .. more]).ExitCode, Is.Zero);
        // With one micro-batch an update, gradients that are shared are the same sums.
        Outcome[] outcomes = RankProcesses.Run(2,
            [.. Arguments(killed, 1, 2), "trainer.nnodes=2", "trainer.zero_stage=2", .. more],
            processes =>
            {
                StoppedRun.WaitForStep(processes[0], 1);
                processes[1].Kill();
            });
        Assert.That(outcomes[0].ExitCode, Is.EqualTo(1), outcomes[0].Error);
        Assert.That(outcomes[0].Error, Does.Contain("rank 1 of 2 on").And.Contain("is lost"));
        // Ranks are ranks: it goes on as threads, and the shares of both are in the one checkpoint.
        Outcome resumed = CommandLine.Run(["train", "--run-dir", killed, "--resume", "trainer.nnodes=1",
            "trainer.n_gpus_per_node=2"]);
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        StoppedRun.AssertSameFiles(killed, whole, 2,
            ["actor/huggingface/model.safetensors", "actor/optim.safetensors"]);
    }

    [Test]
    public void A_process_that_differs_or_does_not_come_is_named_and_nothing_is_written()
    {
        string run = Path.Combine(Folder, "run");
        string[] arguments = [.. Arguments(run, 1, 2), "trainer.nnodes=2"];
        Assert.That(CommandLine.Run(arguments).Error, Does.Contain("trainer.nnodes=2").And.Contain("MASTER_ADDR"));
        Outcome alone = CommandLine.Run(RankProcesses.Environment(1, 4, RankProcesses.FreePort()), arguments);
        Assert.That((alone.ExitCode, alone.Error), Is.EqualTo((2, alone.Error)));
        Assert.That(alone.Error, Does.Contain("takes 2 processes").And.Contain("torchrun").And.Contain("started 4"));
        if (RankProcesses.AreThere)
        {
            Outcome[] differing = RankProcesses.Run(2, arguments, own: rank => [$"trainer.seed={rank + 5}"]);
            Assert.That(differing, Has.All.Matches<Outcome>(o => o!.ExitCode == 2
                && o.Error.Contains("rank 1 of 2 on") && o.Error.Contains("has another trainer.seed than rank 0")
                && o.Error.Contains("6, not 5")), string.Join('\n', differing.Select(o => o.Error)));
            Outcome missing = CommandLine.Run(RankProcesses.Environment(0, 2, RankProcesses.FreePort()),
                [.. arguments, "trainer.rank_start_s=1"]);
            Assert.That(missing.ExitCode, Is.EqualTo(1), missing.Error);
            Assert.That(missing.Error, Does.Contain("rank 1 of 2 did not come within"));
        }

        Assert.That(Directory.Exists(run), Is.False);
    }

    [TestCase("algorithm.name=ppo", "has a critic")]
    [TestCase("rollout.lag=1", "rollout.lag=1")]
    [TestCase("trainer.device=cuda:1", "several GPUs")]
    [TestCase("trainer.device=torch:cuda", "several GPUs")]
    public void What_has_one_rank_only_is_refused(string argument, string said)
    {
        Outcome outcome = CommandLine.Run([.. Arguments(Path.Combine(Folder, "run"), 2, 2), argument, "--dry-run"]);
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("trainer.n_gpus_per_node=2").And.Contain(said));
    }

    private string Run(string name, int ranks, int steps)
    {
        string folder = Path.Combine(Folder, name);
        Outcome outcome = CommandLine.Run(Arguments(folder, ranks, steps));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        return folder;
    }

    private static string[] Arguments(string folder, int ranks, int steps) =>
        ["train", "--run-dir", folder, .. CommandLine.Tiny, $"trainer.total_training_steps={steps}",
        "sft.total_training_steps=0", "trainer.save_freq=1", "trainer.test_freq=-1", "data.task_val_size=4",
        "trainer.val_before_train=false", "trainer.dump_rollouts=true", "trainer.threads=1", "trainer.device=cpu",
        $"trainer.n_gpus_per_node={ranks}"];

    private static IEnumerable<string> Tokens(string run, int step) =>
        File.ReadLines(Directory.GetFiles(Path.Combine(run, "rollouts"), $"*{step}.jsonl").Single())
            .Select(line => JsonNode.Parse(line)!["response_ids"]!.ToJsonString());

    private static double Metric(string run, int step, string key) =>
        File.ReadLines(Path.Combine(run, "metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)
            .Where(m => m.GetProperty("step").GetInt64() == step && m.TryGetProperty(key, out _))
            .Select(m => m.GetProperty(key).GetDouble()).First();
}
