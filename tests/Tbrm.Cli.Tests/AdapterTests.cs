using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using NUnit.Framework;
using Tbrm.Engine;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Testing;

namespace Tbrm.Cli.Tests;

/// <summary>A run that trains an adapter, end to end: what it leaves, killed and resumed, going on from an adapter,
/// generating with one.</summary>
public sealed class AdapterTests
{
    private const int Steps = 5;

    private string _folder = "", _model = "";

    [OneTimeSetUp]
    public void MakeModel()
    {
        _folder = CommandLine.TemporaryFolder();
        _model = PathOf("model");
        TinyModel.Write(_model, tied: true);
    }

    [OneTimeTearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void The_adapter_is_trained_the_base_is_not_and_a_killed_run_has_the_same_bits()
    {
        byte[] before = File.ReadAllBytes(Path.Combine(_model, "model.safetensors"));
        string whole = PathOf("whole"), killed = PathOf("killed");
        Outcome outcome = CommandLine.Run(Train(whole, "model.path=" + _model));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(File.ReadAllBytes(Path.Combine(_model, "model.safetensors")), Is.EqualTo(before));

        string last = Checkpoint(whole, Steps), first = Checkpoint(whole, 0);
        Assert.That(Directory.Exists(Path.Combine(last, "ref")), Is.False, "the base is where it was");
        Assert.That(File.Exists(Path.Combine(last, "actor", "huggingface", "model.safetensors")), Is.False);
        Assert.That(File.Exists(Path.Combine(last, "actor", "huggingface", "tokenizer.json")), Is.True);
        JsonNode config = JsonNode.Parse(
            File.ReadAllText(Path.Combine(last, "actor", "lora_adapter", "adapter_config.json")))!;
        Assert.That((string?)config["base_model_name_or_path"], Is.EqualTo(_model));
        Assert.That(config["target_modules"]!.AsArray(), Has.Count.EqualTo(7));
        Assert.That(Adapter(last), Is.Not.EqualTo(Adapter(first)));

        List<JsonNode> metrics =
            [.. File.ReadLines(Path.Combine(whole, "metrics.jsonl")).Select(l => JsonNode.Parse(l)!)];
        Assert.That(metrics.Skip(1).Select(m => (double)m["training/rollout_probs_diff_max"]!), Has.All.EqualTo(0));
        // The first step's policy is the base: log-probs are equal to the bit. Later ones have moved away from it.
        Assert.That((double)metrics[1]["actor/logprob_ratio_ref/mean"]!, Is.Zero);
        Assert.That((double)metrics[^1]["actor/logprob_ratio_ref/mean"]!, Is.Not.Zero);

        KillAfter(2, Train(killed, "model.path=" + _model));
        Outcome resumed = CommandLine.Run("train", "--run-dir", killed, "--resume");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        foreach (string file in new[] { "actor/lora_adapter/adapter_model.safetensors",
            "actor/lora_adapter/adapter_config.json", "actor/optim.safetensors", "data.json" })
        {
            Assert.That(File.ReadAllBytes(Path.Combine(Checkpoint(killed, Steps), file)),
                Is.EqualTo(File.ReadAllBytes(Path.Combine(last, file))), file);
        }
    }

    [Test]
    public void A_model_that_is_built_on_the_spot_is_saved_as_the_base_and_the_run_resumes()
    {
        string whole = PathOf("scratch"), halves = PathOf("scratch-halves");
        Assert.That(CommandLine.Run(Train(whole)).ExitCode, Is.Zero);
        Assert.That(CommandLine.Run([.. Train(halves), "trainer.total_training_steps=2"]).ExitCode, Is.Zero);
        Outcome resumed = CommandLine.Run(
            "train", "--run-dir", halves, "--resume", $"trainer.total_training_steps={Steps}");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(Adapter(Checkpoint(halves, Steps)), Is.EqualTo(Adapter(Checkpoint(whole, Steps))));
        byte[] Base(int step) =>
            File.ReadAllBytes(Path.Combine(Checkpoint(whole, step), "ref", "huggingface", "model.safetensors"));
        Assert.That(Base(Steps), Is.EqualTo(Base(0)));
    }

    /// <summary>PPO with an adapter on either model: the checkpoint holds the adapters alone, the critic's with its
    /// head.</summary>
    [Test]
    public void A_critics_adapter_is_trained_saved_and_resumed_beside_the_policys()
    {
        string whole = PathOf("critic"), halves = PathOf("critic-halves"), further = PathOf("critic-further");
        string[] Ppo(string run, int steps, params string[] more) =>
            [.. Train(run, "model.path=" + _model, "algorithm.name=ppo", "critic.optim.lr=1e-2",
                $"trainer.total_training_steps={steps}"), .. more];
        string[] shape = ["critic.model.lora_rank=2", "critic.model.target_modules=[q_proj,down_proj]"];
        Outcome outcome = CommandLine.Run(Ppo(whole, 3, shape));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        string critic = Path.Combine(Checkpoint(whole, 3), "critic"), adapter = Path.Combine(critic, "lora_adapter");
        Assert.That(File.Exists(Path.Combine(critic, "huggingface", "model.safetensors")), Is.False,
            "the base is where it was");
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(adapter, "adapter_config.json")))!;
        Assert.That(((int)config["r"]!, (string?)config["base_model_name_or_path"]), Is.EqualTo((2, _model)));
        Assert.That(config["modules_to_save"]!.ToJsonString(), Is.EqualTo("""["score"]"""));

