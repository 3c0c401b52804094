using System.IO;
using System.Linq;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>What the command line says is done, or refused; never something else in silence.</summary>
public sealed class PrecedenceTests : FolderTests
{
    [TestCase("config", "--run-dir", "a", "trainer.run_dir=b")]
    [TestCase("config", "lr=1", "actor.optim.lr=2")]
    [TestCase("config", "trainer.device=gpu")]
    [TestCase("eval", "--preset", "aime24", "--data", "x.jsonl", "data.task=gcd", "model.path=y")]
    [TestCase("eval", "--preset", "aime24", "--data", "x.jsonl", "data.val_files=[z.jsonl]", "model.path=y")]
    public void Two_words_for_one_thing_and_words_that_mean_nothing_are_refused(params string[] arguments)
    {
        Outcome outcome = CommandLine.Run(arguments);
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
        Assert.That(outcome.Error,
            Does.Contain(arguments.Last(a => a.Contains('=') && !a.StartsWith("model.")).Split('=')[0]));
    }

    [Test]
    public void One_key_may_be_given_again_and_the_last_counts()
    {
        Outcome outcome = CommandLine.Run("config", "trainer.seed=3", "trainer.seed=4", "seed=4");
        Assert.That(outcome.ExitCode, Is.EqualTo(2), "another name with other values");
        outcome = CommandLine.Run("config", "trainer.seed=3", "trainer.seed=4");
        Assert.That(outcome.Output, Does.Contain("seed: 4"));
    }

    [Test]
    public void The_length_of_an_answer_wins_over_a_benchmarks_preset()
    {
        string model = Path.Combine(Folder, "model"), problems = Path.Combine(Folder, "aime.jsonl"),
            rows = Path.Combine(Folder, "rows.jsonl");
        TinyModel.Write(model, tied: true);
        File.WriteAllText(problems, """{"problem": "1+1?", "answer": "2"}""" + "\n");
        Outcome outcome = CommandLine.Run(
            "eval", "--preset", "aime24", "--data", problems, "data.max_response_length=8", "rollout.val_kwargs.n=2",
            "rollout.temperature=0.5", "model.path=" + model, "trainer.threads=2", "--out", rows);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(outcome.Error, Does.Contain("rollout.temperature has no effect"));
        Assert.That(File.ReadLines(rows)
            .Select(line => (int)System.Text.Json.Nodes.JsonNode.Parse(line)!["response_tokens"]!),
            Is.All.LessThanOrEqualTo(8));
    }

    [Test]
    public void A_start_that_fails_leaves_no_folder()
    {
        foreach (string[] wrong in new[] { new[] { "data.task=", "model.scratch.num_hidden_layers=1" },
            ["data.train_files=[nowhere.jsonl]", "data.task="], ["trainer.total_training_steps=-1"],
            ["model.path=nowhere"] })
        {
            string run = Path.Combine(Folder, "run");
            Outcome outcome = CommandLine.Run(["train", "--run-dir", run, .. CommandLine.Tiny, .. wrong]);
            Assert.That(outcome.ExitCode, Is.EqualTo(2).Or.EqualTo(3), outcome.Error);
            Assert.That(Directory.Exists(run), Is.False, string.Join(' ', wrong) + outcome.Error);
        }
    }
}
