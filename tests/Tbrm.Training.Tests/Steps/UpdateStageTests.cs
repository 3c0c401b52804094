using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Objectives;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Tests.Steps;

/// <summary>Mini-batches, epochs and micro-batches of an update, over a policy whose gradient is known.</summary>
public sealed class UpdateStageTests
{
    /// <summary>Six prompts with two answers each, of different lengths.</summary>
    private static readonly Trajectory[] s_trajectories =
        [.. Enumerable.Range(0, 12).Select(i => Make.Trajectory(i / 2, 1 + i % 4, id: i))];

    private static readonly Verdict[] s_verdicts = Make.Scores([.. Enumerable.Range(0, 12).Select(i => i % 3 / 2.0)]);

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
        UpdateResult result = Update(policy, config, s_trajectories, s_verdicts);
        Assert.That((result.Count, result.Applied, policy.Updates.Count), Is.EqualTo((6, 6, 6)),
            "4 and 2 prompts, three times");

        // The first update is that of a step of the first mini-batch alone.
        FakePolicy alone = new();
        Update(alone, Config("grpo"), s_trajectories[..8], s_verdicts[..8]);
        Assert.That(policy.Updates[0], Is.EqualTo(alone.Updates[0]).Within(1e-12));
        Assert.That(policy.Updates[2], Is.Not.EqualTo(policy.Updates[0]), "the second epoch sees other weights");
    }

    [Test]
    public void Old_log_probs_stay_those_before_the_first_update()
    {
        FakePolicy policy = new();
        RunConfig config = Config("grpo", "actor.ppo_epochs=2", "actor.clip_ratio=0.0001");
        UpdateResult result = Update(policy, config, s_trajectories, s_verdicts);
        Dictionary<string, double> metrics = new(result.Metrics);
        Assert.That(metrics["actor/pg_clipfrac"], Is.GreaterThan(0.1), "in the second epoch the ratio has left 1");
        Assert.That(metrics["actor/ppo_kl"], Is.Not.Zero);
    }

    [Test]
    public void Trajectories_with_logits_that_are_not_finite_allow_no_update()
    {
        FakePolicy policy = new();
        Trajectory[] broken = [.. s_trajectories[..3], s_trajectories[3] with { End = TrajectoryEnd.NonFinite }];
        UpdateResult result = Update(policy, Config("grpo"), broken, s_verdicts[..4]);
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
            s_verdicts);
        Assert.That((result.Count, result.Applied), Is.EqualTo((3, 2)));
    }

    [Test]
    public void Stopped_before_the_first_update_nothing_is_left_and_after_it_the_step_is_made_to_its_end()
    {
        FakePolicy policy = new();
        using CancellationTokenSource stop = new();
        stop.Cancel();
        Assert.That(() => Update(policy, Config("grpo", "actor.ppo_epochs=2"), s_trajectories, s_verdicts, stop.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(policy.Gradient.Cast<double>(), Is.All.Zero);
        Assert.That(policy.Updates, Is.Empty);

        using CancellationTokenSource later = new();
        policy.OnUpdate = later.Cancel;
        Assert.That(Update(policy, Config("grpo", "actor.ppo_epochs=2", "actor.ppo_mini_batch_size=2"), s_trajectories,
            s_verdicts, later.Token).Applied, Is.EqualTo(6));
    }

    private static RunConfig Config(string algorithm, params string[] arguments) =>
        Make.Config([$"algorithm.name={algorithm}", "rollout.n=2", "data.train_batch_size=6",
            .. algorithm == "tbrm" ? ["algorithm.tbrm.beta=0.5"] : Array.Empty<string>(), .. arguments]);

    private static double[] Gradient(string algorithm, params string[] arguments)
    {
        FakePolicy policy = new();
        Update(policy, Config(algorithm, arguments), s_trajectories, s_verdicts);
        return [.. policy.Updates.Single().Cast<double>()];
    }

    private static UpdateResult Update(FakePolicy policy, RunConfig config, Trajectory[] trajectories,
        Verdict[] verdicts, CancellationToken stop = default)
    {
        AlgorithmSelection algorithm = AlgorithmSelection.Of(config);
        TrajectoryBatch batch = new(trajectories, verdicts, config);
        ObjectiveBatch columns = batch.Columns();
        PassScores reference =
            ForwardPass.LogProb(b => new FakePolicy(seed: 2).LogProb(b, 1), batch, batch.MicroBatches, new(default));
        PassScores old = ForwardPass.LogProb(b => policy.LogProb(b, 1), batch, batch.MicroBatches, new(default));
        columns = columns with { RefLogp = reference.Logp, RefV1 = reference.V1, OldLogp = old.Logp };
        if (algorithm.Estimator?.Estimate(columns) is { } estimate)
        {
            columns = columns with { Advantages = estimate.Advantages, Returns = estimate.Returns };
        }

        return new ActorUpdate(policy, algorithm.Objective, config).Run(1, batch, columns, new(stop));
    }
}
