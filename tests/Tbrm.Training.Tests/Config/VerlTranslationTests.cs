using System.Collections.Generic;
using System.IO;
using System.Linq;
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
            ["actor.optim.lrr=1", "actor.megatron.seed=4", "qwertz.asdf=2", "trainer.seed=3"]))!;
        Assert.That(e.Message, Does.Contain("3 keys cannot be used"));
        Assert.That(e.Message, Does.Contain("there is no key actor.optim.lrr; did you mean actor.optim.lr?"));
        Assert.That(e.Message, Does.Contain("actor.megatron.seed=4: Megatron-LM is not used here"));
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
            ["actor_rollout_ref.rollout.name=vllm", "actor_rollout_ref.actor.fsdp_config.param_offload=True",
                "+trainer.seed=7",
                "actor_rollout_ref.rollout.gpu_memory_utilization=0.25", "ray_kwargs.x.y=z"],
                    notice: notices.Add);
        Assert.That(config.Trainer.Seed, Is.EqualTo(7));
        Assert.That(config.Rollout.MemoryUtilization, Is.EqualTo(0.25));
        Assert.That(notices, Has.Count.EqualTo(1));
        Assert.That(notices[0], Does.StartWith("3 of verl's keys have no effect here:"));
        Assert.That(notices[0], Does.Contain("rollout.name").And.Contain("ray_kwargs.x.y").And.Not.Contain("seed"));
    }

    /// <summary>A key under verl's name and this program's own is one key.</summary>
    [Test]
    public void Two_names_of_one_key_with_different_values_are_refused_and_the_command_line_wins_over_a_file()
    {
        foreach (string[] arguments in new string[][]
        {
            ["model.dtype=fp32", "actor_rollout_ref.model.torch_dtype=bfloat16"],
            ["data.max_response_length=8", "rollout.response_length=9"],
            ["model.torch_dtype=bf16", "actor.fsdp_config.dtype=float32"],
        })
        {
            Assert.That(() => ConfigLoader.Load([], arguments), Throws.TypeOf<ConfigException>()
                .With.Message.Contains("are one key here").And.Message.Contains("give it once"));
        }

        RunConfig same = ConfigLoader.Load([], ["model.dtype=bf16", "model.torch_dtype=bfloat16",
            "data.max_response_length=8", "rollout.response_length=8.0"]);
        Assert.That((same.Model.Dtype, same.Data.MaxResponseLength), Is.EqualTo(("bf16", 8)));
        RunConfig overFile = ConfigLoader.Load("default", ["rollout.response_length=9"]);
        Assert.That(overFile.Data.MaxResponseLength, Is.EqualTo(9).And.Not.EqualTo(
            ConfigLoader.Load("default", []).Data.MaxResponseLength));
    }

    [TestCase("rollout.tensor_model_parallel_size=8")]
    [TestCase("reward_model.enable=True")]
    [TestCase("actor.megatron.param_offload=True")]
    [TestCase("rollout.multi_turn.enable=True")]
    [TestCase("custom_reward_function.path=f.py")]
    [TestCase("actor.strategy=megatron")]
    [TestCase("rollout.ignore_eos=True")]
    [TestCase("critic.model.lora.dropout=0.1")]
    public void What_cannot_be_is_refused_with_the_reason(string argument)
    {
        ConfigException e = Assert.Throws<ConfigException>(() => ConfigLoader.Load([], [argument]))!;
        Assert.That(e.Message, Does.StartWith("command line: " + argument + ": "));
    }

    [TestCase("rollout.tensor_model_parallel_size=1")]
    [TestCase("reward_model.enable=False")]
    [TestCase("custom_reward_function.path=null")]
    [TestCase("actor.strategy=fsdp2")]
    [TestCase("critic.model.lora.rank=0")]
    [TestCase("critic.model.lora.alpha=16")]
    [TestCase("critic.model.lora.dropout=0")]
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

    /// <summary>What a script leaves unsaid is what verl's own configuration says, also where this program's default is
    /// another.</summary>
    [Test]
    public void Verls_defaults_hold_for_what_a_script_leaves_unsaid()
    {
        RunConfig config = Import("run.sh", "python3 -m verl.trainer.main_ppo actor_rollout_ref.model.path=m")
            .Resolve([]);
        Assert.That(config.Algorithm.Name, Is.EqualTo("ppo"));
        Assert.That((config.Data.TrainBatchSize, config.Actor.PpoMiniBatchSize, config.Actor.PpoEpochs),
            Is.EqualTo((1024, 256, 1)));
        Assert.That((config.Actor.Optim.Lr, config.Critic.Optim.Lr, config.Critic.CliprangeValue,
            config.Algorithm.Gamma, config.Algorithm.Lam), Is.EqualTo((1e-6, 1e-5, 0.5, 1.0, 1.0)));
        Assert.That((config.Actor.ClipRatioLow, config.Actor.ClipRatioHigh, config.Actor.ClipRatioC,
            config.Actor.EntropyCoeff, config.Actor.UseKlLoss), Is.EqualTo((0.2, 0.2, 3.0, 0.0, false)));
        Assert.That((config.Algorithm.UseKlInReward, config.Algorithm.KlCtrl.KlCoef,
            config.Algorithm.FilterGroups.Enable), Is.EqualTo((false, 0.001, false)));
        Assert.That((config.Critic.PpoEpochs, config.Critic.PpoMiniBatchSize, config.Critic.LossAggMode),
            Is.EqualTo((0, 0, "token-mean")), "as the actor's");
        Assert.That((config.Rollout.N, config.Data.MaxResponseLength, config.Trainer.TotalEpochs),
            Is.EqualTo((1, 512, 30)));
    }

    [Test]
    public void Keys_that_verls_code_passes_over_are_passed_over_and_said()
    {
        VerlImport gspo = Import("run.sh", """
            python3 -m verl.trainer.main_ppo actor_rollout_ref.model.path=m algorithm.adv_estimator=grpo actor_rollout_ref.actor.policy_loss.loss_mode=gspo \
                actor_rollout_ref.actor.loss_agg_mode=token-mean actor_rollout_ref.actor.clip_ratio=0.3
            """);
        RunConfig config = gspo.Resolve([]);
        Assert.That((config.Actor.LossAggMode, config.Critic.LossAggMode), Is.EqualTo(("", "token-mean")));
        Assert.That(gspo.Report(),
            Does.Contain("#   actor.loss_agg_mode=token-mean: verl's gspo aggregates in its own way"));
        Assert.That((config.Actor.ClipRatioLow, config.Actor.ClipRatioHigh), Is.EqualTo((0.2, 0.2)));
        Assert.That(gspo.Notes, Has.Some.Contains("clip_ratio_low and clip_ratio_high to 0.2, which go before it"));
        Assert.That(Import("run.sh",
            "python3 -m verl.trainer.main_ppo actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-sum")
            .Resolve([]).Critic.LossAggMode,
            Is.EqualTo("seq-mean-token-sum"), "the critic's follows the actor's");
    }

    [TestCase("algorithm.rollout_correction.rollout_rs=\\'token_k1,seq_max_k2\\'",
        "algorithm.rollout_correction.rollout_rs", "token_k1,seq_max_k2")]
    [TestCase("+data.apply_chat_template_kwargs.enable_thinking=False", "data.apply_chat_template_kwargs",
        "enable_thinking")]
    [TestCase("algorithm.filter_groups.metric=null", "algorithm.filter_groups.metric", "acc")]
    [TestCase("actor_rollout_ref.actor.clip_ratio_low=null", "actor.clip_ratio_low", "")]
    [TestCase("actor_rollout_ref.actor.fsdp_config.turbo.plan='{a.\\{*\\}:{},b}'", "trainer.project_name",
        "verl_examples")]
    public void Hydras_ways_of_writing_values_are_read(string argument, string key, string expected)
    {
        VerlImport import = Import(
            "run.sh",
            "python3 -m verl.trainer.main_ppo actor_rollout_ref.model.path=m "
                + "algorithm.rollout_correction.rollout_rs_threshold=\\'0.5_2.0,2.5\\' " + argument);
        Assert.That(import.Unknown, Is.Empty);
        object? value = ConfigSchema.Keys[key]
            .Aggregate((object?)import.Resolve(
            argument.Contains("rollout_rs", System.StringComparison.Ordinal) ? []
            : [ConfigEntry.FromArgument("algorithm.rollout_correction.rollout_rs_threshold=2.0")]),
            (at, property) => property.GetValue(at));
        Assert.That(value is Dictionary<string, string> map ? string.Join(',', map.Keys) : value?.ToString() ?? "",
            Is.EqualTo(expected));
    }

    [TestCase("algorithm.adv_estimator=grpo", "algorithm.name=tbrm", "tbrm")]
    [TestCase("algorithm.name=tbrm", "algorithm.adv_estimator=grpo", "grpo")]
    [TestCase("algorithm.name=gspo", "algorithm.adv_estimator=rloo", "gspo")]
    [TestCase("algorithm.name=", "algorithm.adv_estimator=rloo", "rloo")]
    public void Of_name_and_words_the_later_decides(string file, string argument, string expected)
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "words.yaml");
        string[] parts = file.Split('=');
        File.WriteAllText(path,
            $"algorithm: {{{parts[0]["algorithm.".Length..]}: '{parts[1]}'}}\nmodel: {{path: m}}\nrollout: {{'n': "
                + $"2}}\n");
        Assert.That(ConfigLoader.Load(path, [argument]).Algorithm.Name, Is.EqualTo(expected));
    }

    [Test]
    public void Null_leaves_a_numbers_default()
    {
        Assert.That(ConfigLoader.Load(
            [], ["model.path=m", "actor.optim.lr_warmup_steps=null"]).Actor.Optim.LrWarmupSteps,
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
            python3 -m verl.trainer.main_ppo actor_rollout_ref.actor.optim.lr=$lr actor_rollout_ref.actor.megatron.seed=2 \
                actor_rollout_ref.rollout.name=vllm actor_rollout_ref.rollout.gpu_memory_utilization=0.6 \
                data.nosuch=1 trainer.experiment_name=$(date) actor_rollout_ref.model.path=m
            """);
        string report = import.Report();
        foreach (string line in new[]
        {
            "# exact: 2", "#   actor.optim.lr=2e-6", "# derived: 1",
                "#   rollout.gpu_memory_utilization=0.6 -> rollout.memory_utilization",
            "# no effect: 1", "# refused: 1", "#   actor.megatron.seed=2: Megatron",
            "# not known: 1", "#   data.nosuch",
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
