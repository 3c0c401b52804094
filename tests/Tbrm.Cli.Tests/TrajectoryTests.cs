using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>Trajectories as data: a run's own dumps, rows of others, replay; repeated, killed and resumed.</summary>
public sealed class TrajectoryTests : FolderTests
{
    /// <summary>One run whose dumps the tests read.</summary>
    private string Sampled(params string[] arguments) =>
        Run("sampled", ["trainer.max_actor_ckpt_to_keep=0", .. arguments]);

    [TestCase("algorithm.name=tbrm")]
    [TestCase("algorithm.name=reval", "algorithm.tbrm.reward_normalization=group_mean")]
    [TestCase("algorithm.name=reval", "algorithm.tbrm.truncation=bootstrap", "data.max_response_length=12")]
    [TestCase("algorithm.name=grpo", "actor.ppo_mini_batch_size=4", "actor.use_kl_loss=true")]
    [TestCase("algorithm.name=oapl", "rollout.temperature=1.3", "rollout.top_k=20")]
    public void A_step_repeated_from_its_own_dump_has_the_same_bits(params string[] arguments)
    {
        string run = Sampled(arguments);
        foreach (int step in new[] { 1, 2 })
        {
            string repeated = Repeat(run, step, $"repeated{step}");
            JsonObject first = Row(run, step), second = Row(repeated, 1);
            string[] names = [.. first.Select(p => p.Key)
                .Where(k => k.StartsWith("actor/", StringComparison.Ordinal)
                && k is not ("actor/lr" or "actor/entropy")), "critic/rewards/mean", "critic/score/mean"];
            Assert.That(names.Select(n => $"{n} {second[n]}"), Is.EqualTo(names.Select(n => $"{n} {first[n]}")));
            Assert.That(Directory.Exists(Path.Combine(Checkpoint(repeated, 1), "ref")), Is.False,
                "the dump brings the reference's numbers, so no reference policy is in memory");
        }

        Assert.That(File.ReadAllBytes(
            Path.Combine(Checkpoint(Path.Combine(Folder, "repeated1"), 1), "actor", "optim.safetensors")),
            Is.EqualTo(File.ReadAllBytes(Path.Combine(Checkpoint(run, 1), "actor", "optim.safetensors"))),
                "the moments after the first update are the gradient");
    }

    [Test]
    public void A_dump_holds_every_number_of_its_trajectories()
    {
        string run = Sampled("rollout.top_k=20");
        JsonObject[] rows = Dump(run, 2);
        Assert.That(rows, Has.Length.EqualTo(16));
        foreach (JsonObject row in rows)
        {
            int tokens = row["response_ids"]!.AsArray().Count;
            Assert.That(new[] { "logp", "processed_logp", "ref_logp" }.Select(k => row[k]!.AsArray().Count),
                Is.All.EqualTo(tokens));
            Assert.That(row["response_tokens"]!.GetValue<int>(), Is.EqualTo(tokens));
            Assert.That((long)row["weight_version"]!, Is.EqualTo(1));
            Assert.That(row["prompt_ids"]!.AsArray(), Is.Not.Empty);
        }

        Assert.That(rows.Select(r => (int)r["group"]!), Is.EqualTo(Enumerable.Range(0, 16).Select(i => i / 2)));
        Assert.That(rows.Select(r => (long)r["trajectory"]!), Is.Unique);
    }

    [TestCase("replay.order=uniform")]
    [TestCase("replay.order=age_decay", "replay.priority_exponent=1", "replay.store=disk", "ref.reset_steps=2")]
    [TestCase("replay.mix={online: 0.5, buffer: 0.5}", "replay.order=recency", "replay.max_age=3",
        "algorithm.name=grpo")]
    public void Replay_killed_and_resumed_has_the_same_bits(params string[] arguments)
    {
        string[] replay = ["algorithm.name=reval", "replay.capacity=40", "replay.updates=3", .. arguments];
        string whole = Run("whole", replay), killed = Path.Combine(Folder, "killed");
        Assert.That(StoppedRun.KillAfterStep(2, TimeSpan.FromMilliseconds(20), Arguments(killed, replay)), Is.True);
        Outcome outcome = CommandLine.Run("train", "--run-dir", killed, "--resume");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        StoppedRun.AssertSameFiles(killed, whole, 4,
            ["actor/huggingface/model.safetensors", "actor/optim.safetensors", "data.json", "algorithm_state.json",
            "replay.bin"]);
        Assert.That(StoppedRun.Metrics(killed), Is.EqualTo(StoppedRun.Metrics(whole)));
        JsonObject last = Row(whole, 4);
        Assert.That((double)last["off_policy/age/max"]!, Is.GreaterThan(0));
        Assert.That((double)last["off_policy/ess"]!, Is.InRange(0.0, 1.0));
        Assert.That(last.ContainsKey("off_policy/kl") && (double)last["actor/skipped"]! == 0);
        Assert.That(Directory.GetFiles(whole, "replay.*.log"), Is.Empty,
            "the file behind a buffer goes with its process");
    }

