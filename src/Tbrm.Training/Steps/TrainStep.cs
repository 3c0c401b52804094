using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Logprob;
using Tbrm.Objectives;
using Tbrm.Training.Metrics;
using Tbrm.Training.Progress;
using Tbrm.Training.Prompts;

namespace Tbrm.Training.Steps;

/// <summary>What one step produced besides the new weights.</summary>
/// <param name="Metrics">Under verl's names.</param>
/// <param name="Sample">Prompts, trajectories and grades.</param>
/// <param name="Update">What came of its updates; made, when at least one of them was.</param>
public sealed record StepOutcome(MetricSet Metrics, StepSample Sample, UpdateOutcome Update)
{
    /// <summary>Whether a rollout sampled the trajectories.</summary>
    public bool IsSampled { get; init; } = true;
}

/// <summary>An update's trajectories with all that is computed of them before it.</summary>
internal sealed record StepBatch(StepSample Sample, TrajectoryBatch Tau, ObjectiveBatch Columns);

/// <summary>The models of a step.</summary>
/// <param name="Actor">The policy.</param>
/// <param name="Critic">Null when the algorithm has none.</param>
/// <param name="Reference">Null when nothing needs it.</param>
public sealed record StepModels(ITrainedPolicy Actor, ITrainedCritic? Critic, IReferenceScorer? Reference)
{
    /// <summary>The policy's own values, in place of a critic; null where there are none.</summary>
    public ISharedCritic? Shared { get; init; }
}

/// <summary>
/// One iteration of an algorithm, in verl's words: gen, reward, old_log_prob, ref, values, adv, update_critic,
/// update_actor, each only where the
/// algorithm asks for it. With TBRM it is Algorithm 1 of arXiv 2505.15311: trajectories of the present policy, rewards,
/// reference log-probs, one
/// update with the gradient of the squared residuals over all of them.
/// </summary>
public sealed class TrainStep
{
    private readonly StepModels _models;
    private readonly IStepSource _source;
    private readonly ReferenceStage _reference;
    private readonly bool _isOffPolicy;
    private readonly AlgorithmSelection _algorithm;
    private readonly RunConfig _config;
    private readonly PhaseClock _clock;
    private readonly AdvantageStage _advantage;
    private readonly ActorUpdate _actorUpdate;
    private readonly CriticUpdate? _criticUpdate;
    private readonly Func<EncodedPrompt, double>? _valueOf;
    private readonly bool _isRolloutExact;

    /// <summary>Ties the stages together.</summary>
    /// <param name="models">Policy, critic, reference.</param>
    /// <param name="source">The trajectories: the gen and reward stages, files, a replay buffer.</param>
    /// <param name="algorithm">What is asked for.</param>
    /// <param name="valueOf">V*(x) of a prompt, reward units; null when nothing needs it.</param>
    /// <param name="isRolloutExact">Whether the rollout's log-probs are the trainer's, bit for bit, so that they are
    /// the old ones too.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="clock">Times the stages.</param>
    public TrainStep(StepModels models, IStepSource source, AlgorithmSelection algorithm,
        Func<EncodedPrompt, double>? valueOf, bool isRolloutExact, RunConfig config,
        PhaseClock clock)
    {
        _models = models;
        _source = source;
        _reference = new(models.Reference, algorithm, config, clock);
        _isOffPolicy = source is not SampleStage || config.Rollout.Lag > 0;
        _algorithm = algorithm;
        _valueOf = valueOf;
        _isRolloutExact = isRolloutExact;
        _config = config;
        _clock = clock;
        _advantage = new(algorithm, config);
        _actorUpdate = new(models.Actor, algorithm.Objective, config)
        {
            Values = models.Shared is { } shared
                ? new(shared, algorithm.Critic!, config.Critic.VfCoef) : null,
        };
        _criticUpdate = models.Critic is { } critic ? new(critic, algorithm.Critic!, config) : null;
    }

    /// <summary>The coefficient of the KL in the reward, which a checkpoint keeps; null without one.</summary>
    public double? KlCoefficient
    {
        get => _advantage.KlCoefficient;
        set => _advantage.KlCoefficient = value;
    }

    /// <summary>Updates that the policy has behind it, which a checkpoint keeps.</summary>
    public long WeightVersion { get; set; }

    /// <summary>Resets of the reference policy so far, which a checkpoint keeps.</summary>
    public long ReferenceVersion
    {
        get => _reference.Version;
        set => _reference.Version = value;
    }

