using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary><c>trainer.device=torch:cpu</c>, with the plug-in where it was built, and without it.</summary>
public sealed class TorchDeviceTests : FolderTests
{
    private static readonly string[] s_run =
    [
        .. CommandLine.Tiny, "trainer.total_training_steps=2", "trainer.val_before_train=false", "trainer.test_freq=-1",
    ];

    [Test]
    public void A_run_trains_saves_and_goes_on_where_the_plug_in_is_and_is_refused_with_a_sentence_where_it_is_not()
    {
        JsonNode doctor = JsonNode.Parse(CommandLine.Run("doctor", "--json").Output)!;
        string run = Path.Combine(Folder, "run");
        Outcome outcome = CommandLine.Run(["train", "--run-dir", run, .. s_run, "trainer.device=torch:cpu"]);
        if (doctor["torch"] is not JsonObject torch)
        {
            Assert.That((string)doctor["torch"]!, Does.Contain("libtbrm_torch"));
            Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
            Assert.That(outcome.Error, Does.Contain("libtbrm_torch"));
            return;
        }

        Assert.That(((string)torch["device"]!, (string)torch["libtorch"]!),
            Is.EqualTo(("torch:cpu", (string)doctor["library"]!["libtorch"]!)));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(outcome.Error, Does.Not.Contain("this is a defect"), "nobody said that the bits are the same");
        string cpu = Path.Combine(Folder, "cpu");
        Assert.That(CommandLine.Run(["train", "--run-dir", cpu, .. s_run, "trainer.device=cpu"]).ExitCode, Is.Zero);
        // fp32 of two implementations, after five supervised steps each.
        Assert.That(Metric(run, "actor/tbrm_loss"), Is.EqualTo(Metric(cpu, "actor/tbrm_loss")).Within(0.01).Percent);
        Assert.That(Metric(run, "training/rollout_probs_diff_max"), Is.InRange(0, 1e-4));

        Outcome resumed = CommandLine.Run("train", "--run-dir", run, "--resume", "trainer.device=cpu",
            "trainer.total_training_steps=3");
        Assert.That(resumed.ExitCode, Is.Zero, resumed.Error);
        Assert.That(resumed.Error, Does.Contain("torch:cpu").And.Contain("another instruction set, device"));
    }

    [Test]
    public void A_file_that_is_no_plug_in_is_refused_and_says_where_it_was()
    {
        string file = Path.Combine(Folder, "libtbrm_torch.so");
        foreach (string said in new[] { "there is no", "does not load" })
        {
            Outcome outcome = CommandLine.Run(new Dictionary<string, string> { ["TBRM_TORCH_PLUGIN"] = file },
                ["train", "--run-dir", Path.Combine(Folder, "run"), .. s_run, "trainer.device=torch"]);
            Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
            Assert.That(outcome.Error, Does.Contain(said).And.Contain(file).And.Contain("TBRM_TORCH_DIR"));
            File.WriteAllText(file, "no library");
        }
    }

    private static double Metric(string run, string key) =>
        File.ReadLines(Path.Combine(run, "metrics.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)
            .Where(m => m.TryGetProperty(key, out _)).Select(m => m.GetProperty(key).GetDouble()).First();
}
