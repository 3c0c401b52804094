using System;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Tests.Steps;

public sealed class TrajectoryBatchTests
{
    private static readonly Trajectory s_whole = Make.Trajectory(0),
        s_cut = Make.Trajectory(0, end: TrajectoryEnd.Length);

    [Test]
    public void Every_trajectory_has_the_same_weight_in_the_mean()
    {
        TrajectoryBatch batch = new([s_whole, s_cut, s_whole, s_cut], Make.Scores(1, 0, 0.5, 0.25), Make.Config());
        Assert.That(batch.Weights, Is.EqualTo(new[] { 0.25, 0.25, 0.25, 0.25 }));
        Assert.That(batch.Rewards, Is.EqualTo(new[] { 1.0, 0, 0.5, 0.25 }), "verl scores the partial text");
        Assert.That(batch.Bootstrap, Is.All.False);
    }

    [Test]
    public void A_bootstrapped_trajectory_takes_no_reward_neither_score_nor_shift()
    {
        TrajectoryBatch batch = new([s_whole, s_cut], Make.Scores(0, 1),
            Make.Config("algorithm.tbrm.truncation=bootstrap", "algorithm.tbrm.reward_scale=2",
                "algorithm.tbrm.reward_shift=-1"));
        Assert.That(batch.Bootstrap, Is.EqualTo(new[] { false, true }));
        Assert.That(batch.Rewards, Is.EqualTo(new[] { -1.0, 0 }));
        Assert.That(batch.Weights, Is.EqualTo(new[] { 0.5, 0.5 }), "it is trained on all the same");
        Assert.That(batch.Sequences[1].Rows, Is.EqualTo(4), "three tokens and the state after them");
    }

    [Test]
    public void Zero_reward_is_the_score_0_before_scale_and_shift()
    {
        TrajectoryBatch batch = new([s_whole, s_cut], Make.Scores(1, 1),
            Make.Config("algorithm.tbrm.truncation=zero_reward", "algorithm.tbrm.reward_scale=2",
                "algorithm.tbrm.reward_shift=-1"));
        Assert.That(batch.Rewards, Is.EqualTo(new[] { 1.0, -1 }), "a truncated answer is worth what a wrong one is");
    }

    /// <summary>Controls: nobody's grade, the same every time, and as often 0 as 1.</summary>
    [Test]
    public void Rewards_of_a_control_come_from_no_grade()
    {
        Trajectory[] trajectories = [.. Enumerable.Range(0, 4000).Select(i => s_whole with { Id = i })];
        double[] Rewards(double score, params string[] keys) =>
            new TrajectoryBatch(trajectories, Make.Scores([.. Enumerable.Repeat(score, 4000)]),
                Make.Config(keys)).Rewards;
        Assert.That(Rewards(1, "reward.control=zero"), Has.All.Zero);
        double[] coins = Rewards(1, "reward.control=random");
        Assert.That(Rewards(0, "reward.control=random"), Is.EqualTo(coins), "whatever the grade");
        Assert.That(Rewards(1, "reward.control=random", "trainer.seed=2"), Is.Not.EqualTo(coins));
        // Four standard deviations of the mean of 4000 coins.
        Assert.That(coins.Average(), Is.EqualTo(0.5).Within(4 * 0.5 / Math.Sqrt(4000)));
        Assert.That(coins.Distinct(), Is.EquivalentTo(new[] { 0.0, 1.0 }));
        Assert.That(() => Make.Config("reward.control=zero", "data.trajectories=[a.jsonl]"),
            Throws.TypeOf<ConfigException>());
    }

