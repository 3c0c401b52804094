using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>What train has made is a model for the other verbs: named by its run, with the run's own task, prompt form
/// and lengths.</summary>
public sealed class TrainedRunTests : FolderTests
{
    private string _run = "";

    [SetUp]
    public void Train()
    {
        _run = Path.Combine(Folder, "run");
        Outcome outcome = CommandLine.Run(
            ["train", "--run-dir", _run, .. CommandLine.Tiny, "trainer.total_training_steps=4", "trainer.test_freq=1",
            "data.max_response_length=11", "data.task_params={min_terms: 2, max_terms: 2}"]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
    }

    [Test]
    public void Eval_of_a_run_is_the_runs_last_evaluation()
    {
        string rows = Path.Combine(Folder, "rows.jsonl");
        Outcome byFolder = CommandLine.Run("eval", "--run-dir", _run, "--json", "--out", rows, "trainer.threads=2");
        Assert.That(byFolder.ExitCode, Is.Zero, byFolder.Error);
        Assert.That(byFolder.Error, Does.Not.Contain("differs from how the run was trained"));
        string[] Outputs(string path) =>
            [.. File.ReadLines(path)
            .Select(line => $"{JsonNode.Parse(line)!["input"]} {JsonNode.Parse(line)!["output"]}")];
        Assert.That(Outputs(rows), Is.EqualTo(Outputs(Path.Combine(_run, "validation", "4.jsonl"))));
        string mixed = Path.Combine(Folder, "mixed.jsonl");
        string[] mix = ["eval", "--run-dir", _run, "--out", mixed, "trainer.threads=2", "--beta-scale"];
        Outcome reference = CommandLine.Run([.. mix, "0"]);
        Assert.That(reference.ExitCode, Is.Zero, reference.Error);
        Assert.That(Outputs(mixed), Is.EqualTo(Outputs(Path.Combine(_run, "validation", "0.jsonl"))),
            "pi_ref is what the run began with");
        Outcome unknown = CommandLine.Run([.. mix, "0.5", "ref.path=" + Folder]);
        Assert.That((unknown.ExitCode, unknown.Error.Contains("is no model folder", StringComparison.Ordinal)),
            Is.EqualTo((2, true)), unknown.Error);
        Outcome trained = CommandLine.Run("train", "rollout.beta_scale=0.5", "--run-dir", Path.Combine(Folder, "no"));
        Assert.That(trained.ExitCode, Is.EqualTo(2));
        Assert.That(trained.Error, Does.Contain("training samples from the policy itself"));
        Outcome byCheckpoint =
            CommandLine.Run("eval", "model.path=" + Path.Combine(_run, "checkpoints", "global_step_4"), "--json",
            "--out", Path.Combine(Folder, "b.jsonl"), "trainer.threads=2");
        Assert.That(byCheckpoint.Output, Is.EqualTo(byFolder.Output), byCheckpoint.Error);
    }

    [Test]
    public void Another_checkpoint_is_taken_by_step_or_as_the_best_and_one_that_is_not_there_is_named()
    {
        string[] command = ["generate", "model.path=" + _run, "--prompt", "1 + 2", "rollout.temperature=0",
            "rollout.n=1", "trainer.threads=2"];
        long best = (long)JsonNode.Parse(File.ReadAllText(Path.Combine(_run, "summary.json")))!["best_step"]!;
        Outcome byWord = CommandLine.Run([.. command, "--checkpoint", "best"]),
            byStep = CommandLine.Run([.. command, "--checkpoint", $"{best}"]);
        Assert.That((byWord.ExitCode, byWord.Output), Is.EqualTo((0, byStep.Output)), byWord.Error);
        Outcome none = CommandLine.Run([.. command, "--checkpoint", "77"]);
        Assert.That(none.ExitCode, Is.EqualTo(3));
        Assert.That(none.Error, Does.Contain("77").And.Contain("4"));
        Assert.That(CommandLine.Run([.. command, "--checkpoint", "newest"]).ExitCode, Is.EqualTo(2));
        Assert.That(CommandLine.Run("eval", "model.path=" + Folder, "--checkpoint", "best").ExitCode, Is.EqualTo(2),
            "no run there");

        // Wherever a model's folder is named, a run stands for the model in it: in a file, for other verbs, other keys.
        string file = Path.Combine(Folder, "model.yaml"), model = RunModel("4");
        File.WriteAllText(file, $"model:\n  path: {_run}\n");
        Outcome byFile = CommandLine.Run(["generate", "-c", file, .. command[2..]]),
            byModel = CommandLine.Run([.. command, "--checkpoint", "4"]);
        Assert.That((byFile.ExitCode, byFile.Output), Is.EqualTo((0, byModel.Output)), byFile.Error);
        Outcome config = CommandLine.Run("config", "-c", file, "ref.path=" + _run, "model.tokenizer_path=" + _run,
            "critic.model.path=" + _run, "rollout.beta_scale=0.5");
        Assert.That(config.Output.Split('\n').Count(line =>
            line.EndsWith($"path: \"{model}\"", StringComparison.Ordinal)),
            Is.EqualTo(4), config.Output + config.Error);
        Outcome adapter = CommandLine.Run("config", "model.path=x", "model.lora_adapter_path=" + _run);
        Assert.That((adapter.ExitCode, adapter.Error), Is.EqualTo(
            (2, $"tbrm-native: model.lora_adapter_path: the newest checkpoint of {_run} holds no adapter of the actor"
                + Environment.NewLine)));
        string input = Path.Combine(Folder, "text.jsonl"), dump = Path.Combine(_run, "rollouts", "1.jsonl");
        File.WriteAllText(input, """{"text":"1 + 2"}""");
        Assert.That(CommandLine.Run("tokenize", "--tokenizer", _run, "--in", input, "--out", "-").Output,
            Is.EqualTo(CommandLine.Run("tokenize", "--tokenizer", model, "--in", input, "--out", "-").Output)
                .And.Not.Empty);
        string[] prepared = [Path.Combine(Folder, "a.jsonl"), Path.Combine(Folder, "b.jsonl")];
        Outcome prepare = CommandLine.Run("data", "prepare", dump, "--reference", _run, "--out", prepared[0]);
        Assert.That(prepare.ExitCode, Is.Zero, prepare.Error);
        CommandLine.Run("data", "prepare", dump, "--reference", model, "--out", prepared[1], "--set",
            "data.max_response_length=11");
        Assert.That(File.ReadAllText(prepared[0]), Is.EqualTo(File.ReadAllText(prepared[1])));
        Outcome export = CommandLine.Run("export", "gguf", "--model", _run, "--out", Path.Combine(Folder, "a.gguf"));
        Assert.That(export.ExitCode, Is.EqualTo(3), "digits apart are no tokenizer of GGUF's");
        Assert.That(export.Error, Does.Contain(Path.Combine(model, "tokenizer.json") + ": GGUF cannot express"));
    }

    private string RunModel(string step) =>
        Path.Combine(_run, "checkpoints", "global_step_" + step, "actor", "huggingface");

    [Test]
    public void What_differs_from_how_the_run_was_trained_is_named()
    {
        Outcome outcome = CommandLine.Run(
            "eval", "--run-dir", _run, "--json", "data.task_params={min_terms: 3, max_terms: 3}",
            "data.task_val_size=3", "trainer.threads=2");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(outcome.Error,
            Does.Contain("differs from how the run was trained").And.Contain("min_terms=3").And.Contain("min_terms=2"));
    }

    [Test]
    public void Supervised_training_goes_on_from_a_run_in_a_folder_of_its_own()
    {
        Outcome outcome = CommandLine.Run(
            "sft", "model.path="
            + _run, "--run-dir", Path.Combine(Folder, "sft"), "data.task=chain_sum", "steps=1",
            "sft.train_batch_size=2", "sft.val_accuracy=false", "trainer.threads=2");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(File.ReadAllText(Path.Combine(Folder, "sft", "config.resolved.yaml")),
            Does.Contain("global_step_4").And.Contain("max_response_length: 11"));
    }
}
