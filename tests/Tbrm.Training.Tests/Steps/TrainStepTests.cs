using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Logprob;
using Tbrm.Objectives;
using Tbrm.Training.Metrics;
using Tbrm.Training.Progress;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Tests.Steps;

/// <summary>Which stages a step has, and what it tells of them.</summary>
public sealed class TrainStepTests
{
    [Test]
    public void Tbrm_has_no_old_log_probs_no_values_no_advantages()
    {
        (MetricSet metrics, FakePolicy policy, _) = Step("tbrm");
        Assert.That(Timers(metrics), Is.EqualTo(new[] { "gen", "ref", "reward", "update_actor" }));
        Assert.That(policy.Calls.Count(c => c == "fused"), Is.EqualTo(1));
        Assert.That(metrics.Names,
            Does.Contain("actor/tbrm_loss").And.Contain("actor/residual/mean").And.Contain("actor/v_s1/mean")
            .And.Contain("actor/logprob_ratio_ref/mean").And.Not.Contain("critic/advantages/mean").And.Not.Contain(
                "critic/values/mean"));
    }

    [Test]
    public void Grpo_asks_the_reference_only_for_a_kl()
    {
        (MetricSet plain, FakePolicy policy, _) = Step("grpo");
        Assert.That(Timers(plain), Is.EqualTo(new[] { "adv", "gen", "reward", "update_actor" }));
        Assert.That(policy.Calls, Has.None.EqualTo("fused"));
        Assert.That(plain.Names,
            Does.Contain("actor/pg_loss").And.Contain("actor/loss").And.Contain(
            "critic/advantages/max").And.Not.Contain("actor/residual/mean")
            .And.Not.Contain("critic/values/mean").And.Not.Contain("critic/vf_explained_var"));
        Assert.That(Timers(Step("grpo", "actor.use_kl_loss=true").Metrics), Does.Contain("ref"));
        (MetricSet penalized, _, _) = Step("grpo", "algorithm.use_kl_in_reward=true");
        Assert.That(Timers(penalized), Does.Contain("ref"));
        Assert.That(penalized["actor/reward_kl_penalty_coeff"], Is.EqualTo(0.001));
    }

    [Test]
    public void Old_log_probs_are_a_pass_only_where_the_rollout_has_other_bits_and_several_updates_follow()
    {
        string[] several = ["actor.ppo_epochs=2"];
        Assert.That(Timers(Step("grpo", isRolloutExact: false, several).Metrics), Does.Contain("old_log_prob"));
        Assert.That(Timers(Step("grpo", isRolloutExact: true, several).Metrics), Does.Not.Contain("old_log_prob"));
        Assert.That(Timers(Step("grpo", isRolloutExact: false).Metrics), Does.Not.Contain("old_log_prob"),
            "a single update has them itself");
        Assert.That(Timers(Step("grpo", isRolloutExact: false, "algorithm.use_kl_in_reward=true").Metrics),
            Does.Contain("old_log_prob"));
        Assert.That(Timers(Step("tbrm", isRolloutExact: true, "algorithm.tbrm.iterative=true").Metrics),
            Does.Contain("old_log_prob"), "for V(s_1) before the updates");
    }

    [TestCase(true)]
    [TestCase(false)]
    public void The_rollouts_log_probs_and_a_pass_are_the_same_step(bool isKlInReward)
    {
        string[] arguments = ["actor.ppo_epochs=2", $"algorithm.use_kl_in_reward={(isKlInReward ? "true" : "false")}"];
        (MetricSet exact, FakePolicy a, _) = Step("grpo", isRolloutExact: true, arguments);
        (MetricSet pass, FakePolicy b, _) = Step("grpo", isRolloutExact: false, arguments);
        Assert.That(a.Updates[^1], Is.EqualTo(b.Updates[^1]));
        Assert.That(exact["actor/loss"], Is.EqualTo(pass["actor/loss"]));
        Assert.That(exact["training/rollout_probs_diff_max"], Is.Zero,
            "told of the weights that were sampled from, not of later ones");
    }

