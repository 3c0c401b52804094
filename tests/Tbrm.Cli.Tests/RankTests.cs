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
    public void Ranks_sample_the_same_tokens_learn_the_same_but_for_rounding_and_resume_bitwise()
    {
        string one = Run("one", 1), three = Run("three", 3);
        Assert.That(Tokens(three, 1), Is.EqualTo(Tokens(one, 1)), "before the first update nothing differs");
        foreach (string key in new[] { "actor/grad_norm", "actor/tbrm_loss", "critic/rewards/mean" })
        {
            double alone = Metric(one, 1, key);
            Assert.That(Metric(three, 1, key), Is.EqualTo(alone).Within(1e-5 * Math.Abs(alone)), key);
        }

        Assert.That(Metric(three, 1, "training/rollout_probs_diff_max"), Is.Zero);
        Assert.That(Directory.GetFiles(Path.Combine(three, "checkpoints", "global_step_2", "actor"), "optim*"),
            Has.Length.EqualTo(1), "a checkpoint is written once");

        // From step 1 on again: the same number of ranks, the same bits.
        string again = Path.Combine(Folder, "again");
        Outcome same = CommandLine.Run([.. Arguments(again, 3), "trainer.resume_mode=resume_path",
            "trainer.resume_from_path=" + Path.Combine(three, "checkpoints", "global_step_1")]);
        Assert.That(same.ExitCode, Is.Zero, same.Error);
        Assert.That(same.Error, Does.Not.Contain("number of ranks"));
        StoppedRun.AssertSameFiles(again, three, 2, ["actor/huggingface/model.safetensors", "actor/optim.safetensors"]);

        Outcome other = CommandLine.Run("train", "--run-dir", three, "--resume", "trainer.total_training_steps=3",
            "trainer.n_gpus_per_node=1");
        Assert.That(other.ExitCode, Is.Zero, other.Error);
        Assert.That(other.Error, Does.Contain("on 3 ranks of cpu").And.Contain("number of ranks"));
    }

    [TestCase("algorithm.name=ppo", "has a critic")]
    [TestCase("rollout.lag=1", "rollout.lag=1")]
    [TestCase("trainer.device=cuda:1", "several GPUs")]
    [TestCase("trainer.device=torch:cuda", "several GPUs")]
    public void What_has_one_rank_only_is_refused(string argument, string said)
    {
        Outcome outcome = CommandLine.Run([.. Arguments(Path.Combine(Folder, "run"), 2), argument, "--dry-run"]);
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("trainer.n_gpus_per_node=2").And.Contain(said));
    }

    private string Run(string name, int ranks)
    {
        string folder = Path.Combine(Folder, name);
        Outcome outcome = CommandLine.Run(Arguments(folder, ranks));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        return folder;
    }

    private static string[] Arguments(string folder, int ranks) =>
        ["train", "--run-dir", folder, .. CommandLine.Tiny, "trainer.total_training_steps=2", "trainer.save_freq=1",
        "trainer.test_freq=-1",
        "trainer.val_before_train=false", "trainer.dump_rollouts=true", $"trainer.n_gpus_per_node={ranks}"];

    private static IEnumerable<string> Tokens(string run, int step) =>
        File.ReadLines(Directory.GetFiles(Path.Combine(run, "rollouts"), $"*{step}.jsonl").Single())
            .Select(line => JsonNode.Parse(line)!["response_ids"]!.ToJsonString());

    private static double Metric(string run, int step, string key) =>
        File.ReadLines(Path.Combine(run, "metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)
            .Where(m => m.GetProperty("step").GetInt64() == step && m.TryGetProperty(key, out _))
            .Select(m => m.GetProperty(key).GetDouble()).First();
}
