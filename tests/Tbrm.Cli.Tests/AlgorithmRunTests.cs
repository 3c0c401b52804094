using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>Algorithms with more than one model, more than one update per rollout, or more than one stage: whole runs,
/// killed and resumed.</summary>
public sealed class AlgorithmRunTests : FolderTests
{
    private static readonly string[] s_ppo =
    [
        "algorithm.name=ppo", "actor.ppo_mini_batch_size=4", "actor.ppo_epochs=2", "actor.shuffle=true",
            "algorithm.use_kl_in_reward=true",
            "algorithm.kl_ctrl.type=adaptive",
        "algorithm.kl_ctrl.horizon=100", "actor.entropy_coeff=0.001",
    ];

    private static readonly string[] s_aStarPo = ["algorithm.name=a_star_po", "algorithm.a_star_po.num_gen_to_use=4"];

    /// <summary>A critic that is trained whole; and one with an adapter, whose base was made from scratch and is saved
    /// beside it.</summary>
    [TestCase(1, 0)]
    [TestCase(3, 4)]
    public void Ppo_with_its_critic_killed_and_resumed_has_the_same_bits(int killAfterStep, int criticRank)
    {
        string[] ppo = [.. s_ppo, $"critic.model.lora_rank={criticRank}", "critic.optim.lr=1e-3"];
        string whole = Run("whole", ppo), killed = Path.Combine(Folder, "killed");
        Assert.That(StoppedRun.KillAfterStep(killAfterStep, TimeSpan.FromMilliseconds(20), Arguments(killed, ppo)),
            Is.True);
        Resume(killed);
        AssertSame(killed, whole, "critic/huggingface/model.safetensors", "critic/optim.safetensors",
            "algorithm_state.json");
        JsonObject last = Row(whole);
        Assert.That((double)last["critic/values/max"]!, Is.Not.Zero, "the head begins at 0");
        if (criticRank > 0)
        {
            AssertSame(killed, whole, "critic/lora_adapter/adapter_model.safetensors");
            byte[] Of(int step, string file) =>
                File.ReadAllBytes(Path.Combine(whole, "checkpoints", $"global_step_{step}", "critic", file));
            int moved = Of(4, "huggingface/model.safetensors").Zip(Of(3, "huggingface/model.safetensors"))
                .Count(p => p.First != p.Second);
            Assert.That(moved, Is.InRange(1, 33 * sizeof(float)), "the body is frozen, the head is not");
            Assert.That(Of(4, "lora_adapter/adapter_model.safetensors"),
                Is.Not.EqualTo(Of(3, "lora_adapter/adapter_model.safetensors")));
        }

        foreach (string name in new[] { "critic/vf_loss", "critic/values/mean", "critic/vf_explained_var",
            "actor/pg_loss", "actor/reward_kl_penalty", "timing_s/update_critic", "timing_s/values" })
        {
            Assert.That(last.ContainsKey(name), name);
        }

        Assert.That((double)last["training/rollout_probs_diff_max"]!, Is.Zero);
        Assert.That(last.ContainsKey("timing_s/old_log_prob"), Is.False,
            "the rollout's log-probs have the trainer's bits");
    }

    [Test]
    public void A_star_po_killed_in_its_first_stage_or_its_second_has_the_same_bits([Values] bool isFirstStage)
    {
        string whole = Run("whole", s_aStarPo), killed = Path.Combine(Folder, "killed");
        if (isFirstStage)
        {
            KillWhen(Arguments(killed, s_aStarPo),
                () => File.Exists(Path.Combine(killed, "v_star.jsonl"))
                && File.ReadLines(Path.Combine(killed, "v_star.jsonl")).Count() > 3);
        }
        else
        {
            Assert.That(StoppedRun.KillAfterStep(2, TimeSpan.FromMilliseconds(10), Arguments(killed, s_aStarPo)),
                Is.True);
        }

        Resume(killed);
        AssertSame(killed, whole);
        Assert.That(File.ReadAllBytes(Path.Combine(killed, "v_star.jsonl")),
            Is.EqualTo(File.ReadAllBytes(Path.Combine(whole, "v_star.jsonl"))));
        string[] samples = File.ReadAllLines(Path.Combine(whole, "v_star.trajectories.jsonl"));
        Assert.That(File.ReadAllLines(Path.Combine(killed, "v_star.trajectories.jsonl")), Is.EqualTo(samples));
        Assert.That(samples,
            Has.Length.EqualTo(4 * File.ReadLines(Path.Combine(whole, "v_star.jsonl")).Skip(1).Count()),
            "four samples of every prompt");
    }