    [Test]
    public void Ppo_has_values_and_a_critic_that_is_updated_first()
    {
        (MetricSet metrics, FakePolicy policy, FakeCritic critic) =
            Step("ppo", "actor.ppo_mini_batch_size=2", "critic.ppo_epochs=2");
        Assert.That(Timers(metrics),
            Is.EqualTo(new[] { "adv", "gen", "reward", "update_actor", "update_critic", "values" }));
        Assert.That(policy.Updates, Has.Count.EqualTo(2), "4 prompts in two mini-batches");
        Assert.That(critic.Calls.Count(c => c == "update"), Is.EqualTo(4), "the same, twice");
        Assert.That(metrics.Names,
            Does.Contain("critic/vf_loss").And.Contain("critic/vf_explained_var").And.Contain("critic/values/mean")
            .And.Contain("critic/returns/max").And.Contain("critic/grad_norm").And.Contain("critic/lr"));
        Assert.That(metrics["critic/values/mean"], Is.Zero, "values before the update");
    }

    /// <summary>The weights of its baseline come from one more pass, at half the temperature.</summary>
    [Test]
    public void The_optimal_token_baseline_is_told_how_sharp_the_policy_was()
    {
        (MetricSet metrics, FakePolicy policy, _) = Step("optimal_token_baseline", "rollout.temperature=0.8");
        Assert.That(Timers(metrics), Is.EqualTo(new[] { "adv", "gen", "old_log_prob", "reward", "update_actor" }));
        Assert.That(policy.Updates.Single().Cast<double>(), Has.Some.Not.Zero);

        const float temperature = 0.8f;
        TrajectoryBatch batch = new([Make.Trajectory(0, 3), Make.Trajectory(1, 2)], Make.Scores(0, 1), Config("grpo"));
        FakePolicy fresh = new();
        Scores Score(PackedBatch packed, float t) => fresh.LogProb(packed, t);
        double[] logp = ForwardPass.LogProb(b => Score(b, temperature), ranks: 1, batch, batch.MicroBatches,
            new(default)).Logp;
        double[] found = ForwardPass.SumPiSquared(Score, ranks: 1, temperature, logp, batch, new(default));
        PackedBatch all = batch.Pack(0..2);
        double[] expected = [.. Enumerable.Range(0, all.RowCount)
            .Select(r => fresh.Probabilities(all, r, temperature).Sum(p => p * p))];
        // Two fp32 log-probs of a few nats.
        Assert.That(found, Is.EqualTo(expected).Within(4e-6));
    }

    /// <summary>The parts are the grader's own numbers, in the order of the keys.</summary>
    [Test]
    public void Gdpos_parts_of_the_reward_are_numbers_of_the_grade()
    {
        RunConfig config = Config(
            "gdpo", "algorithm.gdpo_reward_keys=[score,format]", "algorithm.gdpo_reward_weights=[1,0.5]");
        static GradeResult Grade(Trajectory t) => new(t.ResponseIds[0] % 2, GradeStatus.Ok)
        {
            Numbers = new Dictionary<string, double> { ["format"] = t.ResponseIds[0] },
        };
        Trajectory[] trajectories = [.. Enumerable.Range(0, 4).Select(i => Make.Trajectory(i / 2, 2, id: i) with
        {
            ResponseIds = [3 + i, 4],
        })];
        TrajectoryBatch batch = new(trajectories, [.. trajectories.Select(Grade)], config);
        Assert.That(batch.Columns().RewardParts, Is.EqualTo(new[] { new[] { 1.0, 0, 1, 0 }, [3, 4, 5, 6] }));
        Assert.That(() => new TrajectoryBatch(trajectories, Make.Scores(0, 1, 0, 1), config),
            Throws.TypeOf<DataException>().With.Message.Contains("has no number 'format', it has score"));

        FakePolicy policy = new();
        StepOutcome outcome = Build(config, policy, null, new() { Policy = policy, GradeOf = Grade }, new(), true)
            .Run(1, default)!;
        Assert.That(outcome.Metrics["actor/grad_norm"], Is.Positive);
    }

    [Test]
    public void While_the_critic_warms_up_the_policy_stays()
    {
        (MetricSet metrics, FakePolicy policy, FakeCritic critic) = Step("ppo", "trainer.critic_warmup=3");
        Assert.That(policy.Updates, Is.Empty);
        Assert.That(critic.Calls, Does.Contain("update"));
        Assert.That(Timers(metrics), Does.Not.Contain("update_actor"));
        Assert.That(metrics.Names, Does.Not.Contain("actor/lr").And.Contain("critic/lr"));
    }

