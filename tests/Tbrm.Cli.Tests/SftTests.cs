using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>The verb sft on files: a run like train's.</summary>
public sealed class SftTests : FolderTests
{
    private const int Rows = 50, Steps = 8;

    private string _data = "", _model = "";

    [SetUp]
    public void MakeFiles()
    {
        (_data, _model) = (Path.Combine(Folder, "train.jsonl"), Path.Combine(Folder, "model"));
        TinyModel.Write(_model, tied: true);
        File.WriteAllLines(_data, Enumerable.Range(0, Rows).Select(i => (i % 3) switch
        {
            0 => $$$"""{"prompt": "{{{i}}} + 1?", "response": "{{{i + 1}}}"}""",
            1 =>
                $$$"""{"messages": [{"role": "user", "content": "{{{i}}} + 2?"}, {"role": "assistant", "content": "{{{i + 2}}}"}, {"role": "user", "content": "and 1 more?"}, {"role": "assistant", "content": "{{{i + 3}}}"}]}""",
            _ =>
                $$$"""{"conversations": [{"from": "human", "value": "{{{i}}} - 1?"}, {"from": "gpt", "value": "{{{i - 1}}}"}]}""",
        }));
    }

    [Test]
    public void A_run_on_files_leaves_what_a_run_of_train_leaves()
    {
        string run = Path.Combine(Folder, "run");
        Outcome outcome = CommandLine.Run(Arguments(run));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonNode summary = JsonNode.Parse(File.ReadAllText(Path.Combine(run, "summary.json")))!;
        // 50 rows, 5 of them kept back: two epochs of four batches of 10.
        Assert.That(((long)summary["steps"]!, (long)summary["total_steps"]!, (bool)summary["finished"]!),
            Is.EqualTo((Steps, Steps, true)));
        Assert.That((double)summary["val_loss_after"]!, Is.LessThan((double)summary["val_loss_before"]!));
        Assert.That(outcome.Output.Split('\n').Count(l => l.StartsWith("step:", StringComparison.Ordinal)),
            Is.EqualTo(Steps + 1));
        Assert.That(outcome.Output, Does.Contain(" - sft/loss:").And.Contain(" - val/loss:"));
        Assert.That(File.ReadAllText(Path.Combine(run, "report.html")),
            Does.Contain("supervised fine-tuning").And.Contain("Held-out loss").And.Contain(">finished<"));
        Assert.That(Directory.GetDirectories(Path.Combine(run, "checkpoints")).Select(Path.GetFileName),
            Does.Contain($"global_step_{Steps}"));

        string model = Path.Combine(run, "checkpoints", $"global_step_{Steps}", "actor", "huggingface");
        Outcome asked = CommandLine.Run(
            "generate", "model.path="
            + model, "--prompt", "3 + 1?", "data.system_prompt=Add.", "data.max_prompt_length=100",
            "data.max_response_length=4", "trainer.threads=2");
        Assert.That(asked.ExitCode, Is.Zero, asked.Error);
        Assert.That(JsonNode.Parse(asked.Output)!["response"], Is.Not.Null);
    }

    [Test]
    public void Killed_and_resumed_it_has_the_same_weights_and_metrics([Values(1, 5)] int killAfterStep,
        [Values(0, 4)] int loraRank)
    {
        string whole = Path.Combine(Folder, "whole"), killed = Path.Combine(Folder, "killed");
        string[] adapter = [$"model.lora_rank={loraRank}"];
        Outcome reference = CommandLine.Run([.. Arguments(whole), .. adapter]);
        Assert.That(reference.ExitCode, Is.Zero, reference.Error);
        StoppedRun.KillAfterStep(killAfterStep, TimeSpan.FromMilliseconds(killAfterStep * 7),
            [.. Arguments(killed), .. adapter]);
        AssertGoesOnAs(whole, killed,
            loraRank > 0 ? "actor/lora_adapter/adapter_model.safetensors" : "actor/huggingface/model.safetensors");
    }

    [Test]
    public void Interrupted_it_saves_and_goes_on()
    {
        string whole = Path.Combine(Folder, "whole"), stopped = Path.Combine(Folder, "stopped");
        Outcome reference = CommandLine.Run(Arguments(whole));
        Assert.That(reference.ExitCode, Is.Zero, reference.Error);
        (int exitCode, string error) = StoppedRun.InterruptAfterStep(2, TimeSpan.Zero, Arguments(stopped));
        Assert.That(exitCode, Is.EqualTo(130), error);
        Assert.That(error, Does.Contain("tbrm-native sft --run-dir"));
        AssertGoesOnAs(whole, stopped, "actor/huggingface/model.safetensors");
    }

    [Test]
    public void A_learning_rate_that_breaks_the_model_ends_with_exit_code_5_and_counts_the_skipped_steps()
    {
        string run = Path.Combine(Folder, "run");
        Outcome outcome = CommandLine.Run([.. Arguments(run), "lr=1e30", "steps=40"]);
        Assert.That(outcome.ExitCode, Is.EqualTo(5), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("sft.optim.lr").And.Contain("warning: step"));
        Assert.That(File.ReadLines(Path.Combine(run, "metrics.jsonl")).Last(), Does.Contain("\"sft/skipped\":1"));
        string[] checkpoints = Directory.GetDirectories(Path.Combine(run, "checkpoints"));
        Assert.That(checkpoints, Is.Not.Empty, "the steps before were saved");
    }

