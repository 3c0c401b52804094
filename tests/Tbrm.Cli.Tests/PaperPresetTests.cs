using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Data.Parquet;
using Tbrm.Data.Parquet.Writing;

namespace Tbrm.Cli.Tests;

/// <summary>
/// The paper's presets end to end: a random model of the same architecture, DAPO-Math-17k's schema in parquet with its
/// repeated rows, two benchmark
/// files, checkpoints, resume.
/// </summary>
public sealed class PaperPresetTests
{
    private const int Problems = 12, Copies = 3;

    private string _folder = "";

    [OneTimeSetUp]
    public void MakeFiles()
    {
        _folder = CommandLine.TemporaryFolder();
        WriteDapo(PathOf("dapo.parquet"));
        File.WriteAllLines(PathOf("aime24.jsonl"), ["""{"id": 1, "problem": "5 + 20?", "answer": "025"}"""]);
        File.WriteAllLines(PathOf("amc23.jsonl"),
            ["""{"id": 1, "problem": "Half of 54?", "answer": 27.0}""",
                """{"id": 2, "problem": "1 - 2?", "answer": -1.0}"""]);
    }

    [OneTimeTearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase("paper-1.5b-n1", true, 1)]
    [TestCase("paper-1.5b-n4", true, 4)]
    [TestCase("paper-7b-n1", false, 1)]
    [TestCase("paper-7b-n4", false, 4)]
    public void A_preset_trains_validates_saves_and_resumes(string preset, bool tied, int samples)
    {
        string model = PathOf($"model-{tied}"), whole = PathOf(preset + "-whole"), halves = PathOf(preset + "-halves");
        TinyModel.Write(model, tied);
        Outcome outcome = CommandLine.Run(Arguments(preset, model, whole, 4));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);

        List<JsonNode> metrics =
            [.. File.ReadLines(Path.Combine(whole, "metrics.jsonl")).Select(l => JsonNode.Parse(l)!)];
        Assert.That(metrics.Select(m => (int)m["step"]!), Is.EqualTo(new[] { 0, 1, 2, 3, 4 }));
        Assert.That(metrics.Skip(1).Select(m => (double)m["actor/lr"]!),
            Has.All.EqualTo(preset == "paper-7b-n1" ? 2e-6 : 2.5e-6));
        Assert.That(metrics.Skip(1).Select(m => (double)m["training/rollout_probs_diff_max"]!), Has.All.EqualTo(0));
        Assert.That(metrics[^1]["val-core/aime24/acc/mean@1"], Is.Not.Null);
        Assert.That(metrics[^1]["val-core/amc23/acc/mean@1"], Is.Not.Null);
        CheckRollouts(Path.Combine(whole, "rollouts", "1.jsonl"), samples);
        string actor = Path.Combine(whole, "checkpoints", "global_step_4", "actor", "huggingface");
        Assert.That(File.ReadAllBytes(Path.Combine(actor, "tokenizer.json")),
            Is.EqualTo(File.ReadAllBytes(Path.Combine(model, "tokenizer.json"))));
        Assert.That(File.ReadAllBytes(Path.Combine(actor, "model.safetensors")),
            Is.Not.EqualTo(File.ReadAllBytes(Path.Combine(model, "model.safetensors"))), "it was trained");