    [Test]
    public void A_step_without_gradable_responses_changes_nothing_and_is_no_failure()
    {
        FakePolicy policy = new();
        RunConfig config = Config("grpo");
        FakeRollout rollout = new() { Policy = policy, GradeOf = _ => new(double.NaN, GradeStatus.Error) };
        StepOutcome outcome = Build(config, policy, null, rollout, new(), true).Run(1, default)!;
        Assert.That(outcome.Update, Is.EqualTo(UpdateOutcome.NothingToLearn));
        Assert.That(policy.Updates, Is.Empty);
        Assert.That(outcome.Metrics["reward/dropped"], Is.EqualTo(8));
        Assert.That(outcome.Metrics["actor/loss_trajectories"], Is.Zero);
        Assert.That(outcome.Metrics.Find("critic/score/mean"), Is.Null, "a mean of nothing is not 0");
    }

    [Test]
    public void An_adaptive_coefficient_moves_from_step_to_step_and_can_be_put_back()
    {
        RunConfig config = Config(
            "reinforce_plus_plus", "algorithm.use_kl_in_reward=true", "algorithm.kl_ctrl.type=adaptive",
            "algorithm.kl_ctrl.horizon=10");
        FakePolicy policy = new();
        TrainStep step = Build(config, policy, null, new() { Policy = policy }, new(), true);
        Assert.That(step.KlCoefficient, Is.EqualTo(0.001));
        MetricSet first = step.Run(1, default)!.Metrics;
        Assert.That(first["actor/reward_kl_penalty_coeff"], Is.EqualTo(0.001), "the one that was used");
        Assert.That(step.KlCoefficient, Is.Not.EqualTo(0.001));
        step.KlCoefficient = 0.25;
        Assert.That(step.Run(2, default)!.Metrics["actor/reward_kl_penalty_coeff"], Is.EqualTo(0.25));
        Assert.That(Build(Config("grpo"), policy, null, new(), new(), true).KlCoefficient, Is.Null);
    }

    private static RunConfig Config(string algorithm, params string[] arguments) =>
        Make.Config([$"algorithm.name={algorithm}", "rollout.n=2", "data.train_batch_size=4", .. arguments]);

    private static (MetricSet Metrics, FakePolicy Policy, FakeCritic Critic) Step(string algorithm,
        params string[] arguments) => Step(algorithm, true, arguments);

    private static (MetricSet Metrics, FakePolicy Policy, FakeCritic Critic) Step(string algorithm, bool isRolloutExact,
        params string[] arguments)
    {
        RunConfig config = Config(algorithm, arguments);
        FakePolicy policy = new();
        FakeCritic critic = new();
        PhaseClock clock = new();
        FakeRollout rollout = new() { Policy = policy };
        MetricSet metrics = Build(config, policy, critic, rollout, clock, isRolloutExact).Run(1, default)!.Metrics;
        clock.TakeStep(metrics);
        return (metrics, policy, critic);
    }

    private static TrainStep Build(RunConfig config, FakePolicy policy, FakeCritic? critic, FakeRollout rollout,
        PhaseClock clock, bool isRolloutExact)
    {
        AlgorithmSelection algorithm = AlgorithmSelection.Of(config);
        bool needsReference = config.Algorithm.UseKlInReward || algorithm.Needs.HasFlag(Needs.ReferenceLogp);
        SampleStage sample = new(() => Make.Prompts(4), rollout, rollout, false, config, clock, new SilentProgress());
        return new(new(policy, algorithm.Critic is null ? null : critic,
            needsReference ? new FakePolicy(seed: 2) : null), sample, algorithm, null, isRolloutExact, config, clock);
    }

    private static IEnumerable<string> Timers(MetricSet metrics) =>
        metrics.Names.Where(n => n.StartsWith("timing_s/", System.StringComparison.Ordinal))
            .Select(n => n["timing_s/".Length..]).Order(System.StringComparer.Ordinal);
}
