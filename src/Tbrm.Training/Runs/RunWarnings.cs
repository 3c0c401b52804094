using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Engine;
using Tbrm.Objectives;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Runs;

/// <summary>Something about a run that a person should look at.</summary>
/// <param name="Kind">A word for programs.</param>
/// <param name="What">What was seen, at the step where it became a warning.</param>
/// <param name="Advice">What to try.</param>
/// <param name="FirstStep">Where it was first seen.</param>
/// <param name="LastStep">Where it was last seen.</param>
/// <param name="Steps">How many steps showed it.</param>
public sealed record RunWarning(string Kind, string What, string Advice, long FirstStep, long LastStep, long Steps)
{
    /// <summary>One object of summary.json's list.</summary>
    public JsonObject ToJson() => new()
    {
        ["kind"] = Kind,
        ["what"] = What,
        ["advice"] = Advice,
        ["first_step"] = FirstStep,
        ["last_step"] = LastStep,
        ["steps"] = Steps,
    };
}

/// <summary>
/// Watches the metrics of a run. A function of the metrics alone: read again from metrics.jsonl, they give the same
/// warnings.
/// </summary>
public sealed class RunWarnings(RunConfig config)
{
    /// <summary>Largest difference of a probability that products in another order (trainer.batch_invariant=false) may
    /// make; verl sees 0.25.</summary>
    private const double FastPathDrift = 0.25;

    /// <summary>KL of a response to the policy that sampled it, nats, above which runs with a lag were seen to
    /// collapse, and below which none was (docs/guide/staleness.md).</summary>
    private const double StaleResponse = 0.05;

    private static bool IsExact(RunConfig config) =>
        config.Trainer.BatchInvariant && !EngineDevice.IsTorchName(config.Trainer.Device);

    private readonly Rule[] _rules = Rules(config);
    private readonly Dictionary<string, State> _states = new(StringComparer.Ordinal);

    /// <summary>All warnings so far, in the order in which they came up.</summary>
    public IReadOnlyList<RunWarning> All =>
        [.. _states.Values.Select(s => s.Warning).OfType<RunWarning>().OrderBy(w => w.FirstStep)];

    /// <summary>How many conditions one step meets: a function of that step alone.</summary>
    public int CountOf(MetricSet metrics) => _rules.Count(r => r.Seen(metrics) is not null);

    /// <summary>Takes in a step; returns what became a warning with it. Each kind becomes one once.</summary>
    public IReadOnlyList<RunWarning> Observe(long step, MetricSet metrics)
    {
        List<RunWarning> raised = [];
        foreach (Rule rule in _rules)
        {
            if (!_states.TryGetValue(rule.Kind, out State? state))
            {
                _states.Add(rule.Kind, state = new());
            }

            if (state.Observe(rule, step, metrics))
            {
                raised.Add(state.Warning!);
            }
        }

        return raised;
    }

    private static string Shorter(RunConfig config)
    {
        string truncation = config.Algorithm.Tbrm.Truncation;
        string raise = $"raise data.max_response_length (it is {config.Data.MaxResponseLength})";
        const string Ask = "ask for shorter answers in the prompt";
        return truncation is "drop" or "bootstrap" ? $"{raise}, or {Ask}"
            : $"{raise}, {Ask}, or set algorithm.tbrm.truncation=drop or bootstrap (it is {truncation})";
    }

