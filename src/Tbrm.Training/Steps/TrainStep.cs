using System;
using System.Linq;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Objectives;
using Tbrm.Training.Metrics;
using Tbrm.Training.Progress;
using Tbrm.Training.Prompts;

namespace Tbrm.Training.Steps;

/// <summary>What one step produced besides the new weights.</summary>
/// <param name="Metrics">Under verl's names.</param>
/// <param name="Sample">Prompts, trajectories and grades.</param>
/// <param name="Update">What came of its updates; made, when at least one of them was.</param>
public sealed record StepOutcome(MetricSet Metrics, StepSample Sample, UpdateOutcome Update);

/// <summary>The models of a step.</summary>
/// <param name="Actor">The policy.</param>
/// <param name="Critic">Null when the algorithm has none.</param>
/// <param name="Reference">Null when nobody asks it.</param>
public sealed record StepModels(ITrainedPolicy Actor, ITrainedCritic? Critic, IReferenceScorer? Reference);

/// <summary>
/// One iteration of an algorithm, in verl's words: gen, reward, old_log_prob, ref, values, adv, update_critic, update_actor, each only where the
/// algorithm asks for it. With TBRM it is Algorithm 1 of arXiv 2505.15311: trajectories of the present policy, rewards, reference log-probs, one
/// update with the gradient of the squared residuals over all of them.
/// </summary>
public sealed class TrainStep
{
    private readonly StepModels _models;
    private readonly SampleStage _sample;
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
    /// <param name="sample">The gen and reward stages.</param>
    /// <param name="algorithm">What is asked for.</param>
    /// <param name="valueOf">V*(x) of a prompt, reward units; null when nobody asks.</param>
    /// <param name="isRolloutExact">Whether the rollout's log-probs are the trainer's, bit for bit, so that they are the old ones too.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="clock">Times the stages.</param>
    public TrainStep(StepModels models, SampleStage sample, AlgorithmSelection algorithm, Func<EncodedPrompt, double>? valueOf, bool isRolloutExact, RunConfig config,
        PhaseClock clock)
    {
        _models = models;
        _sample = sample;
        _algorithm = algorithm;
        _valueOf = valueOf;
        _isRolloutExact = isRolloutExact;
        _config = config;
        _clock = clock;
        _advantage = new(algorithm, config);
        _actorUpdate = new(models.Actor, algorithm.Objective, config);
        _criticUpdate = models.Critic is { } critic ? new(critic, algorithm.Critic!, config) : null;
    }

    /// <summary>The coefficient of the KL in the reward, which a checkpoint keeps; null without one.</summary>
    public double? KlCoefficient
    {
        get => _advantage.KlCoefficient;
        set => _advantage.KlCoefficient = value;
    }

    /// <summary>Makes step number <paramref name="step"/> (from 1). Stopped before its first update, it has changed nothing but the data's place.</summary>
    public StepOutcome? Run(long step, CancellationToken cancel)
    {
        if (_sample.Run(step, cancel) is not { } sample)
        {
            return null;
        }

        StepStop stop = new(cancel);
        MetricSet extra = new();
        TrajectoryBatch tau = new(sample.Trajectories, [.. sample.Judged.Select(j => j.Verdict)], _config);
        ObjectiveBatch batch = Columns(tau, sample);
        batch = OldLogProb(tau, batch, stop);
        batch = Reference(tau, batch, stop);
        batch = Values(tau, batch, stop);
        batch = _advantage.IsNeeded ? _clock.Measure("adv", () => _advantage.Estimate(batch, extra)) : batch;
        UpdateResult? critic = _criticUpdate is null ? null : _clock.Measure("update_critic", () => _criticUpdate.Run(step, tau, batch, stop));
        UpdateResult? actor = step < _config.Trainer.CriticWarmup ? null : _clock.Measure("update_actor", () => _actorUpdate.Run(step, tau, batch, stop));

        _models.Actor.ReleaseActivations();
        _models.Critic?.ReleaseActivations();

        StepMetrics metrics = new(step, sample, tau, batch, _algorithm, _config);
        metrics.AddActor(actor, _models.Actor.LearningRate(step));
        metrics.AddCritic(critic, _models.Critic?.LearningRate(step) ?? 0);
        metrics.AddTrajectories(extra);
        return new(metrics.Metrics, sample, OutcomeOf(tau, actor ?? critic));
    }

    /// <summary>Of a policy that only warms its critic up, what came of the critic's updates.</summary>
    private static UpdateOutcome OutcomeOf(TrajectoryBatch batch, UpdateResult? updates) =>
        updates?.Applied > 0 ? UpdateOutcome.Made
        : batch.NonFinite > 0 ? UpdateOutcome.LogitsNotFinite
        : batch.LossTrajectories == 0 || updates is null ? UpdateOutcome.NothingToLearn
        : UpdateOutcome.NotFinite;

    private Needs Needs => _algorithm.Needs;

    private ObjectiveBatch Columns(TrajectoryBatch tau, StepSample sample) => tau.Columns() with
    {
        BaselineRewards = sample.BaselineRewards,
        VStar = _valueOf is null ? [] : [.. sample.Trajectories.Select(t => _valueOf(sample.Prompts[t.Group]))],
    };

    /// <summary>
    /// Log-probs and first values before the first update. No pass is made where they are known: from a rollout with the trainer's bits, or, with a
    /// single update, from that update itself.
    /// </summary>
    private ObjectiveBatch OldLogProb(TrajectoryBatch tau, ObjectiveBatch batch, StepStop stop)
    {
        bool needsValue = Needs.HasFlag(Needs.FrozenValue), needsLogp = Needs.HasFlag(Needs.OldLogp) || _advantage.NeedsOldLogp;
        if (!needsValue && !needsLogp)
        {
            return batch;
        }

        if (!needsValue && (_isRolloutExact || _config.Algorithm.RolloutCorrection.BypassMode))
        {
            return batch with { OldLogp = batch.RolloutLogp };
        }

        if (!needsValue && !_advantage.NeedsOldLogp && !_actorUpdate.IsSeveral(tau))
        {
            return batch;
        }

        float temperature = ActorUpdate.TemperatureOf(_config);
        PassScores old = _clock.Measure("old_log_prob", () =>
            ForwardPass.LogProb(b => _models.Actor.LogProb(b, temperature, keep: false, entropy: false), tau, tau.MicroBatches, stop));
        return batch with { OldLogp = old.Logp, VFrozen = needsValue ? old.V1 : [] };
    }

    private ObjectiveBatch Reference(TrajectoryBatch tau, ObjectiveBatch batch, StepStop stop)
    {
        if (_models.Reference is not { } reference)
        {
            return batch;
        }

        float temperature = ActorUpdate.TemperatureOf(_config);
        PassScores scores = _clock.Measure("ref", () => ForwardPass.LogProb(b => reference.LogProb(b, temperature), tau, tau.ReferenceMicroBatches, stop));
        return batch with { RefLogp = scores.Logp, RefV1 = scores.V1, RefVEnd = scores.VEnd };
    }

    private ObjectiveBatch Values(TrajectoryBatch tau, ObjectiveBatch batch, StepStop stop)
    {
        if (_models.Critic is not { } critic)
        {
            return batch;
        }

        (int tokens, int sequences) = CriticUpdate.MicroBatchOf(_config);
        double[] values = _clock.Measure("values", () => ForwardPass.Values(critic, tau, tau.Cut(0..tau.Trajectories.Count, tokens, sequences), stop));
        return batch with { Values = values, OldValues = values };
    }
}