    /// <summary>verl's words select the entry; each has its own stages, and rollout and trainer agree in all of
    /// them.</summary>
    [TestCase("algorithm.adv_estimator=grpo", "actor.use_kl_loss=True", "timing_s/ref")]
    [TestCase("algorithm.adv_estimator=grpo", "actor.policy_loss.loss_mode=gspo", "timing_s/adv")]
    [TestCase("algorithm.adv_estimator=rloo", "actor.ppo_epochs=2", "timing_s/adv")]
    [TestCase("algorithm.adv_estimator=remax", "rollout.n=2", "timing_s/gen_max")]
    [TestCase("algorithm.name=dapo", "algorithm.filter_groups.enable=True", "train/num_gen_batches")]
    [TestCase("algorithm.name=vargrad", "rollout.n=3", "actor/tba_vargrad_loss")]
    [TestCase("algorithm.name=grpo", "algorithm.rollout_correction.bypass_mode=true", "actor/ppo_kl")]
    [TestCase("algorithm.adv_estimator=otb", "actor.calculate_sum_pi_squared=True", "timing_s/old_log_prob")]
    [TestCase("algorithm.name=cispo", "actor.loss_agg_mode=prompt-mean", "actor/pg_loss")]
    public void An_algorithm_of_the_table_runs(string algorithm, string argument, string metric)
    {
        string run = Run("run", [algorithm, argument]);
        JsonObject last = Row(run);
        Assert.That(last.ContainsKey(metric), last.ToJsonString());
        Assert.That((double)last["training/rollout_probs_diff_max"]!, Is.Zero);
        Assert.That((double)last["actor/skipped"]!, Is.Zero);
        Assert.That(File.ReadAllText(Path.Combine(run, "report.html")), Does.Contain("</html>"));
    }

    /// <summary>A value head on the policy's body, of a whole model and beside an adapter.</summary>
    [TestCase(2, 0)]
    [TestCase(3, 4)]
    public void A_policy_that_is_its_own_critic_killed_and_resumed_has_the_same_bits(int killAfterStep, int rank)
    {
        string[] ppo = [.. s_ppo, "critic.shared_trunk=true", $"model.lora_rank={rank}"];
        string whole = Run("whole", ppo), killed = Path.Combine(Folder, "killed");
        Assert.That(StoppedRun.KillAfterStep(killAfterStep, TimeSpan.FromMilliseconds(20), Arguments(killed, ppo)),
            Is.True);
        Resume(killed);
        StoppedRun.AssertSameFiles(killed, whole, 4,
            [rank == 0 ? "actor/huggingface/model.safetensors" : "actor/lora_adapter/adapter_model.safetensors",
                "actor/optim.safetensors", "critic/value_head.safetensors", "algorithm_state.json"]);
        Assert.That(StoppedRun.Metrics(killed), Is.EqualTo(StoppedRun.Metrics(whole)));
        JsonObject last = Row(whole);
        Assert.That((double)last["critic/values/max"]!, Is.Not.Zero, "the head begins at 0");
        Assert.That(last.ContainsKey("critic/vf_loss"), Is.True);
        Assert.That(last.ContainsKey("timing_s/update_critic"), Is.False, "one update learns both");
        Assert.That((double)last["training/rollout_probs_diff_max"]!, Is.Zero);
        // What a checkpoint holds cannot become the other kind on the way.
        Outcome other = CommandLine.Run([.. Arguments(killed, [.. ppo, "critic.shared_trunk=false"]), "--resume",
            "trainer.total_training_steps=9"]);
        Assert.That(other.ExitCode, Is.EqualTo(2), other.Error);
        Assert.That(other.Error, Does.Contain("critic.shared_trunk"));
    }

