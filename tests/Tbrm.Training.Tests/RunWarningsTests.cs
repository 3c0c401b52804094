using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Training.Metrics;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Tests;

public sealed class RunWarningsTests
{
    private readonly RunConfig _config = new() { Rollout = new() { N = 4 }, Data = new() { TrainBatchSize = 10 } };

    private static IEnumerable<TestCaseData> Conditions()
    {
        yield return new("response_length/clip_ratio", 0.3, 0.31, 3, "clipped_responses", "data.max_response_length");
        yield return new("critic/rewards/zero_std_groups", 0.9, 0.95, 3, "equal_rewards", "rollout.n");
        yield return new("actor/skipped", 0.0, 1.0, 1, "skipped_step", "actor.optim.lr");
        yield return new("training/rollout_probs_diff_max", 0.0, 1e-7, 1, "probability_drift", "config.resolved.yaml");
        yield return new("training/rollout_probs_diff_max", 0.0, double.NaN, 1, "probability_drift",
            "config.resolved.yaml");
        yield return new("reward/timeout", 0.0, 1.0, 1, "grader_failures", "reward.timeout_seconds");
        yield return new("reward/error", 0.0, 2.0, 1, "grader_failures", "ground truth");
        yield return new("rollout/preemptions", 4.0, 5.0, 3, "preemptions", "rollout.kv_cache_mb");
    }

    [TestCaseSource(nameof(Conditions))]
    public void Each_condition_is_said_once_after_its_patience_and_counted_on(string metric, double allowed,
        double seen, int patience, string kind, string advice)
    {
        RunWarnings warnings = new(_config);
        Assert.That(warnings.Observe(1, Metrics(metric, allowed)), Is.Empty, "at the limit");
        for (int step = 2; step < 1 + patience; step++)
        {
            Assert.That(warnings.Observe(step, Metrics(metric, seen)), Is.Empty, $"step {step}: not often enough");
        }

        RunWarning said = warnings.Observe(1 + patience, Metrics(metric, seen)).Single();
        Assert.That(said.Kind, Is.EqualTo(kind));
        Assert.That(said.Advice, Does.Contain(advice));
        Assert.That(warnings.Observe(50, Metrics(metric, seen)), Is.Empty, "said once");
        RunWarning all = warnings.All.Single();
        Assert.That((all.FirstStep, all.LastStep, all.Steps), Is.EqualTo((2L, 50L, patience + 1L)));
        Assert.That(warnings.CountOf(Metrics(metric, seen)), Is.EqualTo(1));
        Assert.That(warnings.CountOf(Metrics(metric, allowed)), Is.Zero);
    }

    [Test]
    public void A_condition_that_comes_and_goes_is_no_warning()
    {
        RunWarnings warnings = new(_config);
        for (int step = 1; step <= 20; step++)
        {
            Assert.That(warnings.Observe(step, Metrics("response_length/clip_ratio", step % 3 == 0 ? 0.1 : 0.9)),
                Is.Empty);
        }
    }

    /// <summary>What pushes responses down that the policy no longer gives, is warned; what does not, is not.</summary>
    [TestCase("tbrm", true)]
    [TestCase("grpo", true)]
    [TestCase("reval", false)]
    public void A_lag_that_the_policy_moves_too_far_in_is_a_warning(string algorithm, bool isWarned)
    {
        RunConfig lagging = new() { Rollout = new() { Lag = 8 }, Algorithm = new() { Name = algorithm } };
        MetricSet far = Metrics("off_policy/response_k3_kl", 0.06);
        Assert.That(new RunWarnings(lagging).CountOf(far), Is.EqualTo(isWarned ? 1 : 0));
        Assert.That(new RunWarnings(lagging).CountOf(Metrics("off_policy/response_k3_kl", 0.05)), Is.Zero);
        Assert.That(new RunWarnings(lagging with { Rollout = new() }).CountOf(far), Is.Zero, "files and replay");
        AlgorithmConfig weighed = lagging.Algorithm with { RolloutCorrection = new() { RolloutIs = "sequence" } };
        Assert.That(new RunWarnings(lagging with { Algorithm = weighed }).CountOf(far), Is.Zero);
        AlgorithmConfig centred = lagging.Algorithm with { Tbrm = new() { RewardNormalization = "group_mean" } };
        RunWarnings warnings = new(lagging with { Algorithm = centred });
        RunWarning? said = Enumerable.Range(1, 3).SelectMany(step => warnings.Observe(step, far)).SingleOrDefault();
        Assert.That(said?.Advice, Does.Contain("rollout_is=sequence").And.Contain("actor.optim.lr"));
    }

    [TestCase("keep", true)]
    [TestCase("drop", false)]
    public void Advice_names_no_setting_that_is_set_already(string truncation, bool isNamed)
    {
        RunWarnings warnings = new(_config with { Algorithm = new() { Tbrm = new() { Truncation = truncation } } });
        RunWarning said = Enumerable.Range(1, 3)
            .SelectMany(step => warnings.Observe(step, Metrics("response_length/clip_ratio", 1))).Single();
        Assert.That(said.Advice.Contains("truncation=drop"), Is.EqualTo(isNamed));
    }

    [Test]
    public void Metrics_that_are_not_there_warn_of_nothing() =>
        Assert.That(new RunWarnings(_config).CountOf(new MetricSet()), Is.Zero);

    [Test]
    public void A_step_with_nothing_to_train_on_is_another_warning_than_one_that_was_not_finite()
    {
        MetricSet metrics = Metrics("actor/skipped", 1);
        metrics["actor/loss_trajectories"] = 0;
        metrics["rollout/non_finite"] = 0;
        RunWarning said = new RunWarnings(_config).Observe(1, metrics).Single();
        Assert.That(said.Kind, Is.EqualTo("empty_step"));
        Assert.That(said.Advice, Does.Contain("reward.on_error").And.Contain("algorithm.tbrm.truncation"));
    }

    private static MetricSet Metrics(string name, double value)
    {
        MetricSet metrics = new();
        metrics[name] = value;
        return metrics;
    }
}
