using System.IO;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>A run whose weights are not numbers is no finished run, and its message names what destroyed
/// them.</summary>
public sealed class NonFiniteTests : FolderTests
{
    /// <summary>One step of the warm start destroys the weights and is not seen to; two are.</summary>
    [TestCase(1, "No step has changed the weights since the warm start")]
    [TestCase(2, "step 2 of the warm start")]
    public void A_warm_start_that_destroys_the_weights_is_named(int steps, string expected)
    {
        string run = Path.Combine(Folder, "run");
        Outcome outcome = CommandLine.Run(
            ["train", "--run-dir", run, .. CommandLine.Tiny, "trainer.total_training_steps=2",
            $"sft.total_training_steps={steps}", "sft.optim.lr=1e38"]);
        Assert.That(outcome.ExitCode, Is.EqualTo(5), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(expected).And.Contain("sft.optim.lr"));
        if (steps == 1)
        {
            JsonNode summary = JsonNode.Parse(File.ReadAllText(Path.Combine(run, "summary.json")))!;
            Assert.That(((bool)summary["finished"]!, (long)summary["updates"]!), Is.EqualTo((false, 0L)));
            Assert.That(CommandLine.Run("train", "--run-dir", run, "--resume").ExitCode, Is.EqualTo(5),
                "going on changes nothing");
        }
    }

    [Test]
    public void A_supervised_run_that_destroys_its_weights_ends_with_its_own_exit_code()
    {
        Outcome outcome = CommandLine.Run(
            ["sft", "--run-dir", Path.Combine(Folder, "run"), .. CommandLine.Tiny, "sft.total_training_steps=9",
            "sft.optim.lr=1e38", "sft.val_accuracy=false"]);
        Assert.That(outcome.ExitCode, Is.EqualTo(5), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("sft.optim.lr").And.Contain("checkpoint"));
    }
}