    [Test]
    public void The_mean_of_a_group_leaves_dropped_and_bootstrapped_trajectories_out()
    {
        Trajectory[] trajectories = [s_whole, s_cut, s_whole, Make.Trajectory(1), Make.Trajectory(1)];
        TrajectoryBatch dropped = new(trajectories, Make.Scores(1, 100, 0, 1, 1),
            Make.Config("algorithm.tbrm.truncation=drop", "algorithm.tbrm.reward_normalization=group_mean",
                "rollout.n=3"));
        Assert.That(dropped.Rewards, Is.EqualTo(new[] { 0.5, 0, -0.5, 0, 0 }));
        Assert.That(dropped.Weights, Is.EqualTo(new[] { 0.25, 0, 0.25, 0.25, 0.25 }));
        TrajectoryBatch bootstrapped = new(trajectories, Make.Scores(1, 100, 0, 1, 1),
            Make.Config("algorithm.tbrm.truncation=bootstrap", "algorithm.tbrm.reward_normalization=group_mean",
                "rollout.n=3"));
        Assert.That(bootstrapped.Rewards, Is.EqualTo(new[] { 0.5, 0, -0.5, 0, 0 }));
        Assert.That(bootstrapped.Weights, Is.All.EqualTo(0.2));
    }

    [TestCase(0.0, GradeStatus.Timeout)]
    [TestCase(0.0, GradeStatus.Error)]
    [TestCase(double.NaN, GradeStatus.Ok)]
    [TestCase(double.PositiveInfinity, GradeStatus.Ok)]
    public void A_trajectory_whose_grader_failed_is_dropped_taken_as_0_or_ends_the_run(double score,
        GradeStatus status)
    {
        GradeResult[] grades = [.. Make.Scores(1, 0), new(score, status, null, "why"), .. Make.Scores(1)];
        Trajectory[] trajectories = [s_whole, s_whole, s_whole, s_whole];

        TrajectoryBatch dropped =
            new(trajectories, grades, Make.Config("algorithm.tbrm.reward_normalization=group_mean", "rollout.n=4"));
        Assert.That(dropped.Weights, Is.EqualTo(new[] { 1 / 3.0, 1 / 3.0, 0, 1 / 3.0 }));
        Assert.That(dropped.Rewards, Is.EqualTo(new[] { 1 / 3.0, -2 / 3.0, 0, 1 / 3.0 }).Within(1e-7),
            "the failure is in no mean");
        Assert.That(dropped.IsGraded, Is.EqualTo(new[] { true, true, false, true }));
        Assert.That(dropped.LossTrajectories, Is.EqualTo(3));

        TrajectoryBatch zero =
            new(trajectories, grades, Make.Config("reward.on_error=zero", "algorithm.tbrm.reward_shift=0.5"));
        Assert.That(zero.Weights, Is.All.EqualTo(0.25));
        Assert.That(zero.Rewards, Is.EqualTo(new[] { 1.5, 0.5, 0.5, 1.5 }));

        TbrmUserException stopped =
            Assert.Throws<DataException>(() =>
            _ = new TrajectoryBatch(trajectories, grades, Make.Config("reward.on_error=stop")))!;
        Assert.That(stopped.Message,
            Does.Contain("1 of 4").And.Contain("response 3").And.Contain("why").And.Contain("reward.on_error"));
    }

    [Test]
    public void With_nothing_left_to_train_on_every_weight_is_0()
    {
        TrajectoryBatch batch = new([s_cut, s_cut], Make.Scores(1, 0), Make.Config("algorithm.tbrm.truncation=drop"));
        Assert.That(batch.LossTrajectories, Is.Zero);
        Assert.That(batch.Weights, Is.All.Zero);
        Assert.That(batch.Rewards, Is.All.Zero);
    }

    [Test]
    public void Micro_batches_hold_every_trajectory_once_and_in_order()
    {
        TrajectoryBatch batch =
            new([.. Enumerable.Range(0, 7).Select(g => Make.Trajectory(g))], Make.Scores(new double[7]),
            Make.Config("actor.ppo_max_token_len_per_gpu=10", "ref.log_prob_max_token_len_per_gpu=15"));
        Assert.That(batch.MicroBatches.Select(r => (r.Start.Value, r.End.Value)),
            Is.EqualTo(new[] { (0, 2), (2, 4), (4, 6), (6, 7) }));
        Assert.That(batch.ReferenceMicroBatches.Select(r => (r.Start.Value, r.End.Value)),
            Is.EqualTo(new[] { (0, 3), (3, 6), (6, 7) }));
    }
}
