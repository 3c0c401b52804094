using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Objectives.Estimators;

namespace Tbrm.Objectives.Tests;

/// <summary>From a configuration to an algorithm and its options.</summary>
public sealed class SelectionTests
{
    private static AlgorithmSelection Select(string name, string estimator = "", string loss = "") =>
        AlgorithmSelection.Of(new()
        {
            Algorithm = new() { Name = name, AdvEstimator = estimator },
            Actor = new() { PolicyLoss = new() { LossMode = loss, DroBeta = 0.1 } },
        });

    [Test]
    public void Every_name_and_every_spelling_is_unique()
    {
        string[] all = [.. AlgorithmTable.Entries.SelectMany(e => e.Aliases.Prepend(e.Name))];
        Assert.That(all, Is.Unique);
        Assert.That(all, Is.SupersetOf(
            new[] { "tbrm", "reval", "brm", "a_star_po", "oapl", "ppo", "grpo", "dr_grpo", "dapo", "rloo",
            "reinforce_plus_plus",
            "reinforce_plus_plus_baseline", "remax", "gspo", "cispo", "sapo", "geo_mean", "gpg", "clip_cov", "kl_cov",
                "dppo_tv", "dppo_kl", "dro",
            "kimi_opmd", "rebel", "tba_vargrad", "opo", "grpo_passk", "maxrl", "gdpo", "optimal_token_baseline" }));
        Assert.That(EstimatorTable.Names, Is.Unique);
    }

    [Test]
    public void Every_entry_can_be_selected_and_says_what_it_needs(
        [ValueSource(typeof(AlgorithmTable), nameof(AlgorithmTable.Names))] string name)
    {
        AlgorithmSelection selection = Select(name);
        Assert.That(selection.Needs.HasFlag(Needs.Advantages), Is.False, "an estimator gives them");
        Assert.That(selection.Estimator is not null, Is.EqualTo(selection.Entry.IsPolicyGradient));
        Assert.That(selection.Models, Is.EqualTo(name == "ppo" ? ["actor", "critic"] : new[] { "actor" }));
    }

    [TestCase("grpo", "", "grpo")]
    [TestCase("grpo", "gspo", "gspo")]
    [TestCase("", "gpg", "ppo")]
    [TestCase("gae", "", "ppo")]
    [TestCase("gpg", "gpg", "gpg")]
    [TestCase("rloo", "gspo", "rloo")]
    [TestCase("optimal_token_baseline", "", "optimal_token_baseline")]
    public void Verls_two_words_select_the_same_entries(string estimator, string loss, string expected) =>
        Assert.That(AlgorithmTable.FindByWords(estimator, loss).Name, Is.EqualTo(expected));

    [Test]
    public void The_words_go_before_the_entrys_own()
    {
        Assert.That(Select("grpo", "rloo").Estimator, Is.InstanceOf<RlooEstimator>());
        ObjectiveBatch batch = Batches.Random(2);
        Assert.That(Select("grpo", loss: "gspo").Objective.Evaluate(batch).Loss,
            Is.EqualTo(Select("gspo").Objective.Evaluate(batch).Loss)
                .And.Not.EqualTo(Select("grpo").Objective.Evaluate(batch).Loss));
        ConfigException e = Assert.Throws<ConfigException>(() => Select("tbrm", "grpo"))!;
        Assert.That(e.Message, Does.Contain("leave out algorithm.adv_estimator=grpo, or the name"));
    }

    [Test]
    public void An_entrys_own_defaults_hold_until_a_key_is_given()
    {
        ObjectiveBatch batch = Batches.Random(2) with { Weight = [] };
        double[] Advantages(AlgorithmConfig algorithm) =>
            AlgorithmSelection.Of(new() { Algorithm = algorithm }).Estimator!.Estimate(batch).Advantages;
        double[] plain = Advantages(new() { Name = "grpo", NormAdvByStdInGrpo = false });
        Assert.That(Advantages(new() { Name = "dr_grpo" }), Is.EqualTo(plain));
        Assert.That(Advantages(new() { Name = "grpo" }), Is.Not.EqualTo(plain));
        Assert.That(Advantages(new() { Name = "grpo", Options = new() { ["norm_adv_by_std_in_grpo"] = "false" } }),
            Is.EqualTo(plain));
    }

    [Test]
    public void Sections_reach_the_objective()
    {
        RunConfig config = new()
        {
            Algorithm = new()
            {
                Tbrm = new()
                {
                    Beta = 0.25,
                    LossScale = "reward",
                    DetachValue = true
                }
            }
        };
        Assert.That(AlgorithmSelection.Of(config).Objective.Fused,
            Is.EqualTo(new FusedKernel(false, 0.25, 0.0625, true, false)));
    }

    [Test]
    public void What_an_algorithm_has_no_use_for_is_refused()
    {
        ConfigException kl =
            Assert.Throws<ConfigException>(() =>
            AlgorithmSelection.Of(new() { Algorithm = new() { UseKlInReward = true } }))!;
        Assert.That(kl.Message, Does.Contain("algorithm.use_kl_in_reward has no meaning for algorithm.name=tbrm"));
    }

    [TestCase("tbrm", "actor.clip_ratio")]
    [TestCase("tbrm", "algorithm.gamma")]
    [TestCase("brm", "critic.cliprange_value")]
    [TestCase("grpo", "algorithm.tbrm.beta")]
    [TestCase("a_star_po", "algorithm.tbrm.beta")]
    [TestCase("oapl", "algorithm.tbrm.beta")]
    [TestCase("tbrm", "algorithm.a_star_po.beta2")]
    public void A_key_that_the_algorithm_has_no_use_for_is_refused(string name, string key)
    {
        ConfigException e = Assert.Throws<ConfigException>(
            () => AlgorithmKeys.Check(new() { Algorithm = new() { Name = name } }, [key]))!;
        Assert.That(e.Message, Does.Contain($"{key}: algorithm.name={name} has no use for it"));
    }

    [TestCase("tbrm", "algorithm.tbrm.beta")]
    [TestCase("grpo", "actor.clip_ratio")]
    [TestCase("grpo", "algorithm.gamma")]
    [TestCase("a_star_po", "algorithm.a_star_po.beta2")]
    [TestCase("a_star_po", "actor.entropy_coeff")]
    [TestCase("grpo", "algorithm.tbrm.truncation")]
    [TestCase("tbrm", "actor.optim.lr")]
    public void A_key_that_it_has_use_for_is_not(string name, string key) =>
        Assert.DoesNotThrow(() => AlgorithmKeys.Check(new() { Algorithm = new() { Name = name } }, [key]));
}