    [TestCase("algorithm.name=tbrm")]
    [TestCase("algorithm.name=grpo", "algorithm.rollout_correction.rollout_is=token", "model.lora_rank=4")]
    public void A_lagging_rollout_samples_from_the_weights_of_so_many_updates_ago_and_resumes_with_the_same_bits(
        params string[] arguments)
    {
        string[] lag = ["rollout.lag=2", .. arguments];
        string whole = Run("whole", lag), killed = Path.Combine(Folder, "killed");
        Assert.That(Enumerable.Range(1, 4).Select(step => (double)Row(whole, step)["off_policy/age/mean"]!),
            Is.EqualTo(new double[] { 0, 1, 2, 2 }));
        Assert.That(Dump(whole, 4).Select(r => (long)r["weight_version"]!), Is.All.EqualTo(1));
        Assert.That((double)Row(whole, 4)["off_policy/ess"]!, Is.LessThan(1));
        Assert.That(StoppedRun.KillAfterStep(3, TimeSpan.FromMilliseconds(20), Arguments(killed, lag)), Is.True);
        Outcome outcome = CommandLine.Run("train", "--run-dir", killed, "--resume");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        StoppedRun.AssertSameFiles(killed, whole, 4, ["actor/optim.safetensors", "algorithm_state.json"]);
        Assert.That(StoppedRun.Metrics(killed), Is.EqualTo(StoppedRun.Metrics(whole)));
    }

    [Test]
    public void A_lagging_rollout_is_the_one_that_the_older_policy_made()
    {
        // A learning rate of 0 changes nothing, so that any lag samples the same.
        string now = Run("now", ["actor.optim.lr=0", "actor.optim.weight_decay=0"]),
            lagging = Run("lagging", ["actor.optim.lr=0", "actor.optim.weight_decay=0", "rollout.lag=3"]);
        Assert.That(Dump(lagging, 4).Select(r => r["response_ids"]!.ToJsonString() + r["logp"]!.ToJsonString()),
            Is.EqualTo(Dump(now, 4).Select(r => r["response_ids"]!.ToJsonString() + r["logp"]!.ToJsonString())));
    }

