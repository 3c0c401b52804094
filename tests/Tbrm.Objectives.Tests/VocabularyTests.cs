using System;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Objectives.Estimators;
using Tbrm.Objectives.PolicyGradient;
using Tbrm.Objectives.Rows;

namespace Tbrm.Objectives.Tests;

/// <summary>Names that other engines' users and suites bring, and what they give.</summary>
public sealed class VocabularyTests
{
    private static JsonObject Evaluate(string row) => ObjectiveRow.Evaluate((JsonObject)JsonNode.Parse(row)!, "row 1");

    private static double[] Numbers(JsonNode? rows) =>
        [.. rows!.AsArray().SelectMany(r => r!.AsArray()).Select(n => (double)n!)];

    /// <summary>verl's registry of estimators and losses (core_algos.py, commit 1dda039b).</summary>
    [TestCase(
        "gae grpo reinforce_plus_plus reinforce_plus_plus_baseline remax rloo opo grpo_passk gpg rloo_vectorized "
            + "grpo_vectorized optimal_token_baseline tir_optimal_token_baseline gdpo")]
    public void Every_estimator_of_verls_is_there(string names) =>
        Assert.That(names.Split(' ').Select(n => EstimatorTable.Find(n)), Is.All.Not.Null);

    [TestCase("vanilla dppo_tv dppo_kl gspo sapo gpg clip_cov kl_cov geo_mean dro cispo bypass_mode")]
    public void Every_policy_loss_of_verls_is_there(string names) =>
        Assert.That(PolicyLosses.Names, Is.EquivalentTo(names.Split(' ')));

    [Test]
    public void The_prompts_mean_weighs_prompts_alike()
    {
        JsonObject answer = Evaluate(
            """{"estimator": "agg_loss", "params": {"loss_agg_mode": "prompt-mean"}, "loss_mat": [[1, 2], [3], [4], [9]], "mask": [[1, 1], [1], [1], [0]], "group": [7, 7, 2, 5]}""");
        Assert.That((double)answer["loss"]!, Is.EqualTo(3).Within(1e-15),
            "(1 + 2 + 3) / 3 and 4; the prompt without a row that counts is none");
        Assert.That(Numbers(answer["d_loss_mat"]),
            Is.EqualTo(new[] { 1 / 6.0, 1 / 6.0, 1 / 6.0, 0.5, 0 }).Within(1e-15));
        Assert.That(() => Evaluate(
            """{"estimator": "agg_loss", "params": {"loss_agg_mode": "prompt-mean"}, "loss_mat": [[1, 2]]}"""),
                Throws.TypeOf<DataException>().With.Message.Contains("group"));
    }

    [Test]
    public void Metrics_of_the_rollouts_weights_have_both_names()
    {
        JsonNode metrics = Evaluate(
            """{"estimator": "rollout_is", "params": {"rollout_is": "token"}, "old_logp": [[-1, -2]], "rollout_logp": [[-1.1, -1.9]]}""")["metrics"]!;
        double mean = (Math.Exp(0.1) + Math.Exp(-0.1)) / 2;
        Assert.That((double)metrics["rollout_is_mean"]!, Is.EqualTo(mean).Within(1e-15));
        Assert.That((double)metrics["rollout_corr/rollout_is_mean"]!, Is.EqualTo((double)metrics["rollout_is_mean"]!));
    }

    [TestCase("cispo")]
    [TestCase("gspo")]
    [TestCase("ppo")]
    public void A_loss_may_be_anchored_on_the_rollouts_log_probs(string name)
    {
        const string Rest = "\"logp\": [[-1, -2, -0.5]], \"advantages\": [[1, -1, 0.5]]";
        JsonObject bypass = Evaluate(
            $$"""{"algorithm": "{{name}}", "params": {"bypass_mode": true}, {{Rest}}, "rollout_logp": [[-1.4, -1.9, -0.7]], "old_logp": [[-9, -9, -9]]}""");
        JsonObject plain = Evaluate(
            $$"""{"algorithm": "{{name}}", "params": {}, {{Rest}}, "old_logp": [[-1.4, -1.9, -0.7]]}""");
        Assert.That(bypass["loss"]!.ToJsonString(), Is.EqualTo(plain["loss"]!.ToJsonString()));
        Assert.That(Numbers(bypass["d_logp"]), Is.EqualTo(Numbers(plain["d_logp"])));
    }

