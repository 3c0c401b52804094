using System.Collections.Generic;
using System.IO;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Config;
using Tbrm.Training.Config.Verl;

namespace Tbrm.Training.Tests.Config;

public sealed class VerlTranslationTests
{
    [Test]
    public void Every_key_that_cannot_be_used_is_named_in_one_message()
    {
        ConfigException e = Assert.Throws<ConfigException>(() => ConfigLoader.Load([],
            ["actor.optim.lrr=1", "trainer.nnodes=4", "qwertz.asdf=2", "trainer.seed=3"]))!;
        Assert.That(e.Message, Does.Contain("3 keys cannot be used"));
        Assert.That(e.Message, Does.Contain("there is no key actor.optim.lrr; did you mean actor.optim.lr?"));
        Assert.That(e.Message, Does.Contain("trainer.nnodes=4: one process on one machine"));
        Assert.That(e.Message, Does.Contain("there is no key qwertz.asdf (tbrm-native config lists them all)"));
    }

    [TestCase("trainer.n_gpus=1")]
    [TestCase("algorithm.xyzzy=1")]
    [TestCase("help=1")]
    public void A_name_that_is_near_to_nothing_gets_no_hint(string argument)
    {
        ConfigException e = Assert.Throws<ConfigException>(() => ConfigLoader.Load([], [argument]))!;
        Assert.That(e.Message, Does.Not.Contain("did you mean"));
    }

    [TestCase("trainer.total_training_step=1", "trainer.total_training_steps")]
    [TestCase("data.total_epochs=1", "trainer.total_epochs")]
    [TestCase("actr.optim.lr=1", "actor.optim.lr")]
    public void A_slip_gets_a_hint(string argument, string key)
    {
        ConfigException e = Assert.Throws<ConfigException>(() => ConfigLoader.Load([], [argument]))!;
        Assert.That(e.Message, Does.Contain($"did you mean {key}?"));
    }

    [Test]
    public void Keys_that_concern_another_engine_are_accepted_with_one_notice()
    {
        List<string> notices = [];
        RunConfig config = ConfigLoader.Load([],
            ["actor_rollout_ref.rollout.name=vllm", "actor_rollout_ref.actor.fsdp_config.param_offload=True", "+trainer.seed=7",
                "actor_rollout_ref.rollout.gpu_memory_utilization=0.25", "trainer.nnodes=1", "ray_kwargs.x.y=z"], notice: notices.Add);
        Assert.That(config.Trainer.Seed, Is.EqualTo(7));
        Assert.That(config.Rollout.MemoryUtilization, Is.EqualTo(0.25));
        Assert.That(notices, Has.Count.EqualTo(1));
        Assert.That(notices[0], Does.StartWith("4 of verl's keys have no effect here:"));
        Assert.That(notices[0], Does.Contain("rollout.name").And.Contain("ray_kwargs.x.y").And.Not.Contain("seed"));
    }

    [TestCase("rollout.tensor_model_parallel_size=8")]
    [TestCase("reward_model.enable=True")]
    [TestCase("actor.megatron.param_offload=True")]
    [TestCase("rollout.multi_turn.enable=True")]
    [TestCase("custom_reward_function.path=f.py")]
    [TestCase("actor.strategy=megatron")]
    [TestCase("rollout.ignore_eos=True")]
    public void What_cannot_be_is_refused_with_the_reason(string argument)
    {
        ConfigException e = Assert.Throws<ConfigException>(() => ConfigLoader.Load([], [argument]))!;
        Assert.That(e.Message, Does.StartWith("command line: " + argument + ": "));
    }

    [TestCase("rollout.tensor_model_parallel_size=1")]
    [TestCase("reward_model.enable=False")]
    [TestCase("custom_reward_function.path=null")]
    [TestCase("actor.strategy=fsdp2")]
    public void The_same_keys_are_accepted_where_they_ask_for_nothing(string argument)
    {
        Assert.That(() => ConfigLoader.Load([], [argument]), Throws.Nothing);
    }

    [Test]
    public void Metric_sinks_that_are_not_here_are_left_out_of_the_list()
    {
        RunConfig config = ConfigLoader.Load([], ["trainer.logger=[\"console\",\"wandb\"]"]);
        Assert.That(config.Trainer.Logger, Is.EqualTo(new[] { "console", "file", "tensorboard" }));
        Assert.That(() => ConfigLoader.Load([], ["trainer.logger=[console,nosuch]"]), Throws.TypeOf<ConfigException>());
    }

    [Test]
    public void Null_leaves_a_numbers_default()
    {
        Assert.That(ConfigLoader.Load([], ["model.path=m", "actor.optim.lr_warmup_steps=null"]).Actor.Optim.LrWarmupSteps,
            Is.EqualTo(new OptimConfig().LrWarmupSteps));
    }

    [Test]
    public void A_resolved_configuration_of_verls_is_read_with_its_references()
    {
        VerlImport import = Import("run.yaml", """
            actor_rollout_ref:
              actor:
                _target_: verl.workers.config.FSDPActorConfig
                optim: {lr: 3.0e-06, lr_warmup_steps: null}
                checkpoint: {save_contents: [model], load_contents: "${.save_contents}"}
              rollout: {name: vllm, "n": 4, response_length: "${oc.select:data.max_response_length,512}"}
            data: {max_response_length: 77, train_files: "${oc.env:HOME}/x"}
            """);
        RunConfig config = import.Resolve([]);
        Assert.That(config.Actor.Optim.Lr, Is.EqualTo(3e-6));
        Assert.That((config.Rollout.N, config.Data.MaxResponseLength), Is.EqualTo((4, 77)));
        Assert.That(import.Unknown, Is.Empty);
        Assert.That(import.Unresolved, Is.EqualTo(new[] { "data.train_files" }));
    }

    [Test]
    public void The_report_lists_every_key_once_and_stands_above_a_configuration_that_can_be_read()
    {
        VerlImport import = Import("run.sh", """
            lr=${ACTOR_LR:-2e-6}
            python3 -m verl.trainer.main_ppo actor_rollout_ref.actor.optim.lr=$lr trainer.nnodes=2 \
                actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.gpu_memory_utilization=0.6 \
                data.nosuch=1 trainer.experiment_name=$(date) actor_rollout_ref.model.path=m
            """);
        string report = import.Report();
        foreach (string line in new[]
        {
            "# exact: 2", "#   actor.optim.lr=2e-6", "# derived: 1", "#   rollout.gpu_memory_utilization=0.6 -> rollout.memory_utilization",
            "# no effect: 1", "# refused: 1", "#   trainer.nnodes=2: one process", "# not known: 1", "#   data.nosuch",
            "# value not known without running the script, left at its default: 1", "#   trainer.experiment_name",
        })
        {
            Assert.That(report, Does.Contain(line));
        }

        RunConfig config = ConfigLoader.FromYaml(report + ConfigWriter.ToYaml(import.Resolve([])), "out.yaml");
        Assert.That(config.Actor.Optim.Lr, Is.EqualTo(2e-6));
        Assert.That(config.Data.TrainBatchSize, Is.EqualTo(1024), "verl's default");
    }

    private static VerlImport Import(string name, string text)
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, name);
        File.WriteAllText(path, text);
        return VerlImport.Read(path);
    }
}