        Assert.That(CommandLine.Run(Ppo(halves, 1, shape)).ExitCode, Is.Zero);
        Outcome other = CommandLine.Run("train", "--run-dir", halves, "--resume", "critic.model.lora_rank=3");
        Assert.That(other.ExitCode, Is.EqualTo(3), other.Error);
        Assert.That(other.Error, Does.Contain("a critic with an adapter of rank 2").And.Contain("of rank 3"));
        Outcome resumed = CommandLine.Run("train", "--run-dir", halves, "--resume", "trainer.total_training_steps=3");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        StoppedRun.AssertSameFiles(halves, whole, 3, "critic/lora_adapter/adapter_model.safetensors",
            "critic/optim.safetensors", "actor/lora_adapter/adapter_model.safetensors", "actor/optim.safetensors");

        Outcome begun = CommandLine.Run(
            Ppo(further, 1, "critic.model.lora_adapter_path=" + adapter, "critic.optim.lr=0"));
        Assert.That(begun.ExitCode, Is.Zero, begun.Error);
        Assert.That(File.ReadAllBytes(
            Path.Combine(Checkpoint(further, 1), "critic", "lora_adapter", "adapter_model.safetensors")),
            Is.EqualTo(File.ReadAllBytes(Path.Combine(adapter, "adapter_model.safetensors"))),
            "learning rate 0 changes nothing");
    }

    [Test]
    public void A_run_goes_on_from_an_adapter_with_the_base_as_the_reference_and_generate_answers_with_it()
    {
        string run = PathOf("first"), further = PathOf("further");
        Assert.That(CommandLine.Run(Train(run, "model.path=" + _model)).ExitCode, Is.Zero);
        string adapter = Path.Combine(Checkpoint(run, Steps), "actor", "lora_adapter");
        Outcome outcome = CommandLine.Run(
            "train", "--run-dir", further, "trainer.threads=2", "trainer.total_training_steps=1", "model.path="
            + _model, "model.lora_adapter_path=" + adapter,
            "data.task=chain_sum", "data.train_batch_size=4", "data.max_response_length=16", "data.task_val_size=4",
                "actor.optim.lr=0");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(Adapter(Checkpoint(further, 1)), Is.EqualTo(Adapter(Checkpoint(run, Steps))),
            "learning rate 0 changes nothing");
        JsonNode metrics = JsonNode.Parse(File.ReadLines(Path.Combine(further, "metrics.jsonl")).Last())!;
        Assert.That((double)metrics["actor/logprob_ratio_ref/mean"]!, Is.Not.Zero,
            "the reference is the base without the adapter");

        string[] generate = ["generate", "--prompt", "1 + 1?", "model.path=" + _model, "data.max_response_length=16",
            "trainer.threads=1"];
        Outcome plain = CommandLine.Run(generate),
            adapted = CommandLine.Run([.. generate, "model.lora_adapter_path=" + adapter]);
        Assert.That(adapted.ExitCode, Is.Zero, adapted.Error);
        Assert.That(adapted.Output, Is.Not.EqualTo(plain.Output));
    }

    [Test]
    public void A_trained_adapter_is_exported_and_merged()
    {
        string run = PathOf("exported"), scratch = PathOf("exported-scratch"), adapter = PathOf("adapter"),
            merged = PathOf("merged");
        Assert.That(CommandLine.Run(Train(run, "model.path=" + _model)).ExitCode, Is.Zero);
        Outcome exported = CommandLine.Run("export", "adapter", "--run-dir", run, "--out", adapter);
        Assert.That(exported.ExitCode, Is.Zero, exported.Error);
        Assert.That(exported.Output.Trim(), Is.EqualTo(adapter));
        Assert.That(Directory.GetFiles(adapter).Select(Path.GetFileName),
            Is.EquivalentTo(new[] { "adapter_config.json", "adapter_model.safetensors" }));
        Assert.That(File.ReadAllBytes(Path.Combine(adapter, "adapter_model.safetensors")),
            Is.EqualTo(Adapter(Checkpoint(run, Steps))));

        Outcome outcome = CommandLine.Run("export", "merge", "--adapter", adapter, "--out", merged, "--dtype", "fp32");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        foreach (string file in new[] { "tokenizer.json", "tokenizer_config.json", "generation_config.json" })
        {
            Assert.That(File.Exists(Path.Combine(merged, file)), Is.True, file);
        }

        CheckMerged(adapter, merged);
        string second = PathOf("merged-of-run");
        Assert.That(CommandLine.Run("export", "merge", "--run-dir", run, "--out", second, "--dtype", "fp32").ExitCode,
            Is.Zero);
        Assert.That(File.ReadAllBytes(Path.Combine(second, "model.safetensors")),
            Is.EqualTo(File.ReadAllBytes(Path.Combine(merged, "model.safetensors"))));
        Outcome answer = CommandLine.Run(
            "generate", "--prompt", "1 + 1?", "model.path="
            + merged, "data.max_response_length=16", "trainer.threads=1");
        Assert.That(answer.ExitCode, Is.Zero, answer.Error);

        // A model made from scratch is its own checkpoint's base.
        Assert.That(CommandLine.Run([.. Train(scratch), "trainer.total_training_steps=1"]).ExitCode, Is.Zero);
        Outcome ofScratch = CommandLine.Run(
            "export", "merge", "--checkpoint", Checkpoint(scratch, 1), "--out", PathOf("merged-scratch"));
        Assert.That(ofScratch.ExitCode, Is.Zero, ofScratch.Error);
        CheckBaseInCheckpoint(Checkpoint(scratch, 1));
    }

    [Test]
    public void Folders_beside_the_exported_one_are_left_alone()
    {
        string parent = PathOf("beside"), output = Path.Combine(parent, "out"),
            note = Path.Combine(output + ".tmp", "note.txt");
        Directory.CreateDirectory(Path.GetDirectoryName(note)!);
        Directory.CreateDirectory(output);
        File.WriteAllText(note, "mine");
        Outcome outcome = CommandLine.Run(
            "export", "adapter", "--adapter", WrittenAdapter("/no/base"), "--base", _model, "--out", output);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(File.ReadAllText(note), Is.EqualTo("mine"));
        Assert.That(PeftFolder.Read(output).Rank, Is.EqualTo(2));

        // An adapter without its weights fails in the middle of the copy.
        string broken = WrittenAdapter("/no/other/base");
        File.Delete(Path.Combine(broken, "adapter_model.safetensors"));
        Outcome failed = CommandLine.Run(
            "export", "adapter", "--adapter", broken, "--base", _model, "--out", output + ".2");
        Assert.That(failed.ExitCode, Is.EqualTo(3), failed.Error);
        Assert.That(Directory.GetFileSystemEntries(parent), Is.EquivalentTo(new[] { output, output + ".tmp" }));
    }

    [Test]
    public void Merging_into_a_float16_base_rounds_none_of_its_weights()
    {
        string half = PathOf("half"), merged = PathOf("merged-half"), rounded = PathOf("merged-half-bf16");
        HalfModel.Write(_model, half);
        string adapter = WrittenAdapter(half);
        Outcome outcome = CommandLine.Run("export", "merge", "--adapter", adapter, "--out", merged);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(outcome.Error, Does.Contain("the base is float16").And.Contain("--dtype bf16"));
        Assert.That((string?)JsonNode.Parse(File.ReadAllText(Path.Combine(merged, "config.json")))!["torch_dtype"],
            Is.EqualTo("float32"));
        // B of a new adapter is zero: what is merged is the base.
        Assert.That(HalfModel.Weights(merged), Is.EqualTo(HalfModel.Weights(half)));

        Outcome asked = CommandLine.Run("export", "merge", "--adapter", adapter, "--out", rounded, "--dtype", "bf16");
        Assert.That(asked.ExitCode, Is.Zero, asked.Error);
        Assert.That(asked.Error, Does.Not.Contain("the base is float16"));
        Assert.That(HalfModel.Weights(rounded), Is.Not.EqualTo(HalfModel.Weights(half)));
    }

    [Test]
    public void Supervised_steps_train_an_adapter_too_and_resume_with_the_same_bits()
    {
        string whole = PathOf("sft"), halves = PathOf("sft-halves"),
            actor = Path.Combine(Checkpoint(whole, 4), "actor"), adapter = Path.Combine(actor, "lora_adapter");
        string[] Sft(string run, int steps) =>
            ["sft", "--run-dir", run, "model.path=" + _model, "model.lora_rank=2", "data.task=chain_sum",
            "data.max_response_length=16",
            $"sft.total_training_steps={steps}", "sft.train_batch_size=4", "sft.optim.lr=1e-3",
                "sft.optim.lr_scheduler_type=constant", "sft.optim.lr_warmup_steps=0", "trainer.threads=2"];
        Outcome outcome = CommandLine.Run(Sft(whole, 4));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(outcome.Error, Does.Contain("adapter: " + adapter));
        Assert.That(PeftFolder.Read(adapter).Rank, Is.EqualTo(2));
        Assert.That(CommandLine.Run(Sft(halves, 2)).ExitCode, Is.Zero);
        Outcome resumed = CommandLine.Run("sft", "--run-dir", halves, "--resume", "sft.total_training_steps=4");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(Adapter(Checkpoint(halves, 4)),
            Is.EqualTo(Adapter(Checkpoint(whole, 4))).And.Not.EqualTo(Adapter(Checkpoint(halves, 2))));

        // The folder beside it has no weights; whoever takes it for a model is told where they are.
        Outcome generated = CommandLine.Run(
            "generate", "--prompt", "1", "model.path=" + Path.Combine(actor, "huggingface"));
        Assert.That(generated.ExitCode, Is.EqualTo(3), generated.Error);
        Assert.That(generated.Error, Does.Contain("model.lora_adapter_path=" + adapter));
        Outcome scratch = CommandLine.Run(
            "sft", "--run-dir", PathOf("sft-scratch"), "model.lora_rank=2", "sft.total_training_steps=2",
            "data.task=chain_sum");
        Assert.That(scratch.ExitCode, Is.EqualTo(2), scratch.Error);
    }

    [Test]
    public void What_cannot_be_exported_is_refused()
    {
        string run = PathOf("whole-weights"), missing = PathOf("nothing-written");
        Assert.That(CommandLine.Run(
            ["train", "--run-dir", run, .. CommandLine.Tiny, "trainer.total_training_steps=1"]).ExitCode, Is.Zero);
        Refused(3, "holds a whole model, not an adapter", "--run-dir", run, "--out", missing);
        Refused(3, "exists already", "--adapter", WrittenAdapter("/no/base"), "--base", _model, "--out", _model);
        Refused(3, "name its folder with --base", "--adapter", WrittenAdapter("some/hub-name"), "--out", missing);
        Refused(2, "give one of them", "--adapter", run, "--run-dir", run, "--out", missing);
        Refused(3, "is no", "--adapter", run, "--out", missing);
        Assert.That(Directory.Exists(missing), Is.False);
        Assert.That(Directory.GetFileSystemEntries(_folder, ".tbrm-export-*"), Is.Empty);
    }

    [TestCase("model.lora_rank=-1", 2, "model.lora_rank")]
    [TestCase("model.lora_alpha=0", 2, "more than 0")]
    [TestCase("model.target_modules=[q_proj,w_proj]", 2, "'w_proj'")]
    [TestCase("model.target_modules=[]", 2, "model.target_modules is empty")]
    [TestCase("critic.model.target_modules=[w_proj]", 2, "critic.model.target_modules: 'w_proj'")]
    [TestCase("critic.model.lora_adapter_path=/no/such/adapter", 2, "critic.model.lora_adapter_path needs")]
    [TestCase("ref.reset_steps=5", 2, "ref.reset_steps=5 with an adapter")]
    [TestCase("model.lora_adapter_path=/no/such/adapter", 2, "model.lora_adapter_path needs model.path")]
    public void A_key_that_makes_no_adapter_says_what_to_write(string argument, int exitCode, string expected)
    {
        Outcome outcome = CommandLine.Run(["train", "--run-dir", PathOf("bad"), "model.lora_rank=4", argument]);
        Assert.That(outcome.ExitCode, Is.EqualTo(exitCode), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(expected).And.Not.Contain("   at Tbrm."));
    }

    [Test]
    public void A_resume_with_another_base_or_another_shape_is_refused()
    {
        string run = PathOf("rebased"), copy = PathOf("copy");
        TinyModel.Write(copy, tied: true);
        Assert.That(CommandLine.Run([.. Train(run, "model.path=" + copy), "trainer.total_training_steps=1"]).ExitCode,
            Is.Zero);
        Outcome reshaped = CommandLine.Run("train", "--run-dir", run, "--resume", "model.lora_rank=8");
        Assert.That(reshaped.ExitCode, Is.EqualTo(3), reshaped.Error);
        Assert.That(reshaped.Error, Does.Contain("rank 4").And.Contain("rank 8"));
        Outcome whole = CommandLine.Run("train", "--run-dir", run, "--resume", "model.lora_rank=0");
        Assert.That(whole.ExitCode, Is.EqualTo(3), whole.Error);
        Assert.That(whole.Error, Does.Contain("holds an adapter"));
        string weights = Path.Combine(copy, "model.safetensors");
        byte[] bytes = File.ReadAllBytes(weights);
        bytes[^1] ^= 1;
        File.WriteAllBytes(weights, bytes);
        Outcome rebased = CommandLine.Run("train", "--run-dir", run, "--resume");
        Assert.That(rebased.ExitCode, Is.EqualTo(3), rebased.Error);
        Assert.That(rebased.Error,
            Does.Contain("is not the one that the run began with").And.Contain("model.safetensors"));
    }

    /// <summary>An exported adapter must not silently name a base that goes with its checkpoint; --base names a lasting
    /// one, and only the same one.</summary>
    private void CheckBaseInCheckpoint(string checkpoint)
    {
        string reference = Path.Combine(checkpoint, "ref", "huggingface"),
            copy = Directory.CreateDirectory(PathOf("base-of-scratch")).FullName;
        Outcome inside = CommandLine.Run(
            "export", "adapter", "--checkpoint", checkpoint, "--out", PathOf("names-checkpoint"));
        Assert.That(inside.ExitCode, Is.Zero, inside.Error);
        Assert.That(inside.Error, Does.Contain("part of a checkpoint, " + reference).And.Contain("--base"));
        Assert.That(PeftFolder.BaseName(PathOf("names-checkpoint")), Is.EqualTo(reference));

        foreach (string file in Directory.GetFiles(reference))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        Outcome outside = CommandLine.Run(
            "export", "adapter", "--checkpoint", checkpoint, "--base", copy, "--out", PathOf("names-copy"));
        Assert.That(outside.ExitCode, Is.Zero, outside.Error);
        Assert.That(outside.Error, Does.Not.Contain("part of a checkpoint"));
        Assert.That(PeftFolder.BaseName(PathOf("names-copy")), Is.EqualTo(copy));
        Refused(3, "is not the one that the adapter was trained on", "--checkpoint", checkpoint, "--base", _model,
            "--out", PathOf("names-other"));
    }

    private static void Refused(int exitCode, string says, params string[] arguments)
    {
        Outcome outcome = CommandLine.Run(["export", "merge", .. arguments]);
        Assert.That(outcome.ExitCode, Is.EqualTo(exitCode), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(says).And.Not.Contain("   at Tbrm."));
    }

    private string WrittenAdapter(string baseName)
    {
        using EngineDevice device = EngineDevice.Open("cpu", 1);
        using Policy policy =
            ModelFolder.Load(device, _model, _ => new() { Bf16 = false, MaxPositions = 16, Trainable = false });
        policy.AttachAdapter(AdapterOptions.AllProjections(2), trainable: true, seed: 1);
        string folder = Directory.CreateDirectory(PathOf("written-" + baseName.Replace('/', '-'))).FullName;
        PeftFolder.Save(policy, folder, baseName);
        return folder;
    }

    /// <summary>Scores of the merged model against those of base and adapter, in fp32.</summary>
    private void CheckMerged(string adapter, string merged)
    {
        static PolicyOptions Fp32(ModelArchitecture _) => new() { Bf16 = false, MaxPositions = 16, Trainable = false };
        using EngineDevice device = EngineDevice.Open("cpu", 1);
        using Policy adapted = ModelFolder.Load(device, _model, Fp32), whole = ModelFolder.Load(device, merged, Fp32);
        PackedBatch batch = new(
            [new ScoredSequence(new[] { 1, 2, 3 }, new[] { 40, 50, 60, 70, 80 }, Bootstrap: false)]);
        Scores ofBase = adapted.LogProb(batch, 1);
        adapted.AttachAdapter(PeftFolder.Read(adapter), trainable: false, seed: 0);
        PeftFolder.LoadWeights(adapted, adapter);
        Scores expected = adapted.LogProb(batch, 1), actual = whole.LogProb(batch, 1);
        // fp32 sums of a few dozen terms over two layers, twice: tests/native/gradient_test.cpp derives 2e-5 for one.
        Compare.CloseInNorm(actual.V, [.. expected.V.Select(v => (double)v)], 4e-5, "V");
        Compare.CloseInNorm(actual.Q, [.. expected.Q.Select(q => (double)q)], 4e-5, "Q");
        double moved = ofBase.Q.Zip(expected.Q, (b, e) => Math.Abs((double)b - e)).Max();
        Assert.That(moved, Is.GreaterThan(1e-3), "the adapter does something");
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    private static string Checkpoint(string run, int step) => Path.Combine(run, "checkpoints", $"global_step_{step}");

    private static byte[] Adapter(string checkpoint) =>
        File.ReadAllBytes(Path.Combine(checkpoint, "actor", "lora_adapter", "adapter_model.safetensors"));

    private static string[] Train(string folder, params string[] more) =>
        ["train", "--run-dir", folder, .. CommandLine.Tiny, "data.task=chain_sum", "data.max_response_length=32",
            $"trainer.total_training_steps={Steps}",
            "model.lora_rank=4", "actor.optim.lr=1e-2", "trainer.max_actor_ckpt_to_keep=0", .. more];

    private static void KillAfter(int step, string[] arguments)
    {
        using Process process = CommandLine.Start(arguments);
        _ = process.StandardError.ReadToEndAsync();
        while (process.StandardOutput.ReadLine() is { } line)
        {
            if (line.StartsWith($"step:{step} ", StringComparison.Ordinal))
            {
                Thread.Sleep(10);
                process.Kill();
                break;
            }
        }

        process.WaitForExit();
    }
}