        // Stopped after two steps, and told to go on to four.
        Assert.That(CommandLine.Run(Arguments(preset, model, halves, 2)).ExitCode, Is.Zero);
        Outcome resumed = CommandLine.Run("train", "--run-dir", halves, "--resume", "trainer.total_training_steps=4");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(
            File.ReadAllBytes(Path.Combine(
                halves, "checkpoints", "global_step_4", "actor", "huggingface", "model.safetensors")),
            Is.EqualTo(File.ReadAllBytes(Path.Combine(actor, "model.safetensors"))),
                "the same weights as without the stop");
    }

    /// <summary>Every other preset, its steps and updates as they are but for their sizes.</summary>
    [TestCase("paper-1.5b-ppo", "critic/vf_loss", "actor.ppo_mini_batch_size=2")]
    [TestCase("paper-7b-ppo", "actor/reward_kl_penalty", "actor.ppo_mini_batch_size=2")]
    [TestCase("paper-1.5b-grpo", "actor/kl_loss", "actor.ppo_mini_batch_size=2")]
    [TestCase("paper-7b-grpo", "actor/pg_loss", "actor.ppo_mini_batch_size=2")]
    [TestCase("paper-7b-n16", "actor/tbrm_loss", "data.train_batch_size=2")]
    [TestCase("paper-7b-grpo-n16", "actor/pg_clipfrac", "actor.ppo_mini_batch_size=2")]
    [TestCase("paper-r1-template", "actor/tbrm_loss", "data.train_batch_size=4")]
    [TestCase("reval-1.5b", "off_policy/ess", "data.train_batch_size=4")]
    [TestCase("reval-7b", "actor/reval_loss", "data.train_batch_size=4")]
    [TestCase("a-star-po", "actor/a_star_po_loss", "actor.ppo_mini_batch_size=2")]
    public void Another_preset_runs(string preset, string metric, string argument)
    {
        string model = PathOf("model-" + preset), run = PathOf(preset + "-run");
        TinyModel.Write(model, tied: true);
        Outcome outcome = CommandLine.Run([.. Arguments(preset, model, run, 2), "rollout.val_kwargs.n=1", argument]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonNode last = JsonNode.Parse(File.ReadLines(Path.Combine(run, "metrics.jsonl")).Last())!;
        Assert.That((int)last["step"]!, Is.EqualTo(2));
        Assert.That(last[metric], Is.Not.Null, last.ToJsonString());
        Assert.That((double)last["training/rollout_probs_diff_max"]!, Is.Zero);
        Assert.That((double)last["actor/skipped"]!, Is.Zero);
    }

    [TestCase("paper-graph-tasks", "actor/tbrm_loss", "actor.ppo_mini_batch_size=0")]
    [TestCase("paper-graph-tasks-grpo", "actor/kl_loss", "actor.ppo_mini_batch_size=2")]
    public void Problems_of_tasks_are_a_set_of_so_many_and_come_again(string preset, string metric, string argument)
    {
        string model = PathOf("model-" + preset), run = PathOf(preset + "-run");
        TinyModel.Write(model, tied: true);
        Outcome outcome = CommandLine.Run(
            "train", "-c", preset, "--run-dir", run, "model.path="
            + model, "data.train_batch_size=4", "data.train_max_samples=4", "data.task_val_size=4",
            "data.max_response_length=8", "trainer.threads=1", "trainer.val_before_train=false",
                "trainer.total_training_steps=2", argument);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(JsonNode.Parse(File.ReadLines(Path.Combine(run, "metrics.jsonl")).Last())![metric], Is.Not.Null);
        string[] first = Inputs("1"), second = Inputs("2");
        Assert.That(first.Distinct().Count(), Is.EqualTo(4));
        Assert.That(second, Is.EquivalentTo(first));

        string[] Inputs(string step) =>
            [.. File.ReadLines(Path.Combine(run, "rollouts", step + ".jsonl"))
            .Select(l => (string)JsonNode.Parse(l)!["input"]!)];
    }

    [TestCase("paper-1.5b-n1", "1", "2.5E-06")]
    [TestCase("paper-1.5b-n4", "4", "2.5E-06")]
    [TestCase("paper-7b-n1", "1", "2E-06")]
    [TestCase("paper-7b-n4", "4", "2.5E-06")]
    public void A_preset_holds_the_papers_hyper_parameters(string preset, string samples, string rate)
    {
        Outcome outcome = CommandLine.Run("config", "-c", preset);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        string[] lines = [.. outcome.Output.Split('\n').Select(l => l.Trim())];
        Assert.That(lines, Is.SupersetOf(new[]
        {
            "train_batch_size: 128", "max_response_length: 2048", "n: " + samples, "temperature: 1", "lr: "
                + rate, "beta: 0.002", "grad_clip: 1",
            "weight_decay: 0.01", "total_training_steps: 760", "name: tbrm", "grader: math_verify",
                "template: qwen-math", "max_response_length: 3072",
        }));
    }

    [Test]
    public void The_list_names_every_preset_with_a_sentence()
    {
        Outcome outcome = CommandLine.Run("config", "--list");
        // What is broken into lines goes on behind more blanks.
        string[] lines = [.. outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(l => !l.StartsWith("    ", StringComparison.Ordinal)).Select(l => l.Trim())];
        string[] names = [.. lines.Select(l => l.Split("  ")[0])];
        Assert.That(names, Is.SupersetOf(
            new[] { "-c default", "-c paper-1.5b-n1", "-c paper-7b-n4", "eval --preset aime24",
            "eval --preset olympiadbench" }));
        Assert.That(lines.Select(l => l.Split("  ")[^1].Length), Has.All.GreaterThan(10));
        string[] rows = CommandLine.Run("config", "--list", "--json").Output
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(rows.Select(r => JsonNode.Parse(r)!).Select(r => $"{r["use"]} {r["name"]}"),
            Is.EquivalentTo(names));
        Assert.That(rows.Select(r => (string)JsonNode.Parse(r)!["summary"]!), Has.All.EndsWith("."), "a sentence");
    }

    [Test]
    public void Without_the_paper_s_files_the_error_names_the_key()
    {
        Outcome outcome = CommandLine.Run("train", "-c", "paper-1.5b-n1", "--run-dir", PathOf("none"));
        Assert.That(outcome.ExitCode, Is.EqualTo(3), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("Qwen2.5-Math-1.5B"));
    }

    private string[] Arguments(string preset, string model, string run, int steps) =>
    [
        "train", "-c", preset, "--run-dir", run, "model.path=" + model, $"data.train_files=[{PathOf("dapo.parquet")}]",
        $"data.val_files=[{PathOf("aime24.jsonl")},{PathOf("amc23.jsonl")}]", "data.train_batch_size=4",
            "data.max_response_length=24",
        "rollout.val_kwargs.max_response_length=12", "trainer.threads=1", "trainer.test_freq=2", "trainer.save_freq=2",
            $"trainer.total_training_steps={steps}",
    ];

    /// <summary>Four problems of the step, each without DAPO's instructions and in the Qwen math template.</summary>
    private static void CheckRollouts(string path, int samples)
    {
        List<JsonNode> rows = [.. File.ReadLines(path).Select(l => JsonNode.Parse(l)!)];
        Assert.That(rows, Has.Count.EqualTo(4 * samples));
        Assert.That(rows.Select(r => (string)r["input"]!).Distinct().Count(), Is.EqualTo(4),
            "repeated rows were dropped");
        Assert.That(rows.Select(r => (string)r["input"]!),
            Has.All.StartsWith("<|im_start|>system\nPlease reason step by step").And.All.Not.Contain(
            "Solve the following")
            .And.All.Not.Contain("Remember to put"));
        Assert.That(rows.Select(r => (string)r["data_source"]!), Has.All.EqualTo("math_dapo"));
    }

    /// <summary>Rows as BytedTsinghua-SIA/DAPO-Math-17k has them; the wrapper's text is the file's own.</summary>
    private static void WriteDapo(string path)
    {
        List<JsonObject> rows = [.. Enumerable.Range(0, Problems * Copies).Select(i => Row(i % Problems, i))];
        SchemaInference schema = new();
        rows.ForEach(schema.Add);
        using ParquetWriter writer = new(path, schema);
        rows.ForEach(writer.Write);
        writer.Complete();
    }

    private static JsonObject Row(int problem, int row)
    {
        string content =
            "Solve the following math problem step by step. The last line of your response should be of the form "
                + "Answer: $Answer (without quotes) where "
            + $"$Answer is the answer to the problem.\n\nWhat is ${problem} - 7$? 求值。\n\nRemember to put your answer "
            + $"on its own line after \"Answer:\".";
        return new()
        {
            ["data_source"] = "math_dapo",
            ["prompt"] = new JsonArray(new JsonObject { ["content"] = content, ["role"] = "user" }),
            ["ability"] = "MATH",
            ["reward_model"] = new JsonObject
            {
                ["ground_truth"] = (problem - 7).ToString(CultureInfo.InvariantCulture),
                ["style"] = "rule-lighteval/MATH_v2"
            },
            ["extra_info"] = new JsonObject { ["index"] = $"0b3a-{row}" },
        };
    }

    private string PathOf(string file) => Path.Combine(_folder, file);
}