    /// <summary>Two mini-batches, twice, each in one micro-batch or in many: critic, groups, sequences' ratios,
    /// prompts' means, weights of the whole mini-batch.</summary>
    [TestCase("ppo", "actor/loss critic/vf_loss critic/grad_norm", "actor.entropy_coeff=0.001")]
    [TestCase("ppo", "actor/loss critic/vf_loss", "critic.shared_trunk=true")]
    [TestCase("grpo", "actor/loss actor/kl_loss", "actor.use_kl_loss=true")]
    [TestCase("gspo", "actor/loss", "actor.clip_ratio_high=0.01")]
    [TestCase("grpo", "actor/loss", "actor.loss_agg_mode=prompt-mean")]
    [TestCase("grpo", "actor/loss rollout_corr/rollout_is_mean",
        "algorithm.rollout_correction.bypass_mode=true algorithm.rollout_correction.loss_type=reinforce "
            + "algorithm.rollout_correction.rollout_is=token")]
    [TestCase("a_star_po", "actor/a_star_po_loss", "algorithm.a_star_po.num_gen_to_use=2")]
    public void Micro_batches_change_an_update_by_rounding_only(string algorithm, string further, string argument)
    {
        string[] all = ["algorithm.name=" + algorithm, "actor.ppo_mini_batch_size=4", "actor.ppo_epochs=2",
            "trainer.total_training_steps=1", .. argument.Split(' ')];
        JsonObject whole = Row(Run("whole", all)),
            cut = Row(Run("cut", [.. all, "actor.ppo_max_token_len_per_gpu=40"]));
        Assert.That((double)whole["training/rollout_probs_diff_max"]!, Is.Zero);
        foreach (string name in (
            string[])["actor/grad_norm", .. further.Split(' ', StringSplitOptions.RemoveEmptyEntries)])
        {
            // fp32 gradients of some hundred terms, and what one update makes of their last bits in the next.
            Assert.That((double)cut[name]!,
                Is.EqualTo((double)whole[name]!).Within(1e-4 * Math.Abs((double)whole[name]!) + 1e-7), name);
        }
    }

    [TestCase("algorithm.name=rloo", "rollout.n=1", "rollout.n")]
    [TestCase("algorithm.name=ppo", "algorithm.tbrm.truncation=bootstrap", "truncation")]
    [TestCase("algorithm.name=tbrm", "algorithm.use_kl_in_reward=true", "use_kl_in_reward")]
    [TestCase("algorithm.name=grpo", "trainer.critic_warmup=5", "critic_warmup")]
    [TestCase("algorithm.name=grpo", "actor.ppo_mini_batch_size=100", "ppo_mini_batch_size")]
    [TestCase("algorithm.name=a_star_po", "ref.reset_steps=5", "ref.reset_steps")]
    [TestCase("algorithm.name=ppo", "critic.optim.betas=[0.9]", "critic.optim.betas")]
    [TestCase("algorithm.name=grpo", "critic.shared_trunk=true", "critic.shared_trunk=true")]
    public void A_need_that_is_not_met_is_an_error_before_anything_is_made(string algorithm, string argument,
        string key)
    {
        Outcome outcome = CommandLine.Run(Arguments(Path.Combine(Folder, "run"), [algorithm, argument]));
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(key));
        Assert.That(Directory.Exists(Path.Combine(Folder, "run")), Is.False);
    }

    private string Run(string name, string[] arguments)
    {
        string folder = Path.Combine(Folder, name);
        Outcome outcome = CommandLine.Run(Arguments(folder, arguments));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        return folder;
    }

    private static void Resume(string run)
    {
        Outcome outcome = CommandLine.Run("train", "--run-dir", run, "--resume");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
    }

    private static void KillWhen(string[] arguments, Func<bool> isReached)
    {
        using Process process = CommandLine.Start(arguments);
        _ = process.StandardError.ReadToEndAsync();
        _ = process.StandardOutput.ReadToEndAsync();
        while (!process.HasExited && !isReached())
        {
            Thread.Sleep(2);
        }

        process.Kill();
        process.WaitForExit();
    }

    private static void AssertSame(string actual, string expected, params string[] files)
    {
        StoppedRun.AssertSameFiles(actual, expected, 4,
            ["actor/huggingface/model.safetensors", "actor/optim.safetensors", "ref/huggingface/model.safetensors",
                "data.json", .. files]);
        Assert.That(StoppedRun.Metrics(actual), Is.EqualTo(StoppedRun.Metrics(expected)));
    }

    private static JsonObject Row(string run) =>
        (JsonObject)JsonNode.Parse(File.ReadLines(Path.Combine(run, "metrics.jsonl")).Last())!;

    private static string[] Arguments(string run, IReadOnlyList<string> arguments) =>
    [
        "train", "--run-dir", run, .. CommandLine.Tiny, "data.task_val_size=8", "sft.total_training_steps=60",
            "trainer.total_training_steps=4", "trainer.save_freq=1",
        "trainer.val_before_train=false", "rollout.n=2", .. arguments,
    ];
}
