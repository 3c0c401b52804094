using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Cli.Comparing;

namespace Tbrm.Cli.Tests;

/// <summary><c>compare</c> and <c>train --seeds</c> as their users call them; the statistics have tests of their
/// own.</summary>
public sealed class CompareTests : FolderTests
{
    private static readonly string[] s_small =
        [.. CommandLine.Tiny, "trainer.total_training_steps=2", "trainer.test_freq=1", "data.max_response_length=8",
        "data.task_params={min_terms: 2, max_terms: 2}"];

    [Test]
    public void Two_arms_over_two_seeds_share_first_weights_and_the_same_command_goes_on()
    {
        string folder = Path.Combine(Folder, "comparison");
        string[] command = ["compare", "tbrm", "stage-1: a_star_po algorithm.a_star_po.num_gen_to_use=2", "--seeds",
            "1,2", "--samples", "2",
            "--run-dir", folder, "--json", .. s_small];
        Outcome first = CommandLine.Run([.. command, "--parallel", "2"]);
        Assert.That(first.ExitCode, Is.Zero, first.Error);
        JsonObject result = JsonNode.Parse(first.Output)!.AsObject();
        JsonArray arms = result["arms"]!.AsArray();
        Assert.That(arms.Select(a => (string)a!["name"]!), Is.EqualTo(new[] { "tbrm", "stage-1" }));
        Assert.That(arms.Select(a => a!["unpaired"]!.AsArray().Count), Has.All.Zero);
        Assert.That(arms.SelectMany(a => a!["ended"]!.AsArray()).Select(e => (string)e!), Has.All.EqualTo("finished"));
        Assert.That((int)arms[1]!["by_tokens"]!["difference"]!["count"]!, Is.EqualTo(2));
        Assert.That((double)arms[1]!["measures"]!["first_stage_tokens"]![0]!, Is.Positive);
        Assert.That(arms.SelectMany(a => a!["measures"]!["kl"]!.AsArray()).Count(k => k is not null), Is.EqualTo(4));
        // Before the first step every arm is the shared model.
        Assert.That(arms.Select(a => a!["curve"]![1]![0]!.ToJsonString()).Distinct().Count(), Is.EqualTo(1));
        Outcome again = CommandLine.Run(command);
        Assert.That((again.ExitCode, again.Error.Contains("begins", System.StringComparison.Ordinal)),
            Is.EqualTo((0, false)), again.Error);
        Outcome other = CommandLine.Run([.. command, "actor.optim.lr=1e-4"]);
        Assert.That(other.ExitCode, Is.EqualTo(2));
        Assert.That(other.Error, Does.Contain("holds another comparison (configurations"));
        string[] runs = [Path.Combine(folder, "runs", "tbrm"), Path.Combine(folder, "runs", "stage-1", "seed-2")];
        Outcome existing = CommandLine.Run(["compare", .. runs, "--run-dir", Path.Combine(Folder, "existing")]);
        Assert.That((existing.ExitCode,
            existing.Output.Split('\n')[1].Split(' ', System.StringSplitOptions.RemoveEmptyEntries)[..2]),
            Is.EqualTo((0, new[] { "tbrm", "2" })), existing.Error);
    }

    [Test]
    public void Seeds_make_a_group_of_runs_with_a_page()
    {
        string group = Path.Combine(Folder, "group");
        Outcome made = CommandLine.Run(["train", "--seeds", "1-2", "--run-dir", group, .. s_small]);
        Assert.That(made.ExitCode, Is.Zero, made.Error);
        Assert.That(Enumerable.Range(1, 2).Select(s => (long)JsonNode.Parse(
            File.ReadAllText(Path.Combine(group, $"seed-{s}", "summary.json")))!["seed"]!),
                Is.EqualTo(new[] { 1L, 2L }));
        Assert.That(File.ReadAllText(Path.Combine(group, "comparison.html")),
            Does.Contain("1 arm, 2 runs, seeds 1, 2"));
        Outcome other = CommandLine.Run(["train", "--seeds", "1-3", "--run-dir", group, .. s_small, "rollout.n=3"]);
        Assert.That((other.ExitCode, other.Error), Is.EqualTo((2, other.Error)));
        Assert.That(other.Error, Does.Contain("is another configuration than this one"));
    }

    [Test]
    public void Trials_are_points_of_the_arms_own_grid_and_a_sample_of_it_varies_in_every_axis()
    {
        TuningGrid grid = new(["lr=1,2,3,4", "ppo: clip=5,6,7,8"], ["tbrm", "ppo"]);
        Assert.That(grid.Trials("tbrm", null).Select(t => string.Join(' ', t)),
            Is.EqualTo(new[] { "lr=1", "lr=2", "lr=3", "lr=4" }));
        Assert.That(grid.Trials("ppo", null), Has.Count.EqualTo(16));
        string[][] sample = [.. grid.Trials("ppo", 4).Select(t => t.ToArray())];
        Assert.That(sample.Select(t => string.Join(' ', t)).Distinct().Count(), Is.EqualTo(4));
        Assert.That(sample.Select(t => t[0]).Distinct().Count(), Is.GreaterThan(1));
        Assert.That(sample.Select(t => t[1]).Distinct().Count(), Is.GreaterThan(1));
        Assert.That(grid.Trials("ppo", 4), Is.EqualTo(sample), "the same ones every time");
    }

    [TestCase("compare", "compare")]
    [TestCase("'tbrmm' is neither a run folder, an algorithm, a preset nor a file; did you mean 'tbrm'?", "compare",
        "tbrmm")]
    [TestCase("is a folder without a run", "compare", "/")]
    [TestCase("two arms are called tbrm", "compare", "tbrm", "tbrm")]
    [TestCase("--seeds '1,x': expected seeds such as 1,2,3 or 1-5", "compare", "tbrm", "--seeds", "1,x")]
    [TestCase("names a seed twice", "compare", "tbrm", "--seeds", "1-3,2")]
    [TestCase("trials must not use a seed that results are reported of", "compare", "tbrm", "--tuning-seeds", "1",
        "--grid", "actor.optim.lr=1e-3,1e-4")]
    [TestCase("--trials 3: the grid of tbrm has 2 points", "compare", "tbrm", "--trials", "3", "--grid",
        "actor.optim.lr=1e-3,1e-4")]
    [TestCase("there is no arm ppo", "compare", "tbrm", "--grid", "ppo: actor.optim.lr=1e-3")]
    [TestCase(
        "the grids have 2 points for tbrm and 4 points for grpo; every arm gets the same number: say which with "
            + "--trials 2", "compare", "tbrm", "grpo", "--grid", "actor.optim.lr=1e-3,1e-4", "--grid",
                "grpo: actor.clip_ratio=0.1,0.2")]
    [TestCase("--sweep 'rollout.lag': expected key=value,value", "compare", "tbrm", "--sweep", "rollout.lag")]
    [TestCase("trainer.sead", "compare", "tbrm", "trainer.sead=1")]
    [TestCase("--resume with --seeds", "train", "--seeds", "1,2", "--resume")]
    public void What_cannot_be_compared_is_refused_before_anything_is_made(string expected, params string[] command)
    {
        string folder = Path.Combine(Folder, "none");
        Outcome outcome = CommandLine.Run([.. command, "--run-dir", folder]);
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(expected));
        Assert.That(Directory.Exists(Path.Combine(folder, "runs")), Is.False);
    }
}
