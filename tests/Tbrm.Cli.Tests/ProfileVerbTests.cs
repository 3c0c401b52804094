using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary><c>tbrm-native profile</c> as its users call it.</summary>
public sealed class ProfileVerbTests
{
    private static readonly string[] s_small = ["--lengths", "24", "--batch", "2", "trainer.threads=2"];

    [Test]
    public void Memory_measures_each_in_a_child_and_writes_a_page()
    {
        string folder = CommandLine.TemporaryFolder(), page = Path.Combine(folder, "memory.html");
        Outcome outcome = CommandLine.Run(
            ["profile", "memory", "--vs", "ppo,ppo-shared,ppo-offload", "--steps", "1", "--json", "--html", page,
                .. s_small]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonArray opponents = JsonNode.Parse(outcome.Output)!["sizes"]![0]!["opponents"]!.AsArray();
        Assert.That(opponents.Select(o => ((string)o!["name"]!, (string)o["source"]!)), Is.EqualTo(new[]
        {
            ("tbrm", "measured"), ("ppo", "measured"), ("ppo-shared", "measured"), ("ppo-offload", "predicted"),
        }));
        foreach (JsonNode? measured in opponents.Where(o => (string)o!["source"]! == "measured"))
        {
            Assert.That((double)measured!["predicted"]!["error"]!, Is.Zero.Within(0.05), (string)measured["name"]!);
        }

        Assert.That((double)opponents[1]!["tbrm_saves"]!, Is.InRange(0.2, 0.6));
        Assert.That(File.ReadAllText(page), Does.StartWith("<!doctype html>").And.Contain("update_critic"));
        Directory.Delete(folder, recursive: true);
    }

    [Test]
    public void A_map_is_planned_without_a_model_or_a_gpu()
    {
        Outcome outcome = CommandLine.Run("profile", "map", "--shape", "qwen2.5-7b", "--lengths", "512", "--batch",
            "64",
            "--vs", "ppo,ppo-shared,grpo", "--json");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonArray map = JsonNode.Parse(outcome.Output)!["map"]!.AsArray();
        Assert.That(map.Select(c => (string)c!["opponent"]!), Is.EqualTo(new[] { "ppo", "ppo-shared", "grpo" }));
        Assert.That((double)map[0]!["saves"]!, Is.GreaterThan(0.33));
        Assert.That((double)map[1]!["saves"]!, Is.Negative, "it also says where nothing is saved");
    }

    [TestCase("there is no such opponent", "--vs", "pppo")]
    [TestCase("there is no such shape", "--shape", "qwen9-1b")]
    [TestCase("--lengths 0:", "--lengths", "0")]
    [TestCase("--batch many:", "--batch", "many")]
    [TestCase("--steps 0:", "--steps", "0")]
    [TestCase("algorithm.name is what profile varies", "algorithm.name=ppo")]
    public void What_does_not_fit_is_refused(string message, params string[] arguments)
    {
        Outcome outcome = CommandLine.Run(["profile", "memory", .. arguments]);
        Assert.That((outcome.ExitCode, outcome.Output), Is.EqualTo((2, "")));
        Assert.That(outcome.Error, Does.Contain(message));
    }
}