    /// <summary>Makes step number <paramref name="step"/> (from 1). Stopped before its first update, it has changed
    /// nothing but the data's place.</summary>
    public StepOutcome? Run(long step, CancellationToken cancel)
    {
        StepStop stop = new(cancel);
        try
        {
            return _source.Begin(step, WeightVersion, s => _reference.Complete(s, stop), cancel) is { } beginning
                ? Run(step, beginning, stop) : null;
        }
        catch (OperationCanceledException)
        {
            _source.Abandon();
            throw;
        }
    }

    private StepOutcome Run(long step, StepBeginning beginning, StepStop stop)
    {
        MetricSet extra = new();
        UpdateResult? actor = null, critic = null;
        StepBatch? first = null;
        for (int k = 0; k < _source.Updates; k++)
        {
            StepSample sample = _reference.Complete(_source.Batch(beginning, step, k), stop);
            // What the adv stage says of the last batch; what updates say is gathered over all of them.
            extra = new();
            StepBatch batch = Prepared(sample, stop, extra);
            first ??= batch;
            int applied = actor?.Applied ?? 0, residuals = actor?.Residuals.Count ?? 0;
            critic = _criticUpdate is null ? null
                : _clock.Measure("update_critic",
                () => _criticUpdate.Run(step, batch.Tau, batch.Columns, stop, critic));
            // Critic and policy take turns: neither keeps its buffers while the other learns.
            _models.Critic?.ReleaseActivations();
            actor = step < _config.Trainer.CriticWarmup ? null
                : _clock.Measure("update_actor", () => _actorUpdate.Run(step, batch.Tau, batch.Columns, stop, actor));
            WeightVersion += (actor?.Applied ?? 0) - applied;
            IReadOnlyList<double> own = actor is null ? [] : actor.Residuals[residuals..];
            _source.Learned(sample, own.Count == sample.Trajectories.Count ? own : []);
        }

        _source.End(beginning);
        _models.Actor.ReleaseActivations();
        bool isFirst = beginning.IsSampled ? ReferenceEquals(first!.Sample.Trajectories, beginning.Sample.Trajectories)
            : first is not null;
        StepBatch told = isFirst ? first! : Told(beginning.Sample);
        StepMetrics metrics = new(step, told.Sample, told.Tau, told.Columns, _algorithm, _config);
        metrics.AddActor(actor, _models.Actor.LearningRate(step));
        metrics.AddCritic(critic, _models.Critic?.LearningRate(step) ?? 0);
        metrics.AddTrajectories(extra);
        return new(metrics.Metrics, told.Sample,
            OutcomeOf(first!.Tau, actor ?? critic))
        { IsSampled = beginning.IsSampled };
    }

    /// <summary>Of a policy that only warms its critic up, what came of the critic's updates.</summary>
    private static UpdateOutcome OutcomeOf(TrajectoryBatch batch, UpdateResult? updates) =>
        updates?.Applied > 0 ? UpdateOutcome.Made
        : batch.NonFinite > 0 ? UpdateOutcome.LogitsNotFinite
        : batch.LossTrajectories == 0 || updates is null ? UpdateOutcome.NothingToLearn
        : UpdateOutcome.NotFinite;

    private Needs Needs => _algorithm.Needs;

    /// <summary>Everything that is computed of the trajectories of an update before it.</summary>
    private StepBatch Prepared(StepSample sample, StepStop stop, MetricSet extra)
    {
        TrajectoryBatch tau = Batch(sample);
        ObjectiveBatch columns = _reference.Columns(tau, Columns(tau, sample));
        columns = SumPiSquared(tau, OldLogProb(tau, columns, stop), stop);
        columns = Values(tau, columns, stop);
        columns = _advantage.IsNeeded ? _clock.Measure("adv", () => _advantage.Estimate(columns, extra)) : columns;
        return new(sample, tau, columns);
    }

    /// <summary>What metrics tell of what was sampled, where no update was made of it alone.</summary>
    private StepBatch Told(StepSample sample)
    {
        TrajectoryBatch tau = Batch(sample);
        return new(sample, tau, Columns(tau, sample));
    }

    private TrajectoryBatch Batch(StepSample sample) =>
        new(sample.Trajectories, [.. sample.Graded.Select(j => j.Grade)], _config, sample.KnownRewards)
        {
            Ages = _isOffPolicy ? [.. sample.Trajectories.Select(t => WeightVersion - t.WeightVersion)] : [],
        };