    [Test]
    public void A_dry_run_counts_the_epochs_of_the_file_and_leaves_nothing()
    {
        string run = Path.Combine(Folder, "run");
        Outcome outcome = CommandLine.Run([.. Arguments(run), "--dry-run", "--json"]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That((long)JsonNode.Parse(outcome.Output)!["plan"]!["batch"]!["optimizer_steps"]!, Is.EqualTo(Steps));
        Assert.That(Directory.Exists(run), Is.False);
    }

    [Test]
    public void Train_does_not_go_on_with_a_supervised_run()
    {
        string run = Path.Combine(Folder, "run");
        Assert.That(CommandLine.Run([.. Arguments(run), "steps=1"]).ExitCode, Is.Zero);
        Outcome outcome = CommandLine.Run("train", "--run-dir", run, "--resume", "data.task=chain_sum", "steps=1");
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("holds a run of sft").And.Contain("model.path="));
    }

    [TestCase("""{"prompt": "1 + 1?", "answer": "2"}""", "train.jsonl:51", "sft.response_key")]
    [TestCase("""{"prompt": "1 + 1?", "response": 2}""", "train.jsonl:51", "found a number")]
    [TestCase("""{"messages": "hello"}""", "train.jsonl:51", "no turn of the assistant")]
    [TestCase("""{"prompt": "1 +""", "train.jsonl:51", "JSON")]
    public void A_row_that_cannot_be_used_is_named_before_anything_is_trained(string row, string where, string why)
    {
        File.AppendAllText(_data, row + "\n");
        string run = Path.Combine(Folder, "run");
        Outcome outcome = CommandLine.Run(Arguments(run));
        Assert.That(outcome.ExitCode, Is.EqualTo(3), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(where).And.Contain(why).And.Not.Contain("   at Tbrm."));
        Assert.That(File.Exists(Path.Combine(run, "metrics.jsonl"))
            && File.ReadAllText(Path.Combine(run, "metrics.jsonl")).Length > 0, Is.False);
    }

    [Test]
    public void Rows_that_nothing_can_be_learned_from_are_left_out_and_counted()
    {
        File.AppendAllLines(_data, ["""{"conversations": [{"from": "gpt", "value": "hello"}]}""",
            """{"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": null}]}"""]);
        Outcome outcome = CommandLine.Run([.. Arguments(Path.Combine(Folder, "run")), "steps=1"]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(outcome.Error, Does.Contain("2 hold nothing that can be learned").And.Contain("train.jsonl:51"));
    }

    [Test]
    public void A_task_that_works_its_sums_can_be_tested_on_the_problems_of_a_file()
    {
        string problems = Path.Combine(Folder, "problems.jsonl"), run = Path.Combine(Folder, "run");
        File.WriteAllText(problems,
            """{"data_source": "openai/gsm8k", "prompt": "What is 1 + 2?", "reward_model": {"ground_truth": "3"}}"""
                + "\n");
        Outcome outcome = CommandLine.Run(
            "sft", "--run-dir", run, $"data.val_files=[{problems}]", "steps=1", "sft.train_batch_size=2",
            "data.max_prompt_length=100", "trainer.threads=2");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonNode summary = JsonNode.Parse(File.ReadAllText(Path.Combine(run, "summary.json")))!;
        Assert.That(summary["val_loss_after"], Is.Null, "a file's problems have no answer to be shown");
        Assert.That(outcome.Output, Does.Contain("val-core/openai/gsm8k/"));
    }

    [Test]
    public void Files_without_a_model_are_refused_where_the_vocabulary_would_be_a_tasks()
    {
        Outcome outcome = CommandLine.Run(
            "sft", "--run-dir", Path.Combine(Folder, "run"), $"sft.train_files=[{_data}]");
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("sft.train_files need model.path"));
        Outcome own = CommandLine.Run(
            "sft", "--run-dir", Path.Combine(Folder, "run"), $"sft.train_files=[{_data}]", "data.task=",
            "sft.worked_share=0", "sft.train_batch_size=10", "steps=1", "trainer.threads=2");
        Assert.That(own.ExitCode, Is.Zero, own.Error);
    }

    [Test]
    public void Resuming_a_run_without_a_checkpoint_says_that_it_begins()
    {
        string run = Path.Combine(Folder, "run");
        Assert.That(CommandLine.Run([.. Arguments(run), "steps=1"]).ExitCode, Is.Zero);
        Directory.Delete(Path.Combine(run, "checkpoints"), recursive: true);
        Outcome outcome = CommandLine.Run("sft", "--run-dir", run, "--resume");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(outcome.Error, Does.Contain("has no checkpoint, so the run begins at its first step"));
    }

    private static void AssertGoesOnAs(string whole, string stopped, string weights)
    {
        Outcome resumed = CommandLine.Run("sft", "--run-dir", stopped, "--resume");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(StoppedRun.Metrics(stopped), Is.EqualTo(StoppedRun.Metrics(whole)));
        StoppedRun.AssertSameFiles(stopped, whole, Steps, weights, "actor/optim.safetensors", "data.json");
    }

    private string[] Arguments(string run) =>
    [
        "sft", "--run-dir", run, "model.path="
            + _model, $"sft.train_files=[{_data}]", "sft.val_share=0.1", "sft.train_batch_size=10",
            "trainer.total_epochs=2",
        "data.system_prompt=Add.", "data.max_prompt_length=100", "data.max_response_length=100", "trainer.test_freq=2",
            "trainer.save_freq=3", "lr=1e-2", "trainer.threads=2", "actor.ppo_max_token_len_per_gpu=400",
    ];
}
