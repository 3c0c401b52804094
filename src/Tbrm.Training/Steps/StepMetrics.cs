using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Objectives;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Steps;

/// <summary>The numbers of a training step under verl's names; ours where verl has none.</summary>
internal sealed class StepMetrics
{
    private readonly StepSample _sample;
    private readonly TrajectoryBatch _batch;
    private readonly ObjectiveBatch _columns;
    private readonly AlgorithmSelection _algorithm;
    private readonly RunConfig _config;
    private UpdateResult? _actor;

    /// <summary>Of a step with these trajectories.</summary>
    public StepMetrics(long step, StepSample sample, TrajectoryBatch batch, ObjectiveBatch columns,
        AlgorithmSelection algorithm, RunConfig config)
    {
        _sample = sample;
        _batch = batch;
        _columns = columns;
        _algorithm = algorithm;
        _config = config;
        Metrics["training/global_step"] = step;
    }

    /// <summary>What was added so far.</summary>
    public MetricSet Metrics { get; } = new();

    /// <summary>What the policy's updates gave; null when there was none, as the critic warms up.</summary>
    public void AddActor(UpdateResult? update, double learningRate)
    {
        _actor = update;
        if (update is null)
        {
            return;
        }

        Metrics[$"actor/{LossName}"] = update.Loss;
        Metrics["actor/grad_norm"] = update.GradNorm;
        Metrics["actor/lr"] = learningRate;
        Metrics["actor/skipped"] = update.Count - update.Applied;
        foreach ((string name, double value) in update.Metrics)
        {
            Metrics[name] = value;
        }

        AddResidual(update.Residuals);
        // The mean of -log pi over tokens sampled from pi is its entropy in expectation: what each state's own sum over
        // the vocabulary would give, at no cost.
        AddMean("actor/entropy",
            [.. _batch.Trajectories.Where((_, b) => _batch.IsCurrent(b)).SelectMany(t => t.Logp)
            .Select(l => -(double)l)]);
        if (!_algorithm.Entry.IsPolicyGradient)
        {
            AddMean("actor/v_s1/mean", update.FirstValues);
        }

        AddMean("actor/logprob_ratio_ref/mean", update.LogRatios);
    }

    /// <summary>What the critic's updates gave; null without a critic.</summary>
    public void AddCritic(UpdateResult? update, double learningRate)
    {
        if (update is null)
        {
            return;
        }

        Metrics["critic/grad_norm"] = update.GradNorm;
        Metrics["critic/lr"] = learningRate;
        Metrics["critic/skipped"] = update.Count - update.Applied;
        foreach ((string name, double value) in update.Metrics)
        {
            Metrics[name] = value;
        }
    }

    /// <summary>What is told of the trajectories, whatever the algorithm.</summary>
    /// <param name="advantages">What the adv stage had to say.</param>
    public void AddTrajectories(MetricSet advantages)
    {
        GradedResponse[] graded = _sample.Graded;
        Metrics.AddSpread("critic/score",
            [.. graded.Where((_, i) => _batch.IsGraded[i]).Select(j => ScoreOf(j.Grade))]);
        Metrics.AddSpread("critic/rewards",
            [.. Enumerable.Range(0, graded.Length).Where(i => _batch.IsRewarded[i]).Select(_columns.RewardOf)]);
        Metrics.AddAll(advantages);
        AddEqualGroups();
        AddLengths();
        AddStatuses(graded);
        Metrics["reward/dropped"] = _batch.IsGraded.Count(graded => !graded);
        Metrics["actor/loss_trajectories"] = _batch.LossTrajectories;
        _actor?.Drift.AddTo(Metrics);
        _actor?.OffPolicy.AddTo(Metrics);
        Metrics["rollout/non_finite"] = _batch.NonFinite;
        Metrics["perf/total_num_tokens"] = _batch.Trajectories.Sum(t => (long)t.Length);
        if (_config.Algorithm.FilterGroups.Enable)
        {
            Metrics["train/num_gen_batches"] = _sample.Batches;
        }

        AddSources(graded);
    }

