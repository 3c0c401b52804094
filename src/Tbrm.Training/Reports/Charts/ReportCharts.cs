using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Objectives;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Reports.Charts;

/// <summary>Which metrics are drawn, in which charts, in which order.</summary>
internal static class ReportCharts
{
    /// <summary>verl's main validation metrics begin so.</summary>
    public const string ValidationPrefix = "val-core/";

    /// <summary>The losses: of every algorithm that has one of its own name, and the parts of the others.</summary>
    private static readonly CurveSpec[] s_losses =
    [
        .. AlgorithmTable.Entries.Where(a => !a.IsPolicyGradient)
            .Select(a => new CurveSpec(a.Name, $"actor/{a.Name}_loss")),
        new("whole", "actor/loss"), new("policy", "actor/pg_loss"), new("value", "critic/vf_loss"),
            new("cross entropy", "sft/loss"), new("cross entropy, held out", "val/loss"),
    ];

    /// <summary>What an objective, an estimator or a correction says of itself has a name that begins so.</summary>
    private static readonly string[] s_own = ["actor/", "critic/", "rollout_corr/"];

    /// <summary>Counts that are not worth a chart.</summary>
    private static readonly string[] s_counts = ["actor/skipped", "critic/skipped", "actor/loss_trajectories"];

    /// <summary>The charts of a run with these metrics; some of them may have no data.</summary>
    public static IReadOnlyList<(string Heading, IReadOnlyList<ChartSpec> Charts)> Of(RunHistory history,
        RunConfig? config)
    {
        (string Heading, IReadOnlyList<ChartSpec> Charts)[] known = Known(history, config);
        return [.. known[..^1], ("Of the objective", Others(history, known.SelectMany(k => k.Charts))), known[^1]];
    }

    private static (string Heading, IReadOnlyList<ChartSpec> Charts)[] Known(RunHistory history, RunConfig? config) =>
    [
        ("Learning", [Accuracy(history, config), OfSeveral(history),
            Reward(history),
            new("Loss", "of the step, before the update", s_losses) { Smooth = true, MayBeLog = true },
            new("Bellman residual", "nats; the band is one standard deviation",
                [new("mean", "actor/residual/mean", Deviation: "actor/residual/std")]),
            new("Value of the first state", "V(s₁) in nats", [new("mean", "actor/v_s1/mean")]),
            new("Value of the states", "of the critic, reward units; the band spans smallest to largest",
                [new("mean", "critic/values/mean", "critic/values/min", "critic/values/max"),
                new("return", "critic/returns/mean")]) { Smooth = true },
            new("Advantages", "of the tokens; the band spans smallest to largest",
                [new("mean", "critic/advantages/mean", "critic/advantages/min", "critic/advantages/max")]),
            new("Distance from the reference", "log π − log π_ref of a response, nats",
                [new("mean", "actor/logprob_ratio_ref/mean")]) { Smooth = true }]),
        ("Responses", [
            new("Response length", "tokens; the band spans shortest to longest",
                [new("mean", "response_length/mean", "response_length/min", "response_length/max")]) { Low = 0 },
            new("Cut off, or nothing to compare", "shares of the step",
                [new("responses at the length limit", "response_length/clip_ratio"),
                    new("groups of equal rewards", "critic/rewards/zero_std_groups")]) { Unit = ChartUnit.Share,
                    Low = 0 },
            new("Entropy", "nats per token, from the log-probabilities of the tokens sampled",
                [new("entropy", "actor/entropy")]) { Smooth = true },
            new("Responses without a grade", "responses per step",
                [new("no answer", "reward/no_answer"), new("out of steps", "reward/out_of_steps"),
                    new("time-out", "reward/timeout"), new("error", "reward/error")]) { Low = 0 }]),
        ("Optimization", [
            new("Gradient norm", "before clipping",
                [new("norm", "actor/grad_norm"), new("norm (critic)", "critic/grad_norm"),
                new("norm (supervised)", "sft/grad_norm")]) { MayBeLog = true, Smooth = true },
            new("Learning rate", "",
                [new("lr", "actor/lr"), new("lr (critic)", "critic/lr"), new("lr (supervised)", "sft/lr")]) { Low = 0 },
            new("Policy update", "shares of tokens, and distance from the policy before the step, nats",
                [new("clipped", "actor/pg_clipfrac"), new("clipped below", "actor/pg_clipfrac_lower"),
                    new("values clipped", "critic/vf_clipfrac"), new("KL of the update", "actor/ppo_kl"),
                    new("KL to the reference", "actor/kl_loss"),
                        new("KL in the reward", "actor/reward_kl_penalty")]) { Smooth = true },
            new("Rollout against trainer", "difference of a token's probability; 0 means the same bits",
                [new("largest", "training/rollout_probs_diff_max"),
                    new("mean", "training/rollout_probs_diff_mean")]) { Low = 0 }]),
        ("Speed and memory", [
            new("Throughput", "tokens of prompts and responses per second",
                [new("tokens/s", "perf/throughput")]) { Low = 0, Smooth = true },
            new("Memory", "gigabytes",
                [new("device, largest", "perf/max_memory_allocated_gb"),
                new("process", "perf/cpu_memory_used_gb")]) { Low = 0 }]),
    ];

