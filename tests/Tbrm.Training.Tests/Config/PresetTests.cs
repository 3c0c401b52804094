using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Objectives;
using Tbrm.Training.Config;

namespace Tbrm.Training.Tests.Config;

/// <summary>The presets hold what their papers say, key by key.</summary>
public sealed class PresetTests
{
    private const string Main =
        "data.train_batch_size=128 data.max_response_length=2048 data.template=qwen-math data.shape=dapo "
            + "data.dedup=True rollout.temperature=1 rollout.top_p=1 "
        + "rollout.val_kwargs.max_response_length=3072 reward.grader=math_verify trainer.total_training_steps=760 "
        + "actor.grad_clip=1 actor.optim.weight_decay=0.01 "
        + "actor.optim.lr_scheduler_type=constant ref.reset_steps=0 model.dtype=bf16 ";

    private const string Tbrm =
        "algorithm.name=tbrm algorithm.tbrm.beta=0.002 algorithm.tbrm.loss_scale=nats algorithm.tbrm.truncation=keep "
            + "actor.ppo_mini_batch_size=0 ";
    private const string Ppo = Main
        + "algorithm.name=ppo rollout.n=1 actor.optim.lr=1E-06 critic.optim.lr=1E-05 actor.clip_ratio=0.2 "
        + "algorithm.use_kl_in_reward=True "
        + "algorithm.kl_ctrl.kl_coef=0.001 actor.entropy_coeff=0.001 actor.use_kl_loss=False algorithm.gamma=1 "
        + "algorithm.lam=1 critic.cliprange_value=0.5 ";

    private const string GrpoLoss =
        "algorithm.name=grpo actor.optim.lr=1E-06 algorithm.norm_adv_by_std_in_grpo=True actor.entropy_coeff=0 "
            + "algorithm.use_kl_in_reward=False ";
    private const string GrpoKl =
        "actor.clip_ratio=0.2 actor.use_kl_loss=True actor.kl_loss_coef=0.001 actor.kl_loss_type=low_var_kl ";
    private const string Graph =
        "data.train_batch_size=1024 rollout.n=4 trainer.total_training_steps=100 data.train_max_samples=10000 "
            + "data.task_val_size=500 rollout.val_kwargs.do_sample=False "
        + "reward.grader=auto reward.answer_form=text model.path=Qwen2.5-Math-1.5B ";

    private const string Reval =
        "algorithm.name=reval data.train_batch_size=128 rollout.n=8 replay.capacity=5120 replay.updates=2 "
            + "replay.order=uniform actor.ppo_epochs=1 actor.ppo_mini_batch_size=0 actor.optim.lr=1E-06 "
            + "data.max_response_length=8192 "
        + "trainer.total_training_steps=650 trainer.test_freq=10 rollout.val_kwargs.n=16 actor.entropy_coeff=0 "
        + "actor.use_kl_loss=False rollout.temperature=1 ";