    private ObjectiveBatch Columns(TrajectoryBatch tau, StepSample sample) => tau.Columns() with
    {
        BaselineRewards = sample.BaselineRewards,
        VStar = _valueOf is null ? [] : [.. sample.Trajectories.Select(t => _valueOf(sample.Prompts[t.Group]))],
    };

    /// <summary>
    /// Log-probs and first values before the first update. No pass is made where they are known: from a rollout of the
    /// present policy with the
    /// trainer's bits, or, with a single update, from that update itself.
    /// </summary>
    private ObjectiveBatch OldLogProb(TrajectoryBatch tau, ObjectiveBatch batch, StepStop stop)
    {
        bool needsValue = Needs.HasFlag(Needs.FrozenValue), needsLogp = Needs.HasFlag(Needs.OldLogp)
            || _advantage.NeedsOldLogp;
        bool isSampler = Needs.HasFlag(Needs.OldIsSampler) || _algorithm.IsBypass;
        RequireRecorded(tau, batch, isSampler || Needs.HasFlag(Needs.RolloutLogp));
        if (!needsValue && !needsLogp)
        {
            return batch;
        }

        bool isCurrent = _isRolloutExact && Enumerable.Range(0, tau.Trajectories.Count).All(tau.IsCurrent)
            && batch.RolloutLogp.Length > 0;
        if (!needsValue && (isCurrent || isSampler))
        {
            return batch with { OldLogp = batch.RolloutLogp };
        }

        if (!needsValue && !_advantage.NeedsOldLogp && !_actorUpdate.IsSeveral(tau))
        {
            return batch;
        }

        float temperature = ActorUpdate.TemperatureOf(_config);
        PassScores old = _clock.Measure("old_log_prob", () =>
            ForwardPass.LogProb(b => _models.Actor.LogProb(b, temperature, keep: false, entropy: false),
                _models.Actor.Ranks, tau, tau.MicroBatches, stop));
        _models.Actor.ReleaseActivations();
        return batch with { OldLogp = isSampler ? batch.RolloutLogp : old.Logp, VFrozen = needsValue ? old.V1 : [] };
    }

    /// <summary>Of the optimal token baseline: how sharp the policy was in every state.</summary>
    private ObjectiveBatch SumPiSquared(TrajectoryBatch tau, ObjectiveBatch batch, StepStop stop)
    {
        if (!Needs.HasFlag(Needs.SumPiSquared))
        {
            return batch;
        }

        double[] sums = _clock.Measure("old_log_prob", () => ForwardPass.SumPiSquared(
            (b, t) => _models.Actor.LogProb(b, t, keep: false, entropy: false), _models.Actor.Ranks,
            ActorUpdate.TemperatureOf(_config), batch.OldLogp, tau, stop));
        _models.Actor.ReleaseActivations();
        return batch with { SumPiSquared = sums };
    }

    private void RequireRecorded(TrajectoryBatch tau, ObjectiveBatch batch, bool isNeeded)
    {
        if (isNeeded && batch.RolloutLogp.Length == 0 && tau.RowCount > 0)
        {
            throw new DataException(
                $"algorithm.name={_algorithm.Entry.Name} needs the log-probs of the policy that sampled a trajectory "
                    + $"(logp or behaviour_logp), "
                + $"which {tau.Trajectories.Count(t => t.Logp.Length != t.ResponseIds.Length)} of "
                + $"{tau.Trajectories.Count} trajectories of this update have not; "
                + $"add them to the files, or choose an algorithm that takes trajectories of any policy "
                + $"({string.Join(", ", AlgorithmTable.OfAnyPolicy)})");
        }
    }

    private ObjectiveBatch Values(TrajectoryBatch tau, ObjectiveBatch batch, StepStop stop)
    {
        if (_models is { Critic: null, Shared: null })
        {
            return batch;
        }

        Func<PackedBatch, float[]> critic = _models.Shared is { } shared ? shared.Values
            : packed => _models.Critic!.Values(packed, keep: false);
        (int tokens, int sequences) = CriticUpdate.MicroBatchOf(_config);
        double[] values = _clock.Measure(
            "values", () => ForwardPass.Values(critic, tau, tau.Cut(0..tau.Trajectories.Count, tokens, sequences),
            stop));
        _models.Critic?.ReleaseActivations();
        return batch with { Values = values, OldValues = values };
    }
}
