using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>Training on a weighted mixture of tasks.</summary>
public sealed class MixtureTests : FolderTests
{
    [Test]
    public void Every_task_trains_in_one_mixture_with_metrics_of_its_own()
    {
        Outcome list = CommandLine.Run("task", "list", "--json");
        string[] tasks = [.. list.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => (string)JsonNode.Parse(l)!["task"]!).Where(n => n != "composite")];
        Assert.That(tasks, Has.Length.EqualTo(23));
        string run = Path.Combine(Folder, "run");
        Outcome outcome = CommandLine.Run(
            [.. Arguments(run, string.Join(',', tasks)), "data.train_batch_size=64", "data.task_val_size=120",
            "trainer.total_training_steps=1"]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);

        List<JsonObject> metrics = Metrics(run);
        HashSet<string> validated =
            [.. metrics[0].Select(p => p.Key).Where(k => k.StartsWith("val-core/", StringComparison.Ordinal))
            .Select(k => k.Split('/')[1])];
        HashSet<string> trained =
            [.. metrics[1].Select(p => p.Key)
            .Where(k => k.StartsWith("critic/score/", StringComparison.Ordinal) && k.Split('/').Length == 4)
            .Select(k => k.Split('/')[2])];
        // 64 and 120 draws of 23: a task is missed by all 184 with probability (22/23)^184 = 3e-4; the seed is fixed.
        Assert.That(validated.Union(trained), Is.EquivalentTo(tasks));
        string[] without = [.. tasks.Except(validated)];
        Assert.That(outcome.Error, without.Length == 0 ? Does.Not.Contain("held-out problems is of")
            : Does.Contain("warning: none of the 120 held-out problems is of ").And.Contain(without[0])
                .And.Contain("raise data.task_val_size"));
        // The package's scorer raises where a factor is no integer; everything else has a grade.
        string[] failed = [.. Inputs(run).Select(l => JsonNode.Parse(l)!)
            .Where(r => (string)r["status"]! is "Error" or "Timeout").Select(r => (string)r["data_source"]!)];
        Assert.That(failed, Has.All.EqualTo("prime_factorization"));
    }

    [Test]
    public void Weights_and_parameters_count_and_a_resumed_run_sees_the_same_problems()
    {
        const string mixture =
            "[{name: gcd, weight: 3, params: {min_value: 2, max_value: 9}}, {name: chain_sum, weight: 1, params: "
                + "{min_terms: 2, max_terms: 2}}]";
        string whole = Path.Combine(Folder, "whole"), halves = Path.Combine(Folder, "halves");
        Outcome outcome = CommandLine.Run([.. Arguments(whole, mixture), "trainer.total_training_steps=6"]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(CommandLine.Run(
            [.. Arguments(halves, mixture), "trainer.total_training_steps=3", "trainer.save_freq=3"]).ExitCode,
            Is.Zero);
        Outcome resumed = CommandLine.Run("train", "--run-dir", halves, "--resume", "trainer.total_training_steps=6");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(Inputs(halves), Is.EqualTo(Inputs(whole)));
        Assert.That(File.ReadAllText(Path.Combine(halves, "checkpoints", "global_step_6", "data.json")),
            Is.EqualTo(File.ReadAllText(Path.Combine(whole, "checkpoints", "global_step_6", "data.json"))));

        Outcome one = CommandLine.Run("eval", "--run-dir", whole, "data.task_val_size=1", "trainer.threads=2");
        Assert.That((one.ExitCode, one.Error.Split("none of the 1 held-out problems is of ").Length),
            Is.EqualTo((0, 2)), one.Error);

        List<JsonNode> rows = [.. Inputs(whole).Select(l => JsonNode.Parse(l)!)];
        int gcds = rows.Count(r => (string)r["data_source"]! == "gcd");
        // Five standard deviations of 72 draws with share 3/4: 5 * sqrt(72 * 3/16) = 18.4.
        Assert.That(rows, Has.Count.EqualTo(6 * 12));
        Assert.That(gcds, Is.EqualTo(54).Within(18.4));
        Assert.That(rows.Where(r => (string)r["data_source"]! == "gcd")
            .Select(r => int.Parse((string)r["gts"]!, System.Globalization.CultureInfo.InvariantCulture)),
            Has.All.LessThan(10));
    }

    [TestCase("gcd:0", "no positive number")]
    [TestCase("gcd,gcd", "listed twice")]
    [TestCase("gcdd", "did you mean 'gcd'")]
    [TestCase("[{name: gcd, wieght: 2}]", "did you mean 'weight'")]
    [TestCase("[{weight: 2}]", "no name")]
    [TestCase("[{name: gcd, params: {min_valu: 2}}]", "min_value")]
    public void A_mixture_that_cannot_be_says_why(string mixture, string expected)
    {
        Outcome outcome = CommandLine.Run(Arguments(Path.Combine(Folder, "run"), mixture));
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(expected));
    }

    private static string[] Arguments(string run, string mixture) =>
    [
        "train", "--run-dir", run, .. CommandLine.Tiny, "data.task=", "data.task_params={}", "data.tasks="
            + mixture, "data.train_batch_size=12", "rollout.n=1",
        "data.max_prompt_length=4000", "data.max_response_length=6", "reward.answer_form=text", "sft.worked_share=0",
            "sft.total_training_steps=1",
    ];

    private static List<JsonObject> Metrics(string run) =>
        [.. File.ReadLines(Path.Combine(run, "metrics.jsonl")).Select(l => (JsonObject)JsonNode.Parse(l)!)];

    private static List<string> Inputs(string run) =>
        [.. Directory.GetFiles(Path.Combine(run, "rollouts")).Order(StringComparer.Ordinal).SelectMany(File.ReadLines)];
}
