using System;
using System.Collections.Generic;
using System.IO;
using NUnit.Framework;

namespace Tbrm.Cli.Tests;

/// <summary>Bad input gets one sentence on stderr, the right exit code, and no stack trace.</summary>
public sealed class BadInputTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = CommandLine.TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase("rollout.temprature=1", 2, "rollout.temperature")]
    [TestCase("algorithm.tbrm.beta=-1", 2, "more than 0")]
    [TestCase("model.path=/no/such/folder", 3, "does not exist")]
    [TestCase("data.task=chain_sun", 2, "chain_sum")]
    [TestCase("trainer.device=tpu", 2, "auto, cpu, cuda")]
    public void A_bad_key_or_value_says_what_to_write(string argument, int exitCode, string expected)
    {
        Outcome outcome = CommandLine.Run("train", "--run-dir", Path.Combine(_folder, "run"), argument);
        Assert.That(outcome.ExitCode, Is.EqualTo(exitCode), outcome.Error);
        Assert.That(outcome.Error, Does.Contain(expected).And.Not.Contain("   at Tbrm."));
        Assert.That(outcome.Output, Is.Empty);
    }

    [TestCase(false, "not there")]
    [TestCase(true, "invalid ELF header")]
    public void A_native_library_that_does_not_load_is_a_sentence(bool exists, string expected)
    {
        if (exists && !OperatingSystem.IsLinux())
        {
            Assert.Ignore("the system's own words differ elsewhere");
        }

        if (exists)
        {
            File.WriteAllText(Path.Combine(_folder, "libtbrm.so"), "not a library, and longer than a header of one would be, just to be sure of it");
        }

        Outcome outcome = CommandLine.Run(new Dictionary<string, string> { ["TBRM_NATIVE_DIR"] = _folder }, ["train", "--run-dir", Path.Combine(_folder, "run")]);
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("./build.sh").And.Contain(expected).And.Not.Contain("   at Tbrm."));
    }

    [Test]
    public void A_learning_rate_that_breaks_the_model_ends_with_exit_code_5_and_keeps_the_last_good_checkpoint()
    {
        string run = Path.Combine(_folder, "run");
        Outcome outcome = CommandLine.Run(["train", "--run-dir", run, .. CommandLine.Tiny, "trainer.total_training_steps=50", "lr=1e30"]);
        Assert.That(outcome.ExitCode, Is.EqualTo(5), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("actor.optim.lr"));
        Assert.That(Directory.Exists(Path.Combine(run, "checkpoints", "global_step_0")), Is.True);
    }

    [Test]
    public void A_truncated_model_file_is_named_with_what_is_wrong()
    {
        string run = Path.Combine(_folder, "run");
        Outcome trained = CommandLine.Run(["train", "--run-dir", run, .. CommandLine.Tiny, "trainer.total_training_steps=1"]);
        Assert.That(trained.ExitCode, Is.Zero, trained.Error);
        string model = Path.Combine(run, "checkpoints", "global_step_1", "actor", "huggingface");
        string weights = Path.Combine(model, "model.safetensors");
        using (FileStream file = File.OpenWrite(weights))
        {
            file.SetLength(file.Length - 100);
        }

        Outcome outcome = CommandLine.Run("eval", "model.path=" + model, "data.task=chain_sum", "data.max_prompt_length=64", "data.max_response_length=8");
        Assert.That(outcome.ExitCode, Is.EqualTo(3), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("model.safetensors"));

        File.Delete(Path.Combine(model, "tokenizer.json"));
        outcome = CommandLine.Run("eval", "model.path=" + model, "data.task=chain_sum");
        Assert.That(outcome.ExitCode, Is.EqualTo(3), outcome.Error);
        Assert.That(outcome.Error, Does.Contain("tokenizer.json"));
    }
}
