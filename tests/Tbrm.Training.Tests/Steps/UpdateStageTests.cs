using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Objectives;
using Tbrm.Training.Metrics;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Tests.Steps;

/// <summary>Mini-batches, epochs and micro-batches of an update, over a policy whose gradient is known.</summary>
public sealed class UpdateStageTests
{
    /// <summary>Six prompts with two answers each, of different lengths.</summary>
    private static readonly Trajectory[] s_trajectories =
        [.. Enumerable.Range(0, 12).Select(i => Make.Trajectory(i / 2, 1 + i % 4, id: i))];

    private static readonly GradeResult[] s_grades = Make.Scores([.. Enumerable.Range(0, 12).Select(i => i % 3 / 2.0)]);

    [TestCase("tbrm", "actor.fused_residual=false")]
    [TestCase("tbrm", "actor.fused_residual=true")]
    [TestCase("grpo", "actor.loss_agg_mode=token-mean")]
    [TestCase("grpo", "actor.loss_agg_mode=seq-mean-token-mean", "actor.entropy_coeff=0.1")]
    [TestCase("vargrad")]
    public void The_gradient_does_not_depend_on_the_cut_into_micro_batches(string algorithm, params string[] arguments)
    {
        double[] whole = Gradient(algorithm, [.. arguments, "actor.ppo_max_token_len_per_gpu=1000"]);
        Assert.That(whole.Max(Math.Abs), Is.GreaterThan(1e-3));
        foreach (string cut in new[] { "actor.ppo_max_token_len_per_gpu=1", "actor.ppo_max_token_len_per_gpu=11",
            "actor.ppo_micro_batch_size_per_gpu=5" })
        {
            // dQ and dV are rounded to fp32 on their way; sums of fewer than 30 of them in fp64.
            Assert.That(Gradient(algorithm, [.. arguments, cut]),
                Is.EqualTo(whole).Within(30 * 6e-8 * whole.Max(Math.Abs)), cut);
        }
    }

    [Test]
    public void The_fused_kernel_and_the_objective_are_the_same_update()
    {
        double[] fused = Gradient("tbrm", "actor.fused_residual=true"),
            own = Gradient("tbrm", "actor.fused_residual=false");
        Assert.That(fused, Is.EqualTo(own).Within(1e-6 * own.Max(Math.Abs)));
    }

    [Test]
    public void Every_epoch_makes_an_update_per_mini_batch_whose_mean_is_over_its_own_trajectories()
    {
        FakePolicy policy = new();
        RunConfig config = Config("grpo", "actor.ppo_mini_batch_size=4", "actor.ppo_epochs=3");
        UpdateResult result = Update(policy, config, s_trajectories, s_grades);
        Assert.That((result.Count, result.Applied, policy.Updates.Count), Is.EqualTo((6, 6, 6)),
            "4 and 2 prompts, three times");

        // The first update is that of a step of the first mini-batch alone.
        FakePolicy alone = new();
        Update(alone, Config("grpo"), s_trajectories[..8], s_grades[..8]);
        Assert.That(policy.Updates[0], Is.EqualTo(alone.Updates[0]).Within(1e-12));
        Assert.That(policy.Updates[2], Is.Not.EqualTo(policy.Updates[0]), "the second epoch sees other weights");
    }

    /// <summary>The order follows from seed, step and epoch alone; residuals are told in the order of the
    /// rollout.</summary>
    [Test]
    public void Shuffled_mini_batches_are_a_function_of_seed_step_and_epoch()
    {
        string[] shuffled = ["actor.fused_residual=false", "actor.ppo_mini_batch_size=2", "actor.shuffle=true"];
        (FakePolicy a, FakePolicy b, FakePolicy c, FakePolicy plain) = (new(), new(), new(), new());
        UpdateResult told = Update(a, Config("tbrm", shuffled), s_trajectories, s_grades);
        Update(b, Config("tbrm", shuffled), s_trajectories, s_grades);
        Update(c, Config("tbrm", [.. shuffled, "actor.data_loader_seed=7"]), s_trajectories, s_grades);
        Update(plain, Config("tbrm", shuffled[..2]), s_trajectories, s_grades);
        Assert.That(a.Updates, Has.Count.EqualTo(3));
        Assert.That(a.Updates, Is.EqualTo(b.Updates));
        Assert.That(a.Updates[0], Is.Not.EqualTo(c.Updates[0]).And.Not.EqualTo(plain.Updates[0]));

        TrajectoryBatch batch = new(s_trajectories, s_grades, Config("tbrm"));
        UpdateShape shape = new(2, 1, 1000, 0, 8) { ShuffleSeed = 42 };
        int[] order = shape.Order(batch, step: 1, updates: 0)!;
        Assert.That(order, Is.EquivalentTo(Enumerable.Range(0, 12)).And.Not.Ordered);
        Assert.That(shape.Order(batch, 1, updates: 3), Is.Not.EqualTo(order), "another epoch");
        Assert.That(shape.Order(batch, 2, updates: 0), Is.Not.EqualTo(order), "another step");
        Assert.That((shape with { MiniBatchPrompts = 0 }).Order(batch, 1, 0), Is.Null, "one update has them all");
        UpdateResult whole = Update(new(), Config("tbrm", shuffled[..1]), s_trajectories, s_grades);
        Assert.That(told.Residuals, Has.Count.EqualTo(12));
        foreach (int first in order[..4])
        {
            Assert.That(told.Residuals[first], Is.EqualTo(whole.Residuals[first]), "before the first update");
        }
    }