    private static Rule[] Rules(RunConfig config) =>
    [
        new("clipped_responses", 3, m =>
            Above(m, "response_length/clip_ratio", 0.3, share =>
                $"{share * 100:0}% of the responses hit the length limit"),
            Shorter(config)),
        new("equal_rewards", 3, m =>
            Above(m, "critic/rewards/zero_std_groups", 0.9, share =>
                $"all {config.Rollout.N} rewards are equal in {share * 100:0}% of the prompts' groups"),
            "the problems are too hard or too easy for the policy, so that its samples teach nothing about each other: "
                + "choose others (data.filter, data.task_params), raise rollout.n, or raise rollout.temperature"),
        new("empty_step", 1, m => m.Find("actor/loss_trajectories") is not 0 ? null
                : Above(m, "actor/skipped", 0, _ =>
                    $"no response was left to train on, and the update was not made"),
            $"responses that hit the length limit are left out by algorithm.tbrm.truncation=drop (it is "
                + $"{config.Algorithm.Tbrm.Truncation}), those whose grader failed by reward.on_error=drop (it is "
                + $"{config.Reward.OnError})"),
        new("skipped_step", 1, m => m.Find("actor/loss_trajectories") is 0 && m.Find("rollout/non_finite") is 0 ? null
                : Above(m, "actor/skipped", 0, _ =>
                    $"logits, loss or gradient were not finite, and the update was not made"),
            string.Create(CultureInfo.InvariantCulture,
                $"lower actor.optim.lr (it is {config.Actor.Optim.Lr}), lengthen its warm-up, or lower actor.grad_clip "
                    + $"(it is {config.Actor.GradClip})"),
            m => Above(m, "rollout/non_finite", 0, _ => $"") is null ? null
                : NonFiniteAdvice.BeforeFirstUpdate(RunState.Train, config)),
        new("skipped_supervised_step", 1, m =>
            Above(m, "sft/skipped", 0, _ => $"loss or gradient were not finite, and the update was not made"),
            string.Create(CultureInfo.InvariantCulture,
                $"lower sft.optim.lr (it is {config.Sft.Optim.Lr}), lengthen its warm-up, or lower sft.grad_clip (it "
                    + $"is {config.Sft.GradClip})"),
            m => double.IsFinite(m.Find("sft/loss") ?? 0) ? null
                : NonFiniteAdvice.BeforeFirstUpdate(RunState.Sft, config)),
        new("probability_drift", 1, m =>
            Above(m, "training/rollout_probs_diff_max", IsExact(config) ? 0 : FastPathDrift, drift =>
                $"the rollout's probabilities and the trainer's differ by up to {drift:G3}"),
            "both run the same kernels, so this is a defect unless a faster path that is not row-invariant was chosen: "
                + "please report it with the run's config.resolved.yaml; trainer.max_rollout_probs_diff=0 stops a run "
                + "at the first difference"),
        new("grader_failures", 1, Failures,
            string.Create(CultureInfo.InvariantCulture,
                $"look at status in rollouts/STEP.jsonl; time-outs: raise reward.timeout_seconds (it is "
                    + $"{config.Reward.TimeoutSeconds}); errors: the grader refuses the ground truth or failed by "
                    + $"itself; reward.on_error says what becomes of such responses (it is {config.Reward.OnError})")),
        new("preemptions", 3, m => Above(m, "rollout/preemptions", 0.1 * config.Data.TrainBatchSize * config.Rollout.N,
                count => $"KV pages ran out {count} times; as many responses were computed again from the prompt on"),
            $"raise rollout.kv_cache_mb (it is {config.Rollout.KvCacheMb}; 0 = by rollout.memory_utilization), or "
                + $"lower rollout.max_num_seqs (it is {config.Rollout.MaxNumSeqs})"),
        new("stale_responses", 3,
            m => PushesStaleResponses(config) ? Above(m, "off_policy/response_k3_kl", StaleResponse, nats =>
                $"the policy is {nats:0.###} nats per response away from the one that sampled") : null,
            "responses that it no longer gives are pushed down further, "
                + "and what they lose goes where no response has been sampled yet: lower actor.optim.lr or rollout.lag "
                + $"(it is {config.Rollout.Lag}), weigh by algorithm.rollout_correction.rollout_is=sequence, or take "
                + "algorithm.name=reval with rewards from 0 up"),
    ];

    /// <summary>Whether responses without reward are pushed down however seldom the policy gives them by now. ReVal's
    /// residual of them is 0 at its start; importance weights fade.</summary>
    private static bool PushesStaleResponses(RunConfig config) => config.Rollout.Lag > 0
        && config.Algorithm.RolloutCorrection is { RolloutIs: "", BypassMode: false }
        && (config.Algorithm.Tbrm.RewardNormalization != "none"
            || !AlgorithmTable.Entries.Any(e => e.IsCalibrated && e.Name == config.Algorithm.Name));

    private static string? Failures(MetricSet metrics)
    {
        double timeouts = metrics.Find("reward/timeout") ?? 0, errors = metrics.Find("reward/error") ?? 0;
        return !(timeouts + errors > 0) ? null : FormattableString.Invariant(
            $"the grader gave no grade to {timeouts + errors} responses ({timeouts} time-outs, {errors} errors)");
    }

    /// <summary>Not "at most" rather than "above": NaN is worth a warning too.</summary>
    private static string? Above(MetricSet metrics, string name, double limit, Func<double, FormattableString> what) =>
        metrics.Find(name) is { } value && !(value <= limit) ? FormattableString.Invariant(what(value)) : null;

    /// <param name="Kind">Names the warning.</param>
    /// <param name="Patience">Steps in a row that make a warning of it.</param>
    /// <param name="Seen">What was seen in a step, or null.</param>
    /// <param name="Advice">What to try.</param>
    /// <param name="AdviceFromStart">What to try instead when the first step of the run shows it already; null when
    /// that makes no difference.</param>
    private sealed record Rule(string Kind, int Patience, Func<MetricSet, string?> Seen, string Advice,
        Func<MetricSet, string?>? AdviceFromStart = null);

    private sealed class State
    {
        private long _first, _inARow;

        public RunWarning? Warning { get; private set; }

        public bool Observe(Rule rule, long step, MetricSet metrics)
        {
            if (rule.Seen(metrics) is not { } what)
            {
                _inARow = 0;
                return false;
            }

            _first = _inARow++ == 0 ? step : _first;
            if (Warning is not null)
            {
                Warning = Warning with { LastStep = step, Steps = Warning.Steps + 1 };
                return false;
            }

            if (_inARow < rule.Patience)
            {
                return false;
            }

            string? advice = _first == 1 ? rule.AdviceFromStart?.Invoke(metrics) : null;
            Warning = new(rule.Kind, what, advice ?? rule.Advice, _first, step, _inARow);
            return true;
        }
    }
}
