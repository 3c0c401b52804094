using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Training.Progress;
using Tbrm.Training.Prompts;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Tests.Steps;

/// <summary>Dynamic sampling, greedy baselines, and ids that a resumed run repeats.</summary>
public sealed class SampleStageTests
{
    /// <summary>Answers of every other prompt differ in their score.</summary>
    private static readonly FakeRollout s_everyOther =
        new() { GradeOf = t => new(t.Group % 2 == 0 ? t.Id % 2 : 1, GradeStatus.Ok) };

    [Test]
    public void Without_a_filter_a_step_is_one_batch_whose_ids_follow_from_the_step()
    {
        FakeRollout rollout = new();
        StepSample sample = Stage(rollout).Run(3, default)!;
        Assert.That(sample.Trajectories.Select(t => t.Id), Is.EqualTo(Enumerable.Range(16, 8)),
            "2 steps of 4 prompts with 2 answers came before");
        Assert.That(sample.Trajectories.Select(t => t.Group), Is.EqualTo(new[] { 0, 0, 1, 1, 2, 2, 3, 3 }));
        Assert.That(rollout.Calls, Is.EqualTo(new[] { "sample", "release", "grade" }));
    }

    [Test]
    public void A_filter_samples_until_enough_prompts_have_answers_that_differ()
    {
        StepSample sample = Stage(s_everyOther, "algorithm.filter_groups.enable=true").Run(1, default)!;
        Assert.That((sample.Prompts.Count, sample.Trajectories.Count, sample.Graded.Length, sample.Batches),
            Is.EqualTo((4, 8, 8, 2)));
        Assert.That(sample.Trajectories.Select(t => t.Group), Is.EqualTo(new[] { 0, 0, 1, 1, 2, 2, 3, 3 }));
        Assert.That(sample.Trajectories.Select(t => t.Id).Distinct().Count(), Is.EqualTo(8),
            "the second batch has ids of its own");
        Assert.That(sample.Trajectories.Zip(sample.Graded).All(p => p.Second.Grade.Score == p.First.Id % 2),
            "grades stay with their trajectories");
        Assert.That(sample.Prompts.Select(p => p.Prompt.Index), Is.EqualTo(new[] { 0, 2, 0, 2 }));
    }

    [Test]
    public void A_filter_that_finds_nothing_ends_with_what_to_try()
    {
        FakeRollout equal = new() { GradeOf = _ => new(1, GradeStatus.Ok) };
        DataException error = Assert.Throws<DataException>(() =>
            Stage(equal, "algorithm.filter_groups.enable=true", "algorithm.filter_groups.max_num_gen_batches=3")
                .Run(1, default))!;
        Assert.That(error.Message, Does.Contain("0 of 4").And.Contain("3 batches").And.Contain("max_num_gen_batches"));
        Assert.That(equal.Calls.Count(c => c == "sample"), Is.EqualTo(3));
    }

    [Test]
    public void An_answer_whose_grader_failed_makes_no_difference()
    {
        FakeRollout failing =
            new() { GradeOf = t => t.Id % 2 == 0 ? new(1, GradeStatus.Ok) : new(0, GradeStatus.Timeout) };
        Assert.That(() =>
            Stage(failing, "algorithm.filter_groups.enable=true", "algorithm.filter_groups.max_num_gen_batches=1")
            .Run(1, default), Throws.InstanceOf<DataException>());
    }

    [Test]
    public void Acc_is_what_the_grader_calls_so_and_the_score_without_it()
    {
        FakeRollout graded =
            new()
            {
                GradeOf = t =>
            new(1, GradeStatus.Ok) { Numbers = new Dictionary<string, double> { ["acc"] = t.Id % 2 } }
            };
        Assert.That(Stage(graded, "algorithm.filter_groups.enable=true").Run(1, default)!.Batches, Is.EqualTo(1));
        Assert.That(() =>
            Stage(graded, "algorithm.filter_groups.enable=true", "algorithm.filter_groups.metric=score",
            "algorithm.filter_groups.max_num_gen_batches=1").Run(1, default),
            Throws.InstanceOf<DataException>());
    }

    [Test]
    public void A_greedy_baseline_is_the_reward_of_each_prompts_most_likely_answer()
    {
        FakeRollout rollout = new();
        StepSample sample = Stage(
            rollout, needsBaseline: true, "algorithm.tbrm.reward_scale=2", "algorithm.tbrm.reward_shift=0.5")
            .Run(1, default)!;
        Assert.That(sample.BaselineRewards, Is.EqualTo(Enumerable.Repeat(2.5, 8)), "3 is odd: a score of 1");
        Assert.That(rollout.Calls, Is.EqualTo(new[] { "sample", "release", "grade", "greedy", "release", "grade" }));
    }

    [Test]
    public void At_the_end_of_the_data_there_is_no_step()
    {
        FakeRollout rollout = new();
        Assert.That(new SampleStage(() => null, rollout, rollout, false, Config(), new(), new SilentProgress())
            .Run(1, default), Is.Null);
        Queue<EncodedPrompt[]> last = new([Make.Prompts(4)]);
        Assert.That(new SampleStage(
            () => last.TryDequeue(out EncodedPrompt[]? next) ? next : null, s_everyOther, s_everyOther, false,
            Config("algorithm.filter_groups.enable=true"), new(), new SilentProgress()).Run(1, default), Is.Null);
    }

    [TestCase(16, 0.0)]
    [TestCase(40, 0.0)]
    [TestCase(45, -0.25)]
    [TestCase(60, -1.0)]
    public void The_overlong_penalty_grows_over_the_buffer(int tokens, double penalty)
    {
        StepRewards rewards =
            new(Config("reward.overlong_buffer.enable=true", "reward.overlong_buffer.len=20",
            "reward.overlong_buffer.penalty_factor=1", "data.max_response_length=60"));
        Assert.That(rewards.Of(Make.Trajectory(0, tokens), Make.Scores(1)[0]), Is.EqualTo(1 + penalty));
    }

    private static RunConfig Config(params string[] arguments) =>
        Make.Config(["rollout.n=2", "data.train_batch_size=4", .. arguments]);

    private static SampleStage Stage(FakeRollout rollout, params string[] arguments) =>
        Stage(rollout, false, arguments);

    private static SampleStage Stage(FakeRollout rollout, bool needsBaseline, params string[] arguments) =>
        new(() => Make.Prompts(4), rollout, rollout, needsBaseline, Config(arguments), new(), new SilentProgress());
}
