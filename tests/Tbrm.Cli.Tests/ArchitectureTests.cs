using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>A small model of each architecture trains, resumes, is exported and is read back.</summary>
public sealed class ArchitectureTests : FolderTests
{
    private const int Steps = 3;

    [TestCase("gemma3", "Gemma3ForCausalLM")]
    [TestCase("qwen3", "Qwen3ForCausalLM")]
    [TestCase("granite", "GraniteForCausalLM")]
    [TestCase("llama", "LlamaForCausalLM")]
    public void A_model_of_an_architecture_trains_resumes_to_the_bit_and_is_read_back(string architecture, string name)
    {
        string whole = Path.Combine(Folder, "whole"), halves = Path.Combine(Folder, "halves");
        Run(Train(whole, architecture));
        Run([.. Train(halves, architecture), "trainer.total_training_steps=1"]);
        Run("train", "--run-dir", halves, "--resume", $"trainer.total_training_steps={Steps}");
        foreach (string file in new[] { "huggingface/model.safetensors", "huggingface/config.json",
            "optim.safetensors" })
        {
            Assert.That(File.ReadAllBytes(Actor(halves, file)), Is.EqualTo(File.ReadAllBytes(Actor(whole, file))),
                file);
        }

        List<JsonNode> metrics =
            [.. File.ReadLines(Path.Combine(whole, "metrics.jsonl")).Select(l => JsonNode.Parse(l)!)];
        Assert.That(metrics.Skip(1).Select(m => (double)m["training/rollout_probs_diff_max"]!),
            Has.Count.EqualTo(Steps).And.All.EqualTo(0));
        JsonNode config = JsonNode.Parse(File.ReadAllText(Actor(whole, "huggingface/config.json")))!;
        Assert.That((string?)config["architectures"]![0], Is.EqualTo(name));

        // The folder as any other model: it generates what the run's newest checkpoint does.
        string ofFolder = Generate(Actor(whole, "huggingface")), ofRun = Generate(whole);
        Assert.That(ofFolder, Is.EqualTo(ofRun).And.Not.Empty);
    }

    private static string[] Train(string folder, string architecture) =>
        ["train", "--run-dir", folder, .. CommandLine.Tiny, $"model.scratch.architecture={architecture}",
            "model.scratch.sliding_window=9", "data.task=chain_sum",
            "data.max_response_length=32", $"trainer.total_training_steps={Steps}"];

    private static string Actor(string run, string file) =>
        Path.Combine(run, "checkpoints", $"global_step_{Steps}", "actor", file);

    private static string Generate(string model) =>
        Run("generate", "--prompt", "1 + 2 =", "model.path=" + model, "rollout.temperature=0",
        "data.max_response_length=24");

    private static string Run(params string[] arguments)
    {
        Outcome outcome = CommandLine.Run(arguments);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        return outcome.Output;
    }
}
