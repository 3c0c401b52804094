using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Rollouts;
using Tbrm.Data.Sampling;
using Tbrm.Engine.Models;
using Tbrm.Engine.Ranks;
using Tbrm.Engine.Rollout;
using Tbrm.Objectives;
using Tbrm.Training.Metrics;
using Tbrm.Training.Plans;
using Tbrm.Training.Progress;
using Tbrm.Training.Prompts;
using Tbrm.Training.Ranks;
using Tbrm.Training.Recorders;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;
using Tbrm.Training.Trajectories;

namespace Tbrm.Training.Loops;

/// <summary>A reinforcement run as its loop sees it: the models that it trains, the reference policy, and the step over
/// them.</summary>
public sealed class TrainRun : IRunStep, IEvaluationRollout
{
    private readonly OpenRun _run;
    private readonly TrainingSession _session;
    private readonly RunConfig _config;
    private readonly PhaseClock _clock;
    private readonly IProgressDisplay _progress;
    private readonly PromptSampler? _sampler;
    private readonly TrainSources _sources;
    private readonly AlgorithmSelection _algorithm;
    private readonly List<TrainedModel> _models = [];
    private ReferencePolicy? _reference;
    private ValueEstimation? _estimation;
    private LaggedRollout? _lagged;
    private readonly RankSet? _ranks;
    private readonly RankedRollout? _spread;
    private RankedReference? _rankedReference;
    private SharedCritic? _shared;
    private TrainStep? _step;

    /// <summary>Opens prompts, page pool and ranks; the opened run is the caller's, and so are the processes, where
    /// ranks are such.</summary>
    /// <exception cref="ConfigException">There is nothing to train on, or no number of steps.</exception>
    public TrainRun(OpenRun run, PhaseClock clock, IProgressDisplay progress, ProcessGroup? processes = null)
    {
        _run = run;
        _session = run.Session;
        _config = _session.Config;
        _clock = clock;
        _progress = progress;
        _algorithm = AlgorithmSelection.Of(_config);
        _sources = TrainSources.Of(_session, _algorithm, run.Folder.Root);
        _sampler = _sources.IsOffline ? null : NewSampler();
        TrainerConfig trainer = _config.Trainer;
        TotalSteps = trainer.TotalTrainingSteps >= 0 ? trainer.TotalTrainingSteps
            : (_sampler is null ? _sources.StepsPerEpoch : _sampler.BatchesPerEpoch) * trainer.TotalEpochs
                ?? throw new ConfigException("a task has no epochs: set trainer.total_training_steps");
        Rollout = new(_session.Policy, _session.Tokenizer, _config, _session.StopIds,
            MemoryPlan.HeldBytes(_session.Policy, _config));
        try
        {
            _ranks = RankSet.Open(_session, Rollout, processes);
        }
        catch
        {
            Rollout.Dispose();
            throw;
        }

        _spread = _ranks is null ? null : new(_ranks, Rollout);
    }

    /// <summary>Rank 0's rollout stage.</summary>
    public RolloutStage Rollout { get; }

    /// <summary>What every rank does, for a watchdog; empty for one.</summary>
    public IEnumerable<string> RanksAtWork => _ranks?.AtWork() ?? [];

    /// <inheritdoc/>
    public string Verb => RunState.Train;

    /// <inheritdoc/>
    public long TotalSteps { get; }

    /// <inheritdoc/>
    public SamplerState Sampler => _sampler?.State ?? _sources.Offline;

    /// <inheritdoc/>
    public bool IsReady => _step is not null;

    /// <inheritdoc/>
    public bool SavesStepZero => true;

    /// <summary>Step 0; what the warm start took before it was stopped counts as the run's time.</summary>
    public RunState Beginning
    {
        get
        {
            RunState state = new(RunState.Train, 0, Sampler);
            return _run.WarmStart is null ? state
                : state with
                {
                    SecondsBefore = RunState.Read(_run.WarmStart).SecondsBefore,
                    PhaseSeconds = RunState.Read(_run.WarmStart).PhaseSeconds
                };
        }
    }

