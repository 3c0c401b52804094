using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Objectives;
using Tbrm.Training.Metrics;
using Tbrm.Training.Progress;
using Tbrm.Training.Reports;
using Tbrm.Training.Runs;
using Tbrm.Training.Steps;
using Tbrm.Training.Tests.Metrics;

namespace Tbrm.Training.Tests.Steps;

/// <summary>The order of a step's stages, and where its numbers go.</summary>
public sealed class StepStagesTests
{
    private static readonly string[] s_sampled = ["rollout sample", "rollout release", "rollout grade"];

    /// <summary>gen, reward, ref (which completes the record of a trajectory), old_log_prob, values, adv,
    /// update_critic, update_actor: all that PPO can have.</summary>
    [Test]
    public void Every_stage_comes_in_its_order()
    {
        string[] arguments =
            ["algorithm.use_kl_in_reward=true", "actor.ppo_mini_batch_size=2", "critic.ppo_mini_batch_size=4",
            "actor.ppo_epochs=2", "critic.ppo_epochs=1"];
        string[] update = ["actor forward", "actor update"];
        string[] expected =
        [
            .. s_sampled, "ref pass", "ref release", "actor pass", "actor release", "critic pass", "critic release",
            "critic forward", "critic update", "critic release", .. update, .. update, .. update, .. update,
            "actor release",
        ];
        Assert.That(Calls("ppo", isRolloutExact: false, arguments), Is.EqualTo(expected));
    }

    [Test]
    public void A_fused_step_is_the_reference_pass_and_one_call() =>
        Assert.That(Calls("tbrm", isRolloutExact: true),
            Is.EqualTo((string[])[.. s_sampled, "ref pass", "ref release", "actor fused", "actor update",
                "actor release"]));

    [Test]
    public void A_step_without_reference_or_critic_is_the_update_alone() =>
        Assert.That(Calls("grpo", isRolloutExact: true),
            Is.EqualTo((string[])[.. s_sampled, "actor forward", "actor update", "actor release"]));

    [TestCase(true)]
    [TestCase(false)]
    public void ReVal_at_the_reference_without_a_reward_has_no_gradient(bool isFused)
    {
        RunConfig config = Config("reval", $"actor.fused_residual={(isFused ? "true" : "false")}");
        FakePolicy policy = new();
        FakeRollout rollout = new() { Policy = policy, GradeOf = _ => new(0, GradeStatus.Ok) };
        StepOutcome outcome = Build(config, policy, null, new FakePolicy(), rollout, isRolloutExact: true)
            .Run(1, default)!;
        Assert.That(outcome.Metrics["actor/grad_norm"], Is.Zero);
        Assert.That(outcome.Metrics["actor/reval_loss"], Is.Zero);
        Assert.That(outcome.Metrics["actor/residual/max"], Is.Zero);
        Assert.That(policy.Updates.Single().Cast<double>(), Is.All.Zero);
        // TBRM's residual has V(s_1) in it: the same step moves.
        FakePolicy moving = new();
        rollout = new() { Policy = moving, GradeOf = _ => new(0, GradeStatus.Ok) };
        outcome = Build(Config("tbrm"), moving, null, new FakePolicy(), rollout, isRolloutExact: true).Run(1, default)!;
        Assert.That(outcome.Metrics["actor/grad_norm"], Is.Positive);
    }

    [Test]
    public void The_group_of_a_trajectory_is_its_prompt_in_every_mini_batch()
    {
        Trajectory[] trajectories = [.. Enumerable.Range(0, 10).Select(i => Make.Trajectory(i / 2, 1 + i % 3, id: i))];
        TrajectoryBatch batch =
            new(trajectories, Make.Scores([.. trajectories.Select(t => (double)t.Group)]), Config("grpo"));
        Assert.That(batch.Columns().Group, Is.EqualTo(new[] { 0, 0, 1, 1, 2, 2, 3, 3, 4, 4 }));
        IReadOnlyList<Range> cut = batch.MiniBatches(2);
        Assert.That(cut.Select(r => (r.Start.Value, r.End.Value)), Is.EqualTo(new[] { (0, 4), (4, 8), (8, 10) }),
            "whole groups, and the rest");
        ObjectiveBatch second = batch.Columns().Slice(cut[1]);
        Assert.That(second.Group, Is.EqualTo(new[] { 2, 2, 3, 3 }));
        Assert.That(second.Rewards, Is.EqualTo(new[] { 2.0, 2, 3, 3 }), "what belongs to a group stays with it");
        Assert.That(second.RowOffsets, Is.EqualTo(new long[] { 0, 2, 5, 6, 8 }));
    }