    /// <summary>The whole loss: of a Bellman residual under its algorithm's name, else beside the objective's own
    /// parts.</summary>
    private string LossName => _algorithm.Entry.IsPolicyGradient
        || _algorithm.Entry.Name.Contains(':', StringComparison.Ordinal) ? "loss" : _algorithm.Entry.Name + "_loss";

    private void AddResidual(List<double> residuals)
    {
        if (residuals.Count == 0)
        {
            return;
        }

        double mean = residuals.Average();
        Metrics["actor/residual/mean"] = mean;
        Metrics["actor/residual/std"] = Math.Sqrt(residuals.Average(f => (f - mean) * (f - mean)));
        Metrics["actor/residual/max"] = residuals.Max(Math.Abs);
    }

    /// <summary>A grader that failed gave no score; where it is not left out, 0 stands for it.</summary>
    private static double ScoreOf(GradeResult grade) => grade.IsFailure ? 0 : grade.Score;

    /// <summary>Share of the prompts whose samples all got the same reward.</summary>
    private void AddEqualGroups()
    {
        List<IGrouping<int, double>> groups =
            [.. _batch.Trajectories.Select((t, i) =>
            (t.Group, Reward: _batch.Rewards[i], IsRewarded: _batch.IsRewarded[i]))
            .Where(p => p.IsRewarded).GroupBy(p => p.Group, p => p.Reward)];
        if (_config.Rollout.N > 1 && groups.Count > 0)
        {
            Metrics["critic/rewards/zero_std_groups"] =
                groups.Average(group => group.Distinct().Count() == 1 ? 1.0 : 0);
        }
    }

    private void AddMean(string name, List<double> values)
    {
        if (values.Count > 0)
        {
            Metrics[name] = values.Average();
        }
    }

    /// <summary>The mean score of each data source, where there are several.</summary>
    private void AddSources(GradedResponse[] graded)
    {
        List<IGrouping<string, double>> sources = [.. _batch.Trajectories
            .Select((t, i) =>
                (_sample.Prompts[t.Group].Prompt.DataSource, Score: ScoreOf(graded[i].Grade),
                IsGraded: _batch.IsGraded[i]))
            .Where(r => r.IsGraded).GroupBy(r => r.DataSource, r => r.Score, StringComparer.Ordinal)
                .OrderBy(g => g.Key, StringComparer.Ordinal)];
        foreach (IGrouping<string, double> source in sources.Count > 1 ? sources : [])
        {
            Metrics[$"critic/score/{source.Key}/mean"] = source.Average();
        }
    }

    private void AddLengths()
    {
        Metrics.AddSpread("response_length", [.. _batch.Trajectories.Select(t => (double)t.ResponseIds.Length)]);
        Metrics["response_length/clip_ratio"] =
            _batch.Trajectories.Average(t => t.End == TrajectoryEnd.Length ? 1.0 : 0);
        Metrics.AddSpread("prompt_length", [.. _batch.Trajectories.Select(t => (double)t.PromptIds.Length)]);
        Metrics["prompt_length/clip_ratio"] =
            _batch.Trajectories.Average(t => t.PromptIds.Length >= _config.Data.MaxPromptLength ? 1.0 : 0);
    }

    private void AddStatuses(GradedResponse[] graded)
    {
        foreach (GradeStatus status in new[] { GradeStatus.NoAnswer, GradeStatus.OutOfSteps,
            GradeStatus.Timeout, GradeStatus.Error })
        {
            Metrics["reward/" + status.Word()] = graded.Count(j => j.Grade.Status == status);
        }

        // A grader's further numbers, each over the responses that have it: verl's reward_extra_info.
        foreach (IGrouping<string, double> numbers in graded.SelectMany(
            j => j.Grade.Numbers ?? new Dictionary<string, double>())
            .GroupBy(n => n.Key, n => n.Value, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            Metrics[$"reward/{numbers.Key}/mean"] = numbers.Average();
        }
    }
}