    [Test]
    public void Where_a_loss_compares_the_responses_to_a_prompt_they_stay_together_when_shuffled()
    {
        FakePolicy policy = new(), sorted = new();
        string[] arguments = ["actor.loss_agg_mode=prompt-mean", "actor.ppo_mini_batch_size=2"];
        Update(policy, Config("grpo", [.. arguments, "actor.shuffle=true"]), s_trajectories, s_grades);
        UpdateShape shape = new(2, 1, 1000, 0, 8) { ShuffleSeed = 42, KeepsGroups = true };
        int[] order = shape.Order(new(s_trajectories, s_grades, Config("grpo")), 1, 0)!;
        Assert.That(order.Select(i => i / 2).Where((_, k) => k % 2 == 0), Is.EqualTo(order.Select(i => i / 2)
            .Where((_, k) => k % 2 == 1)).And.Not.Ordered);
        Update(sorted, Config("grpo", arguments), [.. order.Select(i => s_trajectories[i])],
            [.. order.Select(i => s_grades[i])]);
        Assert.That(policy.Updates, Is.EqualTo(sorted.Updates), "the same as trajectories that came in that order");
    }

    [Test]
    public void Old_log_probs_stay_those_before_the_first_update()
    {
        FakePolicy policy = new();
        RunConfig config = Config("grpo", "actor.ppo_epochs=2", "actor.clip_ratio=0.0001");
        UpdateResult result = Update(policy, config, s_trajectories, s_grades);
        Dictionary<string, double> metrics = new(result.Metrics);
        Assert.That(metrics["actor/pg_clipfrac"], Is.GreaterThan(0.1), "in the second epoch the ratio has left 1");
        Assert.That(metrics["actor/ppo_kl"], Is.Not.Zero);
    }

    /// <summary>rollout_is=sequence: each trajectory's own gradient by min(2, pi / pi_rollout) of all its
    /// tokens.</summary>
    [TestCase("tbrm", "actor.fused_residual=true")]
    [TestCase("tbrm", "actor.fused_residual=false", "actor.ppo_micro_batch_size_per_gpu=5")]
    [TestCase("reval")]
    [TestCase("brm")]
    public void Importance_weights_of_whole_trajectories_weigh_their_residuals(string algorithm,
        params string[] arguments)
    {
        RunConfig config = Config(algorithm, ["algorithm.rollout_correction.rollout_is=sequence", .. arguments]);
        TrajectoryBatch batch = new(s_trajectories, s_grades, config);
        double[] rollout = [.. Enumerable.Range(0, batch.RowCount).Select(i => -2 - i % 5 / 2.0)];
        ObjectiveBatch columns = batch.Columns() with
        {
            RolloutLogp = rollout,
            OldLogp = ForwardPass.LogProb(b => new FakePolicy().LogProb(b, 1), 1, batch, batch.MicroBatches,
                new(default)).Logp,
        };
        MetricSet metrics = new();
        double[] weights = new AdvantageStage(AlgorithmSelection.Of(config), config).Estimate(columns, metrics)
            .TrajectoryWeights;
        double[] log = [.. Enumerable.Range(0, 12).Select(b => Enumerable.Range((int)columns.RowOffsets[b],
            s_trajectories[b].ResponseIds.Length).Sum(i => columns.OldLogp[i] - rollout[i]))];
        Assert.That(weights, Is.EqualTo(log.Select(l => Math.Min(2, Math.Exp(l)))).Within(1e-12));
        Assert.That(weights, Has.Some.EqualTo(2).And.Some.LessThan(1));
        Assert.That(metrics["rollout_corr/rollout_is_mean"], Is.GreaterThan(0));

        FakePolicy policy = new();
        Update(policy, config, s_trajectories, s_grades, weights: weights);
        double[] expected = new double[policy.Updates.Single().Length];
        for (int b = 0; b < 12; b++)
        {
            FakePolicy alone = new();
            Update(alone, config, [s_trajectories[b]], [s_grades[b]]);
            expected = [.. expected.Zip(alone.Updates.Single().Cast<double>(), (e, g) => e + weights[b] * g / 12)];
        }

        // dQ and dV are rounded to fp32 on their way; sums of fewer than 30 of them in fp64.
        Assert.That(policy.Updates.Single().Cast<double>(),
            Is.EqualTo(expected).Within(60 * 6e-8 * expected.Max(Math.Abs)));
    }

