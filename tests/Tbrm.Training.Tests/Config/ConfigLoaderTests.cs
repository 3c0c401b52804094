using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Config;

namespace Tbrm.Training.Tests.Config;

public sealed class ConfigLoaderTests
{
    [Test]
    public void The_command_line_wins_over_the_file_and_the_file_over_the_defaults()
    {
        string file = Path.Combine(TestContext.CurrentContext.WorkDirectory, "config.yaml");
        File.WriteAllText(file, "rollout:\n  n: 4\n  temperature: 0.7\n");
        RunConfig config = ConfigLoader.Load(file, ["rollout.temperature=0.9"]);
        Assert.That(config.Rollout.N, Is.EqualTo(4));
        Assert.That(config.Rollout.Temperature, Is.EqualTo(0.9));
        Assert.That(config.Rollout.TopP, Is.EqualTo(new RolloutConfig().TopP));
    }

    [Test]
    public void A_supervised_run_saves_and_tests_by_its_own_defaults_unless_a_file_or_the_command_line_says_otherwise()
    {
        string file = Path.Combine(TestContext.CurrentContext.WorkDirectory, "sft.yaml");
        File.WriteAllText(file, "trainer:\n  save_freq: 7\n");
        Assert.That(Frequencies(null), Is.EqualTo((250L, 250L)), "the default preset");
        Assert.That(Frequencies(null, "model.path=m"), Is.EqualTo((250L, 250L)));
        Assert.That(Frequencies(null, "model.path=m", "trainer.save_freq=3"), Is.EqualTo((3L, 250L)));
        Assert.That(Frequencies(file, "model.path=m"), Is.EqualTo((7L, 250L)));

        static (long Save, long Test) Frequencies(string? from, params string[] arguments)
        {
            TrainerConfig trainer =
                ConfigLoader.Load(from, arguments, verbDefaults: EmbeddedPresets.SftDefaults.Entries).Trainer;
            return (trainer.SaveFreq, trainer.TestFreq);
        }
    }

    [Test]
    public void Every_key_survives_being_written_and_read()
    {
        foreach (string preset in ConfigLoader.Presets)
        {
            RunConfig config = ConfigLoader.Load(
                preset, ["data.system_prompt=Say: \"no\" # twice", "actor.optim.lr=1e-07", "rollout.stop=[a b, '}']"]);
            string yaml = ConfigWriter.ToYaml(config);
            Assert.That(ConfigWriter.ToYaml(ConfigLoader.FromYaml(yaml, "test")), Is.EqualTo(yaml), preset);
            Assert.That(ConfigLoader.FromYaml(yaml, "test").Rollout.Stop, Is.EqualTo(new[] { "a b", "}" }));
        }
    }

    [TestCase("actor.optim.lrr=1", "actor.optim.lr")]
    [TestCase("temprature=1", "rollout.temperature")]
    [TestCase("model.pth=x", "model.path")]
    public void An_unknown_key_is_an_error_that_names_the_nearest(string argument, string nearest)
    {
        ConfigException e = Assert.Throws<ConfigException>(() => ConfigLoader.Load([], [argument]))!;
        Assert.That(e.Message, Does.Contain(nearest).And.Contain("command line"));
    }

    [TestCase("beta=-0.1", "more than 0")]
    [TestCase("beta=0", "more than 0")]
    [TestCase("beta=nan", "a number")]
    [TestCase("rollout.n=1.5", "a whole number")]
    [TestCase("rollout.n=99999999999999999999", "a whole number")]
    [TestCase("actor.fused_residual=maybe", "true or false")]
    [TestCase("algorithm.name=tbrn", "did you mean 'tbrm'?")]
    [TestCase("data.train_files={a: b}", "a single value")]
    public void A_value_that_does_not_fit_is_an_error_that_says_what_would(string argument, string expected)
    {
        ConfigException e = Assert.Throws<ConfigException>(() => ConfigLoader.Load([], [argument]))!;
        Assert.That(e.Message, Does.Contain(expected));
        Assert.That(e.ExitCode, Is.EqualTo(ExitCode.Config));
    }

    [Test]
    public void An_error_in_a_file_says_which_line()
    {
        ConfigException e = Assert.Throws<ConfigException>(
            () => ConfigLoader.Bind(ConfigEntry.FromYaml("trainer:\n  seed: 1\n  sed: 2\n", "my.yaml")))!;
        Assert.That(e.Message, Does.StartWith("my.yaml:3:").And.Contain("trainer.seed"));
    }

    [Test]
    public void Verls_prefix_and_the_short_names_are_the_same_keys()
    {
        IReadOnlyList<string> arguments = ["actor_rollout_ref.actor.optim.lr=1e-3", "+rollout.n=2", "--steps=7"];
        RunConfig config = ConfigLoader.Load([], arguments);
        Assert.That(config.Actor.Optim.Lr, Is.EqualTo(1e-3));
        Assert.That(config.Rollout.N, Is.EqualTo(2));
        Assert.That(config.Trainer.TotalTrainingSteps, Is.EqualTo(7));
    }

    [Test]
    public void Keys_that_contradict_each_other_are_refused()
    {
        Assert.Throws<ConfigException>(() => ConfigLoader.Load([], ["data.train_files=[x.jsonl]"]), "a task and files");
        Assert.Throws<ConfigException>(() => ConfigLoader.Load([], ["rollout.temperature=0"]), "n greedy samples");
        Assert.Throws<ConfigException>(() =>
            ConfigLoader.Load([], ["n=1", "algorithm.tbrm.reward_normalization=group_mean"]));
    }

    [Test]
    public void Every_key_has_a_default_within_its_own_range()
    {
        string yaml = ConfigWriter.ToYaml(new RunConfig());
        Assert.That(ConfigWriter.ToYaml(ConfigLoader.FromYaml(yaml, "defaults")), Is.EqualTo(yaml));
        Assert.That(ConfigSchema.Keys.Keys.Count(), Is.GreaterThan(60));
    }
}
