using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>The numbers of a training step under verl's names; ours where verl has none.</summary>
internal static class StepMetrics
{
    public static MetricSet Of(long step, long epoch, TrajectoryBatch batch, JudgedResponse[] judged, UpdateResult update, OptimizerResult result,
        double learningRate, RunConfig config)
    {
        MetricSet metrics = new();
        metrics["training/global_step"] = step;
        metrics["training/epoch"] = epoch;
        metrics[$"actor/{config.Algorithm.Name}_loss"] = update.Loss;
        metrics["actor/grad_norm"] = result.GradNorm;
        metrics["actor/lr"] = learningRate;
        metrics["actor/skipped"] = result.Applied ? 0 : 1;
        AddResidual(metrics, update.Residuals);
        // The mean of -log pi over tokens drawn from pi is its entropy in expectation: what each state's own sum over the vocabulary would give, at no cost.
        AddMean(metrics, "actor/entropy", [.. batch.Trajectories.SelectMany(t => t.Logp).Select(l => -(double)l)]);
        AddMean(metrics, "actor/v_s1/mean", update.FirstValues);
        AddMean(metrics, "actor/logprob_ratio_ref/mean", update.LogRatios);
        metrics.AddSpread("critic/score", [.. judged.Where((_, i) => batch.IsGraded[i]).Select(j => ScoreOf(j.Verdict))]);
        metrics.AddSpread("critic/rewards", [.. batch.Rewards.Where((_, i) => batch.IsRewarded[i])]);
        AddEqualGroups(metrics, batch, config);
        AddLengths(metrics, batch, config);
        AddVerdicts(metrics, judged);
        metrics["reward/dropped"] = batch.IsGraded.Count(graded => !graded);
        metrics["actor/loss_trajectories"] = batch.LossTrajectories;
        update.Drift.AddTo(metrics);
        metrics["rollout/non_finite"] = batch.NonFinite;
        metrics["perf/total_num_tokens"] = batch.Trajectories.Sum(t => (long)t.Length);
        return metrics;
    }

    private static void AddResidual(MetricSet metrics, List<double> residuals)
    {
        if (residuals.Count == 0)
        {
            return;
        }

        double mean = residuals.Average();
        metrics["actor/residual/mean"] = mean;
        metrics["actor/residual/std"] = Math.Sqrt(residuals.Average(f => (f - mean) * (f - mean)));
        metrics["actor/residual/max"] = residuals.Max(Math.Abs);
    }

    /// <summary>A grader that failed gave no score; where it is not left out, 0 stands for it.</summary>
    private static double ScoreOf(Verdict verdict) => verdict.IsFailure ? 0 : verdict.Score;

    /// <summary>Share of the prompts whose samples all got the same reward.</summary>
    private static void AddEqualGroups(MetricSet metrics, TrajectoryBatch batch, RunConfig config)
    {
        List<IGrouping<int, double>> groups = [.. batch.Trajectories.Select((t, i) => (t.Group, Reward: batch.Rewards[i], IsRewarded: batch.IsRewarded[i]))
            .Where(p => p.IsRewarded).GroupBy(p => p.Group, p => p.Reward)];
        if (config.Rollout.N > 1 && groups.Count > 0)
        {
            metrics["critic/rewards/zero_std_groups"] = groups.Average(group => group.Distinct().Count() == 1 ? 1.0 : 0);
        }
    }

    private static void AddMean(MetricSet metrics, string name, List<double> values)
    {
        if (values.Count > 0)
        {
            metrics[name] = values.Average();
        }
    }

    /// <summary>The mean score of each data source, where there are several.</summary>
    public static void AddSources(MetricSet metrics, IReadOnlyList<EncodedPrompt> prompts, TrajectoryBatch batch, JudgedResponse[] judged)
    {
        List<IGrouping<string, double>> sources = [.. batch.Trajectories
            .Select((t, i) => (prompts[t.Group].Prompt.DataSource, Score: ScoreOf(judged[i].Verdict), IsGraded: batch.IsGraded[i]))
            .Where(r => r.IsGraded).GroupBy(r => r.DataSource, r => r.Score, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal)];
        foreach (IGrouping<string, double> source in sources.Count > 1 ? sources : [])
        {
            metrics[$"critic/score/{source.Key}/mean"] = source.Average();
        }
    }

    private static void AddLengths(MetricSet metrics, TrajectoryBatch batch, RunConfig config)
    {
        metrics.AddSpread("response_length", [.. batch.Trajectories.Select(t => (double)t.ResponseIds.Length)]);
        metrics["response_length/clip_ratio"] = batch.Trajectories.Average(t => t.End == TrajectoryEnd.Length ? 1.0 : 0);
        metrics.AddSpread("prompt_length", [.. batch.Trajectories.Select(t => (double)t.PromptIds.Length)]);
        metrics["prompt_length/clip_ratio"] = batch.Trajectories.Average(t => t.PromptIds.Length >= config.Data.MaxPromptLength ? 1.0 : 0);
    }

    private static void AddVerdicts(MetricSet metrics, JudgedResponse[] judged)
    {
        foreach (VerdictStatus status in new[] { VerdictStatus.NoAnswer, VerdictStatus.OutOfSteps, VerdictStatus.Timeout, VerdictStatus.Error })
        {
            metrics["reward/" + status.Word()] = judged.Count(j => j.Verdict.Status == status);
        }

        // A grader's further numbers, each over the responses that have it: verl's reward_extra_info.
        foreach (IGrouping<string, double> numbers in judged.SelectMany(j => j.Verdict.Numbers ?? new Dictionary<string, double>())
            .GroupBy(n => n.Key, n => n.Value, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            metrics[$"reward/{numbers.Key}/mean"] = numbers.Average();
        }
    }
}