    [Test]
    public void Bypass_modes_reinforce_weighs_by_the_present_policy_over_the_rollouts()
    {
        JsonObject answer = Evaluate(
            """{"algorithm": "ppo", "params": {"bypass_mode": true, "loss_type": "reinforce", "rollout_is": "token", "rollout_is_threshold": "1.5"}, "logp": [[-1, -2]], "rollout_logp": [[-1.1, -3]], "advantages": [[2, -1]]}""");
        double[] weights = [Math.Exp(0.1), 1.5];
        Assert.That(Numbers(answer["d_logp"]), Is.EqualTo(new[] { -weights[0] * 2 / 2, weights[1] / 2 }).Within(1e-14));
        Assert.That((double)answer["loss"]!, Is.EqualTo((-weights[0] * 2 * -1 + weights[1] * -2) / 2).Within(1e-14));
        Assert.That((double)answer["metrics"]!["rollout_corr/rollout_is_mean"]!,
            Is.EqualTo(weights.Average()).Within(1e-14));
    }

    [Test]
    public void Bypass_mode_with_rejection_leaves_no_gradient_where_policies_differ()
    {
        JsonObject answer = Evaluate(
            """{"algorithm": "bypass_mode", "params": {"rollout_rs": "token_k1", "rollout_rs_threshold": "0.5_2.0"}, "logp": [[-1, -2]], "rollout_logp": [[-1.1, -3]], "advantages": [[1, 1]]}""");
        double[] gradient = Numbers(answer["d_logp"]);
        Assert.That(gradient[0], Is.EqualTo(-Math.Exp(0.1) / 2).Within(1e-14),
            "the clipped surrogate within its bounds, a half of the mean over two tokens");
        Assert.That(gradient[1], Is.Zero);
    }

    [Test]
    public void In_training_bypass_mode_is_the_losses_own_correction()
    {
        RolloutCorrectionConfig correction = new() { BypassMode = true, LossType = "reinforce", RolloutIs = "token" };
        AlgorithmSelection selection =
            AlgorithmSelection.Of(new() { Algorithm = new() { Name = "grpo", RolloutCorrection = correction } });
        Assert.That((selection.IsBypass, selection.Correction.IsActive, selection.Needs.HasFlag(Needs.WholeBatch)),
            Is.EqualTo((true, false, true)));
        AlgorithmSelection gspo =
            AlgorithmSelection.Of(
            new()
            {
                Algorithm = new()
                {
                    Name = "gspo",
                    RolloutCorrection = correction with { LossType = "ppo_clip" }
                }
            });
        Assert.That((gspo.IsBypass, gspo.Correction.IsActive), Is.EqualTo((true, true)),
            "another loss keeps the step's weights");
        ConfigException e = Assert.Throws<ConfigException>(
            () => AlgorithmSelection.Of(
            new() { Algorithm = new() { Name = "gspo", RolloutCorrection = correction } }))!;
        Assert.That(e.Message,
            Does.Contain("loss_type=reinforce is a loss of bypass_mode=true with the plain policy loss"));
    }

    [TestCase("""{"algorithm": "nosuch", "logp": [[-1]], "rewards": [1]}""", "there is no algorithm 'nosuch'")]
    [TestCase("""{"estimator": "grpoo", "logp": [[-1]], "rewards": [1]}""", "did you mean 'grpo'")]
    [TestCase(
        """{"algorithm": "ppo", "params": {"loss_agg_mode": "token_mean"}, "logp": [[-1]], "old_logp": [[-1]], "advantages": [[1]]}""",
        "token-mean")]
    public void Another_name_is_refused_with_those_there_are(string row, string expected)
    {
        Exception e = Assert.Catch(() => Evaluate(row))!;
        Assert.That(e.Message, Does.Contain(expected));
    }
}