    /// <summary>Self-test of the graders, warm start, adapter; then reference and optimizers.</summary>
    public void Begin(CancellationToken stop)
    {
        StartUpTest.Run(_session, _sources, _progress, stop);
        if (_run.WarmStart is null)
        {
            WarmStart.Forget(_run.Folder);
        }

        ValueEstimation.Forget(_run.Folder);
        LaggedRollout.Forget(_run.Folder);
        if (_session.IsScratch && _config.Sft.TotalTrainingSteps > 0)
        {
            _clock.Measure(WarmStart.Phase, () => WarmStart.Run(_run, _ranks, _clock, _progress, stop));
        }

        _session.AttachAdapter();
        if (_session.Policy.Adapter is { } adapter)
        {
            _ranks?.Each("adapter", rank => rank.AttachAdapter(adapter, (ulong)_config.Trainer.Seed));
        }

        _reference = NeedsReference ? ReferencePolicy.Of(_session.Policy) : null;
        AddModels(critics => critics.New(), shared => shared.Init(_config), new StepState(null, 0, 0, []));
    }

    /// <inheritdoc/>
    public void Restore(string checkpoint, SamplerState sampler, CancellationToken stop)
    {
        StartUpTest.Run(_session, _sources, _progress, stop);
        _reference = !NeedsReference ? null
            : _session.Policy.Adapter is not null ? ReferencePolicy.Of(_session.Policy)
            : ReferencePolicy.Owning(Policies.LoadLike(
                _session, RunState.ReferenceFolderOf(checkpoint), trainable: false));
        StepState state = StepState.Read(checkpoint);
        AddModels(critics => critics.Load(checkpoint), shared => shared.Restore(checkpoint),
            state with { WeightVersion = state.WeightVersion ?? _run.State!.Updates });
        foreach (TrainedModel model in _models)
        {
            model.Restore(checkpoint);
        }

        _step!.KlCoefficient = state.KlCoefficient;
        _step.ReferenceVersion = state.ReferenceVersion;
        _sources.Restore(checkpoint, state.Sources);
        _sampler?.Restore(sampler);
    }

    /// <summary>Stage 1 of A*-PO, where that is the algorithm: the values of all prompts that the run will
    /// ask.</summary>
    public void Prepare(long done, CancellationToken stop)
    {
        if (_estimation is null || _sampler is null)
        {
            return;
        }

        PromptSampler ahead = NewSampler();
        ahead.Restore(Sampler);
        _clock.Measure(ValueEstimation.Phase,
            () => _estimation.Prepare(() => ahead.Next() is { } batch ? _session.Encoder.Encode(batch) : null,
            TotalSteps - done, stop));
    }

    /// <inheritdoc/>
    public StepResult? Run(long step, CancellationToken stop)
    {
        IRollout rollout = Sampling;
        (long preemptions, long generated) = (rollout.Preemptions, rollout.GeneratedTokens);
        if (_step!.Run(step, stop) is not { } outcome)
        {
            return null;
        }

        outcome.Metrics["training/epoch"] = Sampler.Epoch;
        outcome.Metrics["rollout/preemptions"] = rollout.Preemptions - preemptions;
        outcome.Metrics["perf/generated_tokens"] = rollout.GeneratedTokens - generated;
        outcome.Metrics["timing_s/update_weights"] = 0;
        _ranks?.TakeTimes(outcome.Metrics);
        IReadOnlyList<Trajectory> trajectories = outcome.Sample.Trajectories;
        StepTokens tokens = new(
            trajectories.Sum(t => (long)t.Length), outcome.IsSampled ? trajectories.Sum(t => (long)t.ResponseIds.Length)
            : 0);
        return new(outcome.Metrics, tokens, outcome.Update) { Settle = () => Settle(step, outcome) };
    }

    /// <inheritdoc/>
    public IReadOnlyList<Trajectory> Evaluate(IReadOnlyList<RolloutRequest> requests, SamplingOptions sampling,
        Action<RolloutProgress>? progress, Action<Trajectory>? finished, CancellationToken stop) =>
        ((IEvaluationRollout?)_spread ?? Rollout).Evaluate(requests, sampling, progress, finished, stop);