    /// <summary>A chart for every further number of the algorithm, a user's own included: none is recorded and not
    /// shown.</summary>
    private static List<ChartSpec> Others(RunHistory history, IEnumerable<ChartSpec> known)
    {
        HashSet<string> shown =
            [.. known.SelectMany(c => c.Curves).SelectMany(c => new[] { c.Metric, c.Low, c.High, c.Deviation })
            .OfType<string>().Select(Stem), .. s_counts];
        return [.. history.Names.Where(n => s_own.Any(p => n.StartsWith(p, StringComparison.Ordinal))
            && !shown.Contains(Stem(n)))
            .GroupBy(Stem).OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => new ChartSpec(g.Key, "",
                [.. g.Select(n =>
                new CurveSpec(n == g.Key ? n[(n.IndexOf('/', StringComparison.Ordinal) + 1)..]
                : n[(g.Key.Length + 1)..], n))]) { Smooth = true })];
    }

    /// <summary>A metric's name without what says which number of a spread it is.</summary>
    private static string Stem(string name) =>
        name.LastIndexOf('/') is > 0 and int at && name[(at + 1)..] is "mean" or "min" or "max" or "std" ? name[..at]
            : name;

    /// <summary>The reward beside the score only where scaling or shaping made something else of it.</summary>
    private static ChartSpec Reward(RunHistory history)
    {
        const string score = "critic/score/mean", reward = "critic/rewards/mean";
        bool isSame = history.Find(score) is { } a && history.Find(reward) is { } b && a.Count == b.Count
            // Rewards are kept in fp32, scores are not.
            && a.Values.Zip(b.Values).All(p => Math.Abs(p.First - p.Second) <= 1e-6 * Math.Max(1, Math.Abs(p.First)));
        return new("Reward", "mean over the step's responses",
            isSame ? [new("score", score)] : [new("score", score), new("reward", reward)])
        { Smooth = true };
    }

    /// <summary>
    /// The mean score of every data source, whatever the sources are called, and beside it what the training's own
    /// samples score: greedy answers and
    /// samples may learn at a different pace. Bands are one standard error.
    /// </summary>
    private static ChartSpec Accuracy(RunHistory history, RunConfig? config)
    {
        ValKwargsConfig? sampling = config?.Rollout.ValKwargs;
        double? problems = config is { } c && (c.Data.Task.Length > 0 || c.Data.Tasks.Count > 0) ? c.Data.TaskValSize
            : null;
        string how = sampling is null ? "" : sampling.DoSample
            ? FormattableString.Invariant($", {sampling.N} sampled at temperature {sampling.Temperature}") : ", greedy";
        string size = problems is { } count ? FormattableString.Invariant($", {count} problems") : "";
        List<CurveSpec> curves =
            [.. Validation(history, isMean: true)
            .Select(v => v with { Responses = problems * (sampling is { DoSample: true } ? sampling.N : 1) })];
        if (curves.Count > 0 && config is not null && history.Find("critic/score/mean") is { } scores
            && scores.Values.All(v => !(v < 0 || v > 1)))
        {
            curves.Add(new("training, sampled", "critic/score/mean",
                Responses: (double)config.Data.TrainBatchSize * Math.Max(1, config.Rollout.N)));
        }

        return new("Held-out accuracy",
            $"on problems that training never sees{how}{size}; bands are one standard error",
            curves)
        { Unit = ChartUnit.Share, Low = 0, High = 1 };
    }

    /// <summary>What several responses to a problem reach together.</summary>
    private static ChartSpec OfSeveral(RunHistory history) =>
        new("Held-out, of several responses", "the best of them, and their majority",
            Validation(history, isMean: false))
        { Unit = ChartUnit.Share, Low = 0, High = 1 };

    private static List<CurveSpec> Validation(RunHistory history, bool isMean) => [.. history.Names
        .Where(n => n.StartsWith(ValidationPrefix, StringComparison.Ordinal)
            && n.Contains("/mean@", StringComparison.Ordinal) == isMean)
        .Select(n => new CurveSpec(n[ValidationPrefix.Length..], n))];
}
