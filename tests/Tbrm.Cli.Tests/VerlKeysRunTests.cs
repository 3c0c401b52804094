using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Testing;

namespace Tbrm.Cli.Tests;

/// <summary>
/// verl's own example scripts, key by key, through <c>train</c>: folder VerlKeys has their keys and values, of which
/// paths and sizes
/// alone are other ones. The model is a small one that has learned to answer right and wrong about as often, so that
/// groups of
/// responses differ, as dynamic sampling asks.
/// </summary>
public sealed class VerlKeysRunTests
{
    private static readonly string[] s_sources = ["openai/gsm8k", "math_dapo"];

    private string _folder = "";

    [OneTimeSetUp]
    public void MakeFiles()
    {
        // Two steps of each script: 4 prompts at a time, 12 where dynamic sampling asks.
        const int problems = 24;
        _folder = CommandLine.TemporaryFolder();
        foreach (string source in s_sources)
        {
            VerlRows.Write(PathOf(Path.GetFileName(source), "train.parquet"), source,
                source == s_sources[0] ? 8 : problems);
            VerlRows.Write(PathOf(Path.GetFileName(source), "test.parquet"), source, 2);
        }

        MakeModel(PathOf("random"));
        File.WriteAllLines(PathOf("answers.jsonl"), Enumerable.Range(0, problems).SelectMany(Answers)
            .Select(row => row.ToJsonString()));
        Outcome taught = CommandLine.Run("sft", "--run-dir", PathOf("taught"), "model.path=" + PathOf("random"),
            "sft.train_files=" + PathOf("answers.jsonl"), "sft.val_share=0", "sft.total_training_steps=40",
            "sft.train_batch_size=32", "sft.optim.lr=1e-2", "data.max_prompt_length=128", "data.max_response_length=16",
            "trainer.threads=2", "model.dtype=fp32");
        Assert.That(taught.ExitCode, Is.Zero, taught.Error);
        string model = Path.Combine(PathOf("taught"), "checkpoints", "global_step_40", "actor", "huggingface");
        Directory.Move(model, PathOf("model"));
    }

    [OneTimeTearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase("grpo", "actor/kl_loss")]
    [TestCase("ppo", "critic/vf_loss")]
    [TestCase("rloo", "actor/reward_kl_penalty")]
    [TestCase("gspo", "actor/pg_clipfrac")]
    [TestCase("cispo", "actor/kl_loss")]
    [TestCase("dapo", "train/num_gen_batches")]
    public void Verls_own_keys_run(string script, string metric)
    {
        string run = PathOf(script + "-run");
        Outcome outcome = CommandLine.Run(["train", "--run-dir", run, "trainer.threads=2", .. Keys(script)]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonObject[] rows = [.. File.ReadLines(Path.Combine(run, "metrics.jsonl"))
            .Select(l => (JsonObject)JsonNode.Parse(l)!)];
        JsonObject last = rows[^1];
        Assert.That((int)last["step"]!, Is.EqualTo(2));
        Assert.That(last[metric], Is.Not.Null, last.ToJsonString());
        Assert.That((double)last["training/rollout_probs_diff_max"]!, Is.Zero);
        Assert.That(rows.Select(r => (double?)r["actor/grad_norm"] ?? 0), Has.Some.GreaterThan(0), "rewards differ");
        Assert.That(rows.Select(r => (double?)r["actor/skipped"] ?? 0), Has.None.EqualTo(1));
    }

    /// <summary>With a template that says nothing of the answer's form: the question does.</summary>
    private static void MakeModel(string folder)
    {
        TinyModel.Write(folder, tied: true);
        string path = Path.Combine(folder, "tokenizer_config.json");
        JsonObject tokenizer = (JsonObject)JsonNode.Parse(File.ReadAllText(path))!;
        tokenizer["chat_template"] =
            "{% for m in messages %}<|im_start|>{{ m.content }}{% if m.role == 'assistant' %}<|im_end|>{% endif %}"
            + "{% endfor %}{% if add_generation_prompt %}<|im_start|>{% endif %}";
        File.WriteAllText(path, tokenizer.ToJsonString());
    }

    private IEnumerable<string> Keys(string script) =>
        File.ReadLines(Repository.PathOf("tests", "Tbrm.Cli.Tests", "VerlKeys", script + ".txt"))
            .Where(l => l.Length > 0 && l[0] != '#')
            .Select(l => l.Split("  # ")[0].Replace("FOLDER", _folder, StringComparison.Ordinal));

    /// <summary>To every question the right answer and a wrong one.</summary>
    private static IEnumerable<JsonObject> Answers(int i) =>
        s_sources.SelectMany(source => new[] { VerlRows.Answer, "3" }, (source, answer) => new JsonObject
        {
            ["prompt"] = VerlRows.Question(source, i),
            ["response"] = VerlRows.Ending(source) + answer,
        });

    private string PathOf(params string[] parts) => Path.Combine([_folder, .. parts]);
}
