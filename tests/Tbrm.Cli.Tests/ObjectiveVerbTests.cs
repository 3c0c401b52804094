using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Testing;

namespace Tbrm.Cli.Tests;

/// <summary><c>tbrm-native objective</c> as its users call it.</summary>
public sealed class ObjectiveVerbTests
{
    private static readonly string s_example =
        Path.Combine(AppContext.BaseDirectory.Replace("Tbrm.Cli.Tests", "HuberBellman", StringComparison.Ordinal),
        "HuberBellman.dll");

    [Test]
    public void Rows_are_answered_in_order()
    {
        string folder = Directory.CreateTempSubdirectory("tbrm-objective-").FullName;
        string input = Path.Combine(folder, "in.jsonl"), output = Path.Combine(folder, "out.jsonl");
        string[] rows = [.. File.ReadLines(Repository.PathOf("tests", "Tbrm.Objectives.Tests", "Golden", "rows.jsonl"))
            .Select(l => JsonNode.Parse(l)!["in"]!.ToJsonString())];
        File.WriteAllLines(input, rows);
        Outcome outcome = CommandLine.Run("objective", "--in", input, "--out", output);
        Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((0, "")));
        string[] answers = File.ReadAllLines(output);
        Assert.That(answers, Has.Length.EqualTo(rows.Length));
        Assert.That((double)JsonNode.Parse(answers[1])!["loss"]!, Is.EqualTo(-0.155154633103152).Within(1e-9),
            "the second row is gspo's");
        Directory.Delete(folder, recursive: true);
    }

    [TestCase(
        """{"algorithm": "ppo", "params": {"clip_ratoi": 1}, "logp": [[0]], "old_logp": [[0]], "advantages": [[1]]}""",
        "row 2: ppo has no option 'clip_ratoi'; did you mean 'clip_ratio'?")]
    [TestCase("""{"algorithm": "tbrm", "Q": [[0]], "V": [[0]], "ref_logp": [[0]], "rewrads": [0]}""",
        "row 2: unknown field 'rewrads'; did you mean 'rewards'?")]
    [TestCase("""{"algorithm": "tbrm", "logp": [[0]], "ref_logp": [[0]], "rewards": [0]}""",
        "row 2: tbrm needs Q and V of every token")]
    [TestCase("""{"algorithm": "tbrm", "Q": [[0]], "V": [[0, 1]], "ref_logp": [[0]], "rewards": [0]}""",
        "row 2: V, sequence 0: 2 tokens, Q has 1")]
    [TestCase("""{"estimator": "goa"}""", "row 2: estimator: expected one of")]
    [TestCase("[]", "row 2: a JSON object was expected, found array")]
    [TestCase("{", "row 2: not JSON")]
    [TestCase("""{"estimator": "kl", "estimator": "kl"}""", "row 2: not JSON")]
    public void What_a_row_should_not_hold_is_refused_with_its_number(string row, string expected)
    {
        string folder = Directory.CreateTempSubdirectory("tbrm-objective-").FullName;
        string input = Path.Combine(folder, "in.jsonl"), output = Path.Combine(folder, "out.jsonl");
        File.WriteAllLines(input, ["""{"estimator": "v_star", "rewards": [1]}""", row]);
        Outcome outcome = CommandLine.Run("objective", "--in", input, "--out", output);
        Assert.That(outcome.ExitCode, Is.EqualTo(3));
        Assert.That(outcome.Error, Does.Contain(expected));
        Assert.That(File.Exists(output), Is.False, "nothing stands under the final name");
        Directory.Delete(folder, recursive: true);
    }

    [Test]
    public void Check_tries_an_algorithm_and_a_class_of_the_users()
    {
        Outcome own = CommandLine.Run(
            "objective", "check", $"assembly:{s_example}#Example.HuberBellmanLoss", "beta=0.1");
        Assert.That((own.ExitCode, own.Error), Is.EqualTo((0, "")));
        Assert.That(own.Output.Split('\n').Count(l => l.StartsWith("ok ", StringComparison.Ordinal)), Is.EqualTo(6));
        Assert.That(CommandLine.Run("objective", "check", "grpo").ExitCode, Is.Zero);
        Outcome unknown = CommandLine.Run("objective", "check", "grpu");
        Assert.That((unknown.ExitCode, unknown.Error.Contains("did you mean 'grpo'?", StringComparison.Ordinal)),
            Is.EqualTo((2, true)));
    }

    [Test]
    public void List_names_what_there_is()
    {
        string list = CommandLine.Run("objective", "list").Output;
        string[] rows = CommandLine.Run("objective", "list", "--json").Output.Trim().Split('\n');
        Assert.That(rows.Select(r => (string)JsonNode.Parse(r)!["name"]!), Is.SupersetOf(new[] { "tbrm", "gae" }));
        Assert.That(list, Does.Contain("tbrm ").And.Contain("grpo, grpo_vectorized").And.Contain(
            "adv_estimator=gae").And.Contain("arXiv 2507.18071"));
    }
}