    /// <summary>What a group's own mean takes away depends on the group alone: the neighbours of a group change
    /// nothing.</summary>
    [Test]
    public void Advantages_are_those_of_the_own_group()
    {
        double[] Of(params double[] rewards)
        {
            Trajectory[] trajectories =
                [.. Enumerable.Range(0, rewards.Length).Select(i => Make.Trajectory(i / 2, 2, id: i))];
            RunConfig config = Config("grpo");
            AlgorithmSelection algorithm = AlgorithmSelection.Of(config);
            return algorithm.Estimator!.Estimate(new TrajectoryBatch(trajectories, Make.Scores(rewards), config)
                .Columns()).Advantages;
        }

        double[] alone = Of(0, 1), beside = Of(7, 9, 0, 1);
        Assert.That(beside[4..], Is.EqualTo(alone).Within(1e-12));
        Assert.That(alone[0], Is.Negative);
        Assert.That(alone[0], Is.EqualTo(-alone[^1]).Within(1e-12));
    }

    [TestCase("grpo", "actor/pg_clipfrac")]
    [TestCase("ppo", "critic/vf_clipfrac")]
    [TestCase("rebel", "actor/rebel_loss")]
    public void A_number_of_the_objective_reaches_metrics_TensorBoard_and_a_chart(string algorithm, string name)
    {
        string root = Directory.CreateTempSubdirectory("tbrm-test-").FullName;
        try
        {
            RunFolder folder = RunFolder.Open(new TrainerConfig { RunDir = root });
            RunFolder.WriteText(folder.ConfigPath, "{}\n");
            List<double> expected = [];
            using (MetricSinks sinks = MetricSinks.Open(["file", "tensorboard"], folder, null))
            {
                FakePolicy policy = new();
                TrainStep step = Build(
                    Config(algorithm), policy, new(), new FakePolicy(seed: 2), new() { Policy = policy },
                    isRolloutExact: true);
                for (int i = 1; i <= 3; i++)
                {
                    MetricSet metrics = step.Run(i, default)!.Metrics;
                    // An objective of a user's may have a number that nothing here has heard of.
                    metrics["actor/something_of_its_own"] = 2 * i;
                    sinks.Write(i, metrics);
                    expected.Add(metrics[name]);
                }
            }

            JsonNode[] rows = [.. File.ReadLines(folder.MetricsPath).Select(l => JsonNode.Parse(l)!)];
            Assert.That(rows.Select(r => (double)r[name]!), Is.EqualTo(expected));
            string events = Directory.EnumerateFiles(folder.TensorBoardPath).Single();
            Assert.That(EventFileReader.Read(events).Where(e => e.Scalars.ContainsKey(name))
                .Select(e => (e.Step, e.Scalars[name])),
                Is.EqualTo(expected.Select((v, i) => ((long)i + 1, (float)v))));
            RunReport.Write(folder);
            string report = File.ReadAllText(folder.ReportPath);
            Assert.That(report, Does.Contain("actor/something_of_its_own"),
                "a chart of a number that nothing here has heard of");
            Assert.That(report, Does.Contain(
                name switch
                {
                    "actor/pg_clipfrac" => "Policy update",
                    "critic/vf_clipfrac" => "values clipped",
                    _ => "rebel"
                }));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static RunConfig Config(string algorithm, params string[] arguments) =>
        Make.Config([$"algorithm.name={algorithm}", "rollout.n=2", "data.train_batch_size=4", .. arguments]);

    private static List<string> Calls(string algorithm, bool isRolloutExact, params string[] arguments)
    {
        List<string> calls = [];
        FakePolicy policy = new() { Calls = calls, Title = "actor ", OnUpdate = () => calls.Add("actor update") };
        FakePolicy reference = new(seed: 2) { Calls = calls, Title = "ref " };
        FakeCritic critic = new() { Calls = calls, Title = "critic " };
        FakeRollout rollout = new() { Calls = calls, Title = "rollout " };
        _ = Build(Config(algorithm, arguments), policy, critic, reference, rollout, isRolloutExact).Run(1, default);
        return calls;
    }

    private static TrainStep Build(RunConfig config, FakePolicy policy, FakeCritic? critic, FakePolicy reference,
        FakeRollout rollout, bool isRolloutExact)
    {
        AlgorithmSelection algorithm = AlgorithmSelection.Of(config);
        SampleStage sample = new(() => Make.Prompts(4), rollout, rollout, false, config, new(), new SilentProgress());
        StepModels models = new(
            policy, algorithm.Critic is null ? null : critic, algorithm.NeedsReference ? reference : null);
        return new(models, sample, algorithm, null, isRolloutExact, config, new());
    }
}
