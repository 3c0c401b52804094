using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Testing;
using Tbrm.Training.Config;
using Tbrm.Training.Config.Verl;

namespace Tbrm.Training.Tests.Config;

/// <summary>The keys of verl's run scripts: each is classed, and stays in its class.</summary>
public sealed class VerlKeysTests
{
    private sealed record Row(string Key, string Value, int Scripts, string Use, string Target);

    private static readonly Row[] s_rows =
        [.. File.ReadLines(Repository.PathOf("tests", "Tbrm.Training.Tests", "Golden", "verl_keys.tsv"))
        .Where(l => l.Length > 0 && l[0] != '#').Select(l => l.Split('\t'))
        .Select(f => new Row(f[0], f[1], int.Parse(f[2], CultureInfo.InvariantCulture), f[3],
            f.Length > 4 ? f[4] : ""))];

    [Test]
    public void Every_key_keeps_what_becomes_of_it()
    {
        List<string> differences = [];
        foreach (Row row in s_rows)
        {
            VerlTranslation translation = VerlTranslation.Of([ConfigEntry.FromArgument($"{row.Key}={row.Value}")]);
            VerlKey? found = translation.Keys.Count > 0 ? translation.Keys[0] : null;
            string use = found is null ? "not known" : Word(found.Use), target = found?.Use == VerlUse.Derived
                ? found.Text : "";
            if (use != row.Use || target != row.Target)
            {
                differences.Add($"{row.Key}={row.Value}: expected {row.Use} {row.Target}, found {use} {target}");
            }
        }

        Assert.That(differences, Is.Empty);
    }

    /// <summary>The numbers that docs/guide/verl.md states.</summary>
    [Test]
    public void The_counts_are_those_of_the_document()
    {
        string document = File.ReadAllText(Repository.PathOf("docs", "guide", "verl.md"));
        Assert.That(s_rows, Has.Length.EqualTo(311));
        foreach (IGrouping<string, Row> use in s_rows.GroupBy(r => r.Use))
        {
            Assert.That(document,
                Does.Contain(string.Create(
                CultureInfo.InvariantCulture, $"| {use.Key} | {use.Count()} | {use.Sum(r => r.Scripts):N0} |")),
                use.Key);
        }
    }

    /// <summary>A key that takes a value is one of this program's, and every rule names a known use.</summary>
    [Test]
    public void A_derived_key_goes_to_a_key_that_exists() =>
        Assert.That(s_rows.Where(r => r.Target.Length > 0).Select(r => r.Target)
            .Where(t => !ConfigSchema.Keys.ContainsKey(t)), Is.Empty);

    [TestCase("actor.policy_loss.tau_pos=0.5", "actor.tau_pos")]
    [TestCase("custom_reward_function.overlong_buffer.len=16", "reward.overlong_buffer.len")]
    [TestCase("critic.optim.warmup_style=cosine", "critic.optim.lr_scheduler_type")]
    public void A_derived_key_takes_effect(string argument, string key)
    {
        RunConfig config = ConfigLoader.Load([], ["model.path=m", "algorithm.name=ppo", argument]);
        object? value = ConfigSchema.Keys[key].Aggregate((object?)config, (at, property) => property.GetValue(at));
        Assert.That(Convert.ToString(value, CultureInfo.InvariantCulture),
            Is.EqualTo(argument[(argument.IndexOf('=', StringComparison.Ordinal) + 1)..]));
    }

    [TestCase("actor.use_token_level_loss=False", "actor.loss_agg_mode=seq-mean-token-mean")]
    [TestCase("model_engine=megatron", "use verl's dp")]
    [TestCase("config-name=ppo_megatron_trainer.yaml", "use a script of its FSDP backend")]
    [TestCase("actor.optim.override_optimizer_config.optimizer_cpu_offload=True", "AdamW")]
    public void What_asks_for_something_else_is_refused_with_the_reason(string argument, string reason)
    {
        VerlTranslation translation = VerlTranslation.Of([ConfigEntry.FromArgument(argument)]);
        Assert.That(translation.Keys.Single().Use, Is.EqualTo(VerlUse.Refused));
        Assert.That(translation.Refused.Single(), Does.Contain(reason));
    }

    [TestCase("algorithm.gdpo_reward_keys=[acc]", "parts of the reward for adv_estimator=gdpo")]
    [TestCase("algorithm.gdpo_reward_weights=[1,2]", "has no use for it")]
    [TestCase("actor.policy_loss.loss_mode=nosuch", "loss_mode: expected one of")]
    public void What_has_no_use_is_refused_in_training(string argument, string reason) =>
        Assert.That(() => ConfigLoader.Load([], ["model.path=m", "rollout.n=4", argument]),
            Throws.TypeOf<ConfigException>().With.Message.Contains(reason));

    private static string Word(VerlUse use) =>
        use switch
        {
            VerlUse.Exact => "exact",
            VerlUse.Derived => "derived",
            VerlUse.NoEffect => "no effect",
            _ => "refused"
        };
}