    /// <inheritdoc/>
    public void Save(string checkpoint)
    {
        SaveReference(checkpoint);
        foreach (TrainedModel model in _models)
        {
            model.Save(checkpoint);
        }

        _shared?.Save(checkpoint);
        JsonObject sources = [];
        _sources.Save(checkpoint, sources);
        new StepState(_step!.KlCoefficient, _step.WeightVersion, _step.ReferenceVersion, sources).Write(checkpoint);
    }

    /// <inheritdoc/>
    public string Outcome(string checkpoint) => SftRun.OutcomeOf(_session, checkpoint);

    /// <inheritdoc/>
    public void Dispose()
    {
        _estimation?.Dispose();
        _sources.Dispose();
        _lagged?.Dispose();
        foreach (TrainedModel model in _models)
        {
            model.Dispose();
        }

        _reference?.Dispose();
        _ranks?.Dispose();
        Rollout.Dispose();
    }

    private IRollout Sampling => (IRollout?)_lagged ?? (IRollout?)_spread ?? Rollout;

    private bool NeedsReference => _algorithm.NeedsReference && !_sources.BringReference(_algorithm.Needs);

    private PromptSampler NewSampler() =>
        new(_session.Train
        ?? throw new ConfigException("there is nothing to train on: set data.task or data.train_files"), new()
        {
            BatchSize = _config.Data.GenBatchSize > 0 ? _config.Data.GenBatchSize : _config.Data.TrainBatchSize,
            Shuffle = _config.Data.Shuffle,
            Seed = (ulong)_config.Data.Seed,
            Epochs = _config.Trainer.TotalTrainingSteps >= 0 ? null : _config.Trainer.TotalEpochs,
        });

    private void AddModels(Func<CriticSource, Critic> critic, Action<SharedCritic> begin, StepState state)
    {
        TrainedModel actor = NewActor();
        _models.Add(actor);
        TrainedCritic? value = null;
        if (_algorithm.Critic is not null && _config.Critic.SharedTrunk)
        {
            _shared = new(_session.Policy);
            begin(_shared);
        }
        else if (_algorithm.Critic is not null)
        {
            CriticSource critics = new(_session);
            value = new(critic(critics), critics.Save, _config.Critic, TotalSteps);
            _models.Add(value);
        }

        _estimation = _algorithm.Needs.HasFlag(Needs.VStar) ? new(_run.Folder, _session, _reference!, _progress) : null;
        long begun = state.WeightVersion!.Value;
        _lagged = _config.Rollout.Lag > 0 && !_sources.IsOffline ? new(_run, () => _step?.WeightVersion ?? begun)
            : null;
        SampleStage sample =
            new(() => NextPrompts(), Sampling, _session.Reward,
            _algorithm.Needs.HasFlag(Needs.BaselineRewards), _config, _clock, _progress);
        bool isRolloutExact = _session.Device.IsRolloutExact(_config.Trainer.BatchInvariant)
            && _config.Rollout.Temperature > 0;
        IStepSource source = _sources.Source(sample, _session.Reward, prompts => _estimation?.Usable(prompts));
        IReferenceScorer? scorer = _reference is null ? null : _ranks is null ? new ReferenceScorer(_reference)
            : _rankedReference = new(_ranks, _reference, _config.Ref.LogProbMaxTokenLenPerGpu > 0
                ? _config.Ref.LogProbMaxTokenLenPerGpu : _config.Actor.PpoMaxTokenLenPerGpu);
        StepModels models = new((ITrainedPolicy)actor, value, scorer)
        { Shared = _shared };
        _step = new(models, source, _algorithm,
            _estimation is null ? null : _estimation.Of, isRolloutExact, _config, _clock)
        {
            WeightVersion = begun,
        };
    }

    /// <summary>The policy under training, on one rank or spread over several, which sample too.</summary>
    private TrainedModel NewActor()
    {
        ActorConfig actor = _config.Actor;
        return _ranks is null ? new TrainedPolicy(_session.Policy, actor, TotalSteps)
            : new RankedPolicy(_ranks, actor.Optim, actor.GradClip, actor.PpoMaxTokenLenPerGpu, TotalSteps);
    }