    [Test]
    public void A_file_gets_the_numbers_of_a_reference_and_trains_without_one()
    {
        string run = Sampled("algorithm.name=reval"), rows = Path.Combine(Folder, "rows.jsonl"),
            prepared = Path.Combine(Folder, "prepared.jsonl");
        JsonObject[] dump = Dump(run, 1);
        File.WriteAllLines(rows,
            dump.Select(r =>
            new JsonObject(r.Where(p => !p.Key.StartsWith("ref_", StringComparison.Ordinal))
            .Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone()))).ToJsonString()));
        Outcome outcome = CommandLine.Run("data", "prepare", rows, "--reference", Model(run, 0), "--out", prepared);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonObject[] filled = [.. File.ReadLines(prepared).Select(l => (JsonObject)JsonNode.Parse(l)!)];
        Assert.That(filled.Select(r => r["ref_logp"]!.ToJsonString() + r["ref_v1"]!.ToJsonString()),
            Is.EqualTo(dump.Select(r => r["ref_logp"]!.ToJsonString() + r["ref_v1"]!.ToJsonString())),
            "the run's own reference said the same, bit for bit");
        // One thread: how much of their working memory several hold at once is a matter of chance.
        string[] offline = ["trainer.threads=1", "algorithm.name=reval", "rollout.n=0", "data.train_batch_size=4",
            $"model.path={Model(run, 0)}"];
        string without = Run("without", [.. offline, $"data.trajectories=[{prepared}]"]),
            with = Run("with", [.. offline, $"data.trajectories=[{rows}]"]);
        Assert.That(File.ReadAllBytes(Path.Combine(Checkpoint(without, 4), "actor", "optim.safetensors")),
            Is.EqualTo(File.ReadAllBytes(Path.Combine(Checkpoint(with, 4), "actor", "optim.safetensors"))));
        Assert.That(Directory.Exists(Path.Combine(Checkpoint(without, 4), "ref")), Is.False);
        Assert.That(Directory.Exists(Path.Combine(Checkpoint(with, 4), "ref")), Is.True);
        Assert.That((double)Row(without, 2)["perf/max_memory_allocated_gb"]!,
            Is.LessThan((double)Row(with, 2)["perf/max_memory_allocated_gb"]!), "the profile shows it");
    }

    [Test]
    public void Offline_training_killed_and_resumed_has_the_same_bits()
    {
        string run = Sampled();
        string[] offline = ["rollout.n=0",
            $"data.trajectories=[{DumpPath(run, 1)},{DumpPath(run, 2)},{DumpPath(run, 3)}]",
            $"model.path={Model(run, 0)}", "data.train_batch_size=6"];
        string whole = Run("whole", offline), killed = Path.Combine(Folder, "killed");
        Assert.That(StoppedRun.KillAfterStep(2, TimeSpan.FromMilliseconds(10), Arguments(killed, offline)), Is.True);
        Outcome outcome = CommandLine.Run("train", "--run-dir", killed, "--resume");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        StoppedRun.AssertSameFiles(killed, whole, 4,
            ["actor/huggingface/model.safetensors", "actor/optim.safetensors", "data.json", "algorithm_state.json"]);
        Assert.That(StoppedRun.Metrics(killed), Is.EqualTo(StoppedRun.Metrics(whole)));
        Assert.That(Row(whole, 4).ContainsKey("timing_s/gen"), Is.False);
    }

    [Test]
    public void Rows_of_others_are_encoded_graded_and_learned_from()
    {
        string run = Sampled(), file = Path.Combine(Folder, "rows.jsonl");
        JsonObject known = Dump(run, 1)[0];
        File.WriteAllLines(file,
        [
            """{"prompt": "1 + 1 =", "response": "<answer>2</answer>", "reward": 1}""",
            """{"prompt": [{"role": "user", "content": "1 + 1 ="}], "response": "<answer>3</answer>", "reward": 0, "group": "a"}""",
            """{"messages": [{"role": "user", "content": "1 + 2 ="}], "completion": "<answer>3</answer>", "data_source": "openai/gsm8k", "reward_model": {"ground_truth": "3"}, "finish": "length"}""",
            new JsonObject { ["input"] = known["input"]!.DeepClone(), ["output"] = known["output"]!.DeepClone(),
                ["gts"] = known["gts"]!.DeepClone(), ["score"] = 0.5, ["step"] = 7, ["acc"] = 1 }.ToJsonString(),
            new JsonObject { ["prompt_ids"] = known["prompt_ids"]!.DeepClone(),
                ["ids"] = known["response_ids"]!.DeepClone(), ["behaviour_logp"] = known["logp"]!.DeepClone(),
                ["reward"] = 1 }.ToJsonString(),
        ]);
        string trained = Run(
            "trained", ["rollout.n=0", $"data.trajectories=[{file}]", $"model.path={Model(run, 0)}",
            "data.train_batch_size=4", "reward.self_test_threshold=0"]);
        JsonObject row = Row(trained, 1);
        // The text and the ids of the last two are the same prompt: four prompts in all.
        Assert.That((double)row["actor/loss_trajectories"]!, Is.EqualTo(5));
        Assert.That((double)row["critic/score/mean"]!, Is.EqualTo((1 + 0 + 0 + 0.5 + 1) / 5).Within(1e-12),
            "the third is graded, and has no #### answer");
        Assert.That(Directory.Exists(Path.Combine(Checkpoint(trained, 4), "ref")), Is.True,
            "no row has the reference's numbers");
    }

    [TestCase("""{"prompt": "1", "reward": 1}""", 3, "response")]
    [TestCase("""{"response": "1", "reward": 1}""", 3, "prompt")]
    [TestCase("""{"prompt": "1", "response": "2"}""", 3, "neither a reward")]
    [TestCase("""{"prompt": "1", "response": "2", "reward": "good"}""", 3, "'reward'")]
    [TestCase("""{"prompt_ids": [1, 99999], "ids": [1], "reward": 1}""", 3, "99999")]
    [TestCase("""{"prompt_ids": [1], "ids": [1, 2], "logp": [-1], "reward": 1}""", 3, "2 tokens")]
    [TestCase("""{"prompt_ids": [1], "ids": [1, 2], "logp": [-1, -1], "temperature": 0.5, "reward": 1}""", 3,
        "rollout.temperature=0.5")]
    [TestCase("""{"prompt_ids": [1], "ids": [1], "reward": 1, "ref_logp": ["NaN"]}""", 3, "not finite")]
    public void A_row_that_cannot_be_used_is_named(string line, int code, string expected)
    {
        string file = Path.Combine(Folder, "rows.jsonl");
        File.WriteAllLines(file, ["""{"prompt_ids": [1], "ids": [1], "reward": 1}""", line]);
        Outcome outcome = CommandLine.Run(
            Arguments(Path.Combine(Folder, "run"),
            ["rollout.n=0", $"data.trajectories=[{file}]", "data.train_batch_size=1"]));
        Assert.That(outcome.ExitCode, Is.EqualTo(code), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("rows.jsonl:2").And.Contain(expected));
    }

    [TestCase("rollout.n=0", "data.trajectories")]
    [TestCase("data.trajectories=[a.jsonl]", "rollout.n=0")]
    [TestCase("replay.capacity=100", "replay.updates")]
    [TestCase("replay.mix={online: 0.5}", "add up to 0.5")]
    [TestCase("replay.mix={online: 0.5, bufer: 0.5}", "bufer")]
    [TestCase("replay.mix={online: 0.5, buffer: 0.5}", "replay.capacity")]
    public void Sources_that_do_not_fit_are_an_error_before_anything_is_made(string argument, string expected)
    {
        Outcome outcome = CommandLine.Run(Arguments(Path.Combine(Folder, "run"), [argument]));
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(expected));
        Assert.That(Directory.Exists(Path.Combine(Folder, "run")), Is.False);
    }

    private string Repeat(string run, int step, string name) => Run(name,
    [
        "-c", Path.Combine(run, "config.resolved.yaml"), $"trainer.run_dir={Path.Combine(Folder, name)}",
            $"model.path={Model(run, step - 1)}", "rollout.n=0",
        $"data.trajectories=[{DumpPath(run, step)}]", "trainer.total_training_steps=1",
    ], withTiny: false);

    private string Run(string name, string[] arguments, bool withTiny = true)
    {
        string folder = Path.Combine(Folder, name);
        Outcome outcome = CommandLine.Run(
            withTiny ? Arguments(folder, arguments) : ["train", "--run-dir", folder, .. arguments]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        return folder;
    }

    private static string Checkpoint(string run, int step) => Path.Combine(run, "checkpoints", $"global_step_{step}");

    private static string Model(string run, int step) => Path.Combine(Checkpoint(run, step), "actor", "huggingface");

    private static string DumpPath(string run, int step) => Path.Combine(run, "rollouts", $"{step}.jsonl");

    private static JsonObject[] Dump(string run, int step) =>
        [.. File.ReadLines(DumpPath(run, step)).Select(l => (JsonObject)JsonNode.Parse(l)!)];

    private static JsonObject Row(string run, int step) =>
        File.ReadLines(Path.Combine(run, "metrics.jsonl")).Select(l => (JsonObject)JsonNode.Parse(l)!)
            .First(r => (int)r["step"]! == step);

    private static string[] Arguments(string run, IReadOnlyList<string> arguments) =>
    [
        "train", "--run-dir", run, .. CommandLine.Tiny, "data.task_val_size=8", "sft.total_training_steps=60",
            "trainer.total_training_steps=4", "trainer.save_freq=1",
        "trainer.val_before_train=false", "rollout.n=2", .. arguments,
    ];
}