    private static readonly Dictionary<string, string> s_expected = new()
    {
        ["default"] =
            "algorithm.name=tbrm data.task=chain_sum algorithm.tbrm.beta=0.05 critic.optim.lr=0.001 "
                + "algorithm.a_star_po.beta2=0.05",
        ["paper-1.5b-n1"] = Main + Tbrm + "rollout.n=1 actor.optim.lr=2.5E-06 model.path=Qwen2.5-Math-1.5B",
        ["paper-1.5b-n4"] = Main + Tbrm + "rollout.n=4 actor.optim.lr=2.5E-06 model.path=Qwen2.5-Math-1.5B",
        ["paper-7b-n1"] = Main + Tbrm + "rollout.n=1 actor.optim.lr=2E-06 model.path=Qwen2.5-Math-7B",
        ["paper-7b-n4"] = Main + Tbrm + "rollout.n=4 actor.optim.lr=2.5E-06 model.path=Qwen2.5-Math-7B",
        ["paper-1.5b-ppo"] = Ppo + "model.path=Qwen2.5-Math-1.5B",
        ["paper-7b-ppo"] = Ppo + "model.path=Qwen2.5-Math-7B",
        ["paper-1.5b-grpo"] = Main + GrpoLoss + GrpoKl + "rollout.n=4 model.path=Qwen2.5-Math-1.5B",
        ["paper-7b-grpo"] = Main + GrpoLoss + GrpoKl + "rollout.n=4 model.path=Qwen2.5-Math-7B",
        ["paper-graph-tasks"] = Graph + Tbrm + "actor.optim.lr=2.5E-06",
        ["paper-graph-tasks-grpo"] = Graph + GrpoLoss + GrpoKl,
        ["paper-7b-n16"] = Tbrm
            + "data.train_batch_size=512 rollout.n=16 trainer.total_training_steps=100 actor.optim.lr=2.5E-06 "
            + "model.path=Qwen2.5-Math-7B data.template=qwen-math",
        ["paper-7b-grpo-n16"] = GrpoLoss
            + "data.train_batch_size=512 rollout.n=16 trainer.total_training_steps=100 actor.ppo_mini_batch_size=32 "
            + "actor.clip_ratio_low=0.2 actor.clip_ratio_high=0.28 "
            + "actor.use_kl_loss=False actor.loss_agg_mode=token-mean actor.optim.weight_decay=0.1 "
            + "actor.optim.lr_warmup_steps=10 model.path=Qwen2.5-Math-7B algorithm.filter_groups.enable=False",
        ["paper-r1-template"] = Main.Replace("qwen-math", "deepseek-r1", StringComparison.Ordinal) + Tbrm
            + "rollout.n=1 actor.optim.lr=2.5E-06",
        ["reval-1.5b"] = Reval
            + "algorithm.tbrm.beta=0.002 algorithm.tbrm.reward_normalization=none ref.reset_steps=0 "
            + "model.path=DeepSeek-R1-Distill-Qwen-1.5B",
        ["reval-7b"] = Reval
            + "algorithm.tbrm.beta=0.02 algorithm.tbrm.reward_normalization=group_mean ref.reset_steps=200 "
            + "model.path=Qwen2.5-Math-7B data.template=qwen-math",
        ["a-star-po"] =
            "algorithm.name=a_star_po algorithm.a_star_po.beta1=0.5 algorithm.a_star_po.beta2=0.001 "
                + "algorithm.a_star_po.num_gen_to_use=8 algorithm.a_star_po.filter_incorrect=False "
            + "data.train_batch_size=256 actor.ppo_mini_batch_size=128 rollout.n=1 actor.optim.lr=1E-06 "
            + "actor.entropy_coeff=0.001 data.max_prompt_length=256 data.max_response_length=1024 "
            + "trainer.total_epochs=25 trainer.total_training_steps=-1 trainer.test_freq=50 data.template=none "
            + "algorithm.tbrm.truncation=zero_reward actor.grad_clip=1 actor.optim.weight_decay=0.01",
    };

    [Test]
    public void Every_preset_is_covered() =>
        Assert.That(EmbeddedPresets.Runs.Select(p => p.Name), Is.EquivalentTo(s_expected.Keys));

    [TestCaseSource(nameof(Names))]
    public void A_preset_holds_its_papers_numbers(string name)
    {
        RunConfig config = ConfigLoader.Load(name, []);
        foreach (string fact in s_expected[name].Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = fact.Split('=');
            Assert.That(Value(config, parts[0]), Is.EqualTo(parts[1]), parts[0]);
        }
    }

    /// <summary>A key of a preset that its algorithm does not read would promise what does not happen; the default has
    /// some for algorithm.name=ppo and a_star_po.</summary>
    [TestCaseSource(nameof(PaperNames))]
    public void A_preset_has_no_key_without_use(string name)
    {
        IEnumerable<string> keys =
            EmbeddedPresets.Runs.Single(p => p.Name == name).Entries.Select(e => ConfigSchema.Canonical(e.Path));
        Assert.That(() => AlgorithmKeys.Check(ConfigLoader.Load(name, []), keys), Throws.Nothing);
    }

    [TestCaseSource(nameof(Names))]
    public void A_preset_begins_with_a_sentence_that_fits_a_line(string name) =>
        Assert.That(EmbeddedPresets.Runs.Single(p => p.Name == name).Summary, Has.Length.InRange(20, 180));

    private static IEnumerable<string> Names() => EmbeddedPresets.Runs.Select(p => p.Name);

    private static IEnumerable<string> PaperNames() => Names().Where(n => n != ConfigLoader.DefaultPreset);

    private static string Value(RunConfig config, string key)
    {
        object? value = ConfigSchema.Keys[key].Aggregate((object?)config, (at, property) => property.GetValue(at));
        return Convert.ToString(value, CultureInfo.InvariantCulture)!;
    }
}