    [TestCase("tbrm", "rollout_is=token",
        "rollout_is=sequence, which weighs whole trajectories; found rollout_is=token")]
    [TestCase("tbrm", "bypass_mode=true", "bypass_mode=true")]
    [TestCase("vargrad", "rollout_is=sequence", "rollout_correction")]
    public void A_residual_of_whole_trajectories_takes_weights_of_whole_trajectories(string algorithm, string key,
        string message) =>
        Assert.That(() => Config(algorithm, $"algorithm.rollout_correction.{key}"),
            Throws.InstanceOf<ConfigException>().With.Message.Contains(message));

    [Test]
    public void Trajectories_with_logits_that_are_not_finite_allow_no_update()
    {
        FakePolicy policy = new();
        Trajectory[] broken = [.. s_trajectories[..3], s_trajectories[3] with { End = TrajectoryEnd.NonFinite }];
        UpdateResult result = Update(policy, Config("grpo"), broken, s_grades[..4]);
        Assert.That((result.Count, result.Applied), Is.EqualTo((1, 0)));
        Assert.That(policy.Gradient.Cast<double>(), Is.All.Zero);
        Assert.That(double.IsNaN(result.GradNorm));
    }

    [Test]
    public void A_mini_batch_of_dropped_trajectories_is_no_update()
    {
        FakePolicy policy = new();
        Trajectory[] cut = [.. s_trajectories.Select((t, i) => i < 4 ? t with { End = TrajectoryEnd.Length } : t)];
        UpdateResult result =
            Update(policy, Config("grpo", "algorithm.tbrm.truncation=drop", "actor.ppo_mini_batch_size=2"), cut,
            s_grades);
        Assert.That((result.Count, result.Applied), Is.EqualTo((3, 2)));
    }

    [Test]
    public void Stopped_before_the_first_update_nothing_is_left_and_after_it_the_step_is_made_to_its_end()
    {
        FakePolicy policy = new();
        using CancellationTokenSource stop = new();
        stop.Cancel();
        Assert.That(() => Update(policy, Config("grpo", "actor.ppo_epochs=2"), s_trajectories, s_grades,
            stop: stop.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(policy.Gradient.Cast<double>(), Is.All.Zero);
        Assert.That(policy.Updates, Is.Empty);

        using CancellationTokenSource later = new();
        policy.OnUpdate = later.Cancel;
        Assert.That(Update(policy, Config("grpo", "actor.ppo_epochs=2", "actor.ppo_mini_batch_size=2"), s_trajectories,
            s_grades, stop: later.Token).Applied, Is.EqualTo(6));
    }

    private static RunConfig Config(string algorithm, params string[] arguments) =>
        Make.Config([$"algorithm.name={algorithm}", "rollout.n=2", "data.train_batch_size=6",
            .. algorithm == "tbrm" ? ["algorithm.tbrm.beta=0.5"] : Array.Empty<string>(), .. arguments]);

    private static double[] Gradient(string algorithm, params string[] arguments)
    {
        FakePolicy policy = new();
        Update(policy, Config(algorithm, arguments), s_trajectories, s_grades);
        return [.. policy.Updates.Single().Cast<double>()];
    }

    private static UpdateResult Update(FakePolicy policy, RunConfig config, Trajectory[] trajectories,
        GradeResult[] grades, double[]? weights = null, CancellationToken stop = default)
    {
        AlgorithmSelection algorithm = AlgorithmSelection.Of(config);
        TrajectoryBatch batch = new(trajectories, grades, config);
        ObjectiveBatch columns = batch.Columns();
        PassScores reference =
            ForwardPass.LogProb(b => new FakePolicy(seed: 2).LogProb(b, 1), 1, batch, batch.MicroBatches,
                new(default));
        PassScores old = ForwardPass.LogProb(b => policy.LogProb(b, 1), 1, batch, batch.MicroBatches, new(default));
        columns = columns with
        {
            RefLogp = reference.Logp,
            RefV1 = reference.V1,
            OldLogp = old.Logp,
            TrajectoryWeights = weights ?? []
        };
        if (algorithm.Estimator?.Estimate(columns) is { } estimate)
        {
            columns = columns with { Advantages = estimate.Advantages, Returns = estimate.Returns };
        }

        return new ActorUpdate(policy, algorithm.Objective, config).Run(1, batch, columns, new(stop));
    }
}