    /// <summary>The next batch of prompts; with A*-PO without those that the reference never solved, if the
    /// configuration says so.</summary>
    private IReadOnlyList<EncodedPrompt>? NextPrompts()
    {
        while (_sampler!.Next() is { } batch)
        {
            IReadOnlyList<EncodedPrompt> prompts = _session.Encoder.Encode(batch);
            if (_estimation is not null)
            {
                prompts = _estimation.Usable(prompts);
            }

            if (prompts.Count > 0)
            {
                return prompts;
            }
        }

        return null;
    }

    private void Settle(long step, StepOutcome outcome)
    {
        _lagged?.Settle();
        if (_config.Ref.ResetSteps > 0 && step % _config.Ref.ResetSteps == 0)
        {
            ResetReference();
            _step!.ReferenceVersion++;
        }

        CheckDrift(step, outcome.Metrics);
        if (_config.Trainer.PrintSamples > 0)
        {
            StepSample shown = outcome.Sample;
            _progress.ShowSamples(step,
                [.. shown.Trajectories.Take(_config.Trainer.PrintSamples).Select((t, i) => new PrintedSample(
                shown.Prompts[t.Group].Prompt.Messages[^1].Content, _session.Tokenizer.Decode(t.ResponseIds),
                    shown.Graded[i].Grade.Score))]);
        }

        if (_config.Trainer.DumpRollouts && TokenCredit.IsKnown(_algorithm)
            && EvaluationRecorder.IsDue(_config.Trainer.TestFreq, step, TotalSteps))
        {
            WriteCredit(step, outcome.Sample);
        }

        if (_config.Trainer.DumpRollouts && outcome.IsSampled)
        {
            StepSample sample = outcome.Sample;
            RunFolder.WriteLines(_run.Folder.RolloutPath(step), sample.Trajectories.Select((t, i) =>
                TrajectoryRow.Of(step, ActorUpdate.TemperatureOf(_config), _session.Tokenizer, sample.Prompts[t.Group],
                    t, sample.Graded[i])));
        }
    }

    /// <summary>What the policy, as the step has made it, says of the tokens of some responses.</summary>
    private void WriteCredit(long step, StepSample sample)
    {
        ITrainedPolicy actor = _models.OfType<ITrainedPolicy>().Single();
        float temperature = ActorUpdate.TemperatureOf(_config);
        RunFolder.WriteLines(_run.Folder.CreditPath(step), TokenCredit.Rows(step, sample, _algorithm,
            _config.Algorithm.Tbrm, b => actor.LogProb(b, temperature, keep: false, entropy: false),
            _session.Tokenizer));
        actor.ReleaseActivations();
    }

    private void ResetReference()
    {
        if (_rankedReference is not null)
        {
            _rankedReference.Reset();
        }
        else
        {
            _reference?.CopyWeightsFrom(_session.Policy);
        }
    }

    private void CheckDrift(long step, MetricSet metrics)
    {
        double allowed = _config.Trainer.MaxRolloutProbsDiff;
        if (allowed >= 0 && metrics.Find("training/rollout_probs_diff_max") is { } drift && !(drift <= allowed))
        {
            throw new TbrmUserException(ExitCode.Internal,
                $"step {step}: a probability that the rollout recorded and the trainer's differ by {drift}, "
                    + $"trainer.max_rollout_probs_diff allows {allowed}");
        }
    }

    /// <summary>The reference policy; or, of an adapter, its base if it is in no folder yet, else which folder it
    /// is.</summary>
    private void SaveReference(string checkpoint)
    {
        if (_reference?.Copy is { } copy)
        {
            Policies.SaveLike(_session, copy, RunState.ReferenceFolderOf(checkpoint));
        }
        else if (_session.Policy.Adapter is not null)
        {
            if (_session.IsScratch)
            {
                Policies.SaveLike(_session, _session.Policy, RunState.ReferenceFolderOf(checkpoint));
            }
            else
            {
                BaseModelRecord.Write(RunState.BaseRecordPathOf(checkpoint), _config.Model.Path);
            }
        }
    }
}
