using System;
using System.Linq;
using System.Threading;
using Tbrm.Core;
using Tbrm.Data;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>
/// A whole run: warm start where there is one, evaluation, steps, checkpoints, report. Killed at any moment, it goes on from its last
/// checkpoint with the same bits.
/// </summary>
public sealed class TrainLoop : IDisposable
{
    private readonly OpenRun _run;
    private readonly TrainingSession _session;
    private readonly RunConfig _config;
    private readonly IProgressDisplay _progress;
    private readonly PromptSampler _sampler;
    private readonly RolloutStage _rollout;
    private readonly bool _isEvaluated;
    private readonly RunRecorder _recorder;
    private readonly long _totalSteps;
    private ReferencePolicy? _reference;
    private AdamW? _optimizer;

    /// <summary>Prepares a run; the opened run and the sinks are the caller's.</summary>
    public TrainLoop(OpenRun run, MetricSinks sinks, IProgressDisplay progress)
    {
        _run = run;
        _session = run.Session;
        _config = _session.Config;
        _progress = progress;
        TrainerConfig trainer = _config.Trainer;
        IPromptSource source = _session.Train ?? throw new ConfigException("there is nothing to train on: set data.task or data.train_files");
        _sampler = new(source, new()
        {
            BatchSize = _config.Data.TrainBatchSize,
            Shuffle = _config.Data.Shuffle,
            Seed = (ulong)_config.Data.Seed,
            Epochs = trainer.TotalTrainingSteps >= 0 ? null : trainer.TotalEpochs,
        });
        _totalSteps = trainer.TotalTrainingSteps >= 0 ? trainer.TotalTrainingSteps
            : _sampler.BatchesPerEpoch * trainer.TotalEpochs
                ?? throw new ConfigException("a task has no epochs: set trainer.total_training_steps");
        _rollout = new(_session.Policy, _session.Tokenizer, _config, _session.StopIds);
        _isEvaluated = _session.Validation is not null;
        _recorder = new(run, sinks, progress, _isEvaluated ? new(_session, _rollout, progress) : null, run.State ?? Beginning(run), _totalSteps);
    }

    /// <summary>Runs to the end, or to where it is stopped.</summary>
    public TrainEnd Run(CancellationToken stop)
    {
        try
        {
            Prepare(stop);
            return Steps(stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return Interrupted();
        }
        finally
        {
            _recorder.Publish(isLast: true);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _optimizer?.Dispose();
        _reference?.Dispose();
        _rollout.Dispose();
    }

    /// <summary>Warm start, reference, optimizer and the evaluation before the first step; or all that from the checkpoint.</summary>
    private void Prepare(CancellationToken stop)
    {
        StartUpTest.Run(_session, _progress, stop);
        if (_run.ResumedFrom is { } from)
        {
            Resume(from, stop);
            return;
        }

        if (_run.WarmStart is null)
        {
            WarmStart.Forget(_run.Folder);
        }

        if (_session.IsScratch && _config.Sft.TotalTrainingSteps > 0)
        {
            _recorder.Clock.Measure(WarmStart.Phase, () => new WarmStart(_run, _recorder, _progress).Run(stop));
        }

        _session.AttachAdapter();
        _reference = ReferencePolicy.Of(_session.Policy);
        _optimizer = new(_session.Policy, _config.Actor.Optim);
        if (_isEvaluated && _config.Trainer.ValBeforeTrain)
        {
            _recorder.Finish(0, new(), tokens: default, EvaluateFirst(stop));
        }

        Save(0);
        WarmStart.Forget(_run.Folder);
        _recorder.Publish();
    }

    private void Resume(string from, CancellationToken stop)
    {
        _reference = _session.Policy.Adapter is not null ? ReferencePolicy.Of(_session.Policy)
            : ReferencePolicy.Owning(Policies.LoadLike(_session, RunState.ReferenceFolderOf(from), trainable: false));
        _optimizer = new(_session.Policy, _config.Actor.Optim);
        _optimizer.Load(RunState.OptimizerPathOf(from));
        _sampler.Restore(_recorder.State.Sampler);
        long step = _recorder.State.Step;
        _progress.Say($"resumed from {from} at step {step}");
        if (_recorder.FinishPending(step == 0 ? EvaluateFirst(stop) : m => _recorder.Evaluate(step, m, stop)))
        {
            Save(step);
        }

        WarmStart.Forget(_run.Folder);
    }

    /// <summary>Step 0; what the warm start took before it was stopped counts as the run's time.</summary>
    private RunState Beginning(OpenRun run)
    {
        RunState state = new(RunState.Train, 0, _sampler.State);
        return run.WarmStart is null ? state
            : state with { SecondsBefore = RunState.Read(run.WarmStart).SecondsBefore, PhaseSeconds = RunState.Read(run.WarmStart).PhaseSeconds };
    }

    private Action<MetricSet> EvaluateFirst(CancellationToken stop) => metrics =>
    {
        _recorder.Evaluate(0, metrics, stop);
        _recorder.State = _recorder.State with { ValBefore = _recorder.LastAccuracy };
    };

    private TrainEnd Steps(CancellationToken stop)
    {
        LearningRate schedule = new(_config.Actor.Optim, _totalSteps);
        TrainStep train = new(_session, _sampler, _rollout, _reference!, _optimizer!, schedule, _recorder.Clock, _progress);
        UpdateCount updates = new(RunState.Train, _config, _recorder.State.Updates);
        long last = _recorder.State.Step;
        for (long step = _recorder.State.Step + 1; step <= _totalSteps; step++)
        {
            StepOutcome? outcome = _recorder.Clock.Measure("step", () => train.Run(step, stop));
            if (outcome is null)
            {
                break;
            }

            updates.Add(outcome.Update);
            if (updates.Patience(step) is { } reason)
            {
                _recorder.Finish(step, outcome.Metrics, Tokens(outcome), test: null);
                return GaveUp(reason);
            }

            Finish(step, outcome, updates.Made, stop);
            last = step;
        }

        if (updates.Outcome(last) is { } nothing)
        {
            return GaveUp(nothing);
        }

        _recorder.IsFinished = true;
        return new(ExitCode.Ok, "");
    }

    /// <summary>Everything after the update: evaluation, metrics, dumps, checkpoint. The state moves on only here.</summary>
    private void Finish(long step, StepOutcome outcome, long updates, CancellationToken stop)
    {
        _recorder.State = _recorder.State with { Step = step, Sampler = _sampler.State, Updates = updates };
        if (_config.Ref.ResetSteps > 0 && step % _config.Ref.ResetSteps == 0)
        {
            _reference!.CopyWeightsFrom(_session.Policy);
        }

        CheckDrift(step, outcome.Metrics);
        if (_config.Trainer.DumpRollouts)
        {
            RunFolder.WriteLines(_run.Folder.RolloutPath(step), outcome.Trajectories.Select((t, i) =>
                Evaluator.Row(step, _session, outcome.Prompts[t.Group], t, outcome.Judged[i])));
        }

        bool isTested = _isEvaluated && _recorder.IsTested(step), isSaved = _recorder.IsSaved(step);
        outcome.Metrics["timing_s/update_weights"] = 0;
        _recorder.Finish(step, outcome.Metrics, Tokens(outcome), isTested ? m => _recorder.Evaluate(step, m, stop) : null);
        isSaved |= isTested && _recorder.IsNewBest(step);
        if (isSaved)
        {
            Save(step);
        }

        if (isSaved || isTested)
        {
            _recorder.Publish();
        }
    }

    private void Save(long step) => _recorder.Save(step, folder =>
    {
        SaveReference(folder);
        _optimizer!.Save(RunState.OptimizerPathOf(folder));
    });

    /// <summary>The reference policy; or, where that is the base of an adapter, the base if it is in no folder yet, else which folder it is.</summary>
    private void SaveReference(string checkpoint)
    {
        if (_reference!.Copy is { } copy)
        {
            Policies.SaveLike(_session, copy, RunState.ReferenceFolderOf(checkpoint));
        }
        else if (_session.IsScratch)
        {
            Policies.SaveLike(_session, _session.Policy, RunState.ReferenceFolderOf(checkpoint));
        }
        else
        {
            BaseModelRecord.Write(RunState.BaseRecordPathOf(checkpoint), _config.Model.Path);
        }
    }

    private TrainEnd Interrupted()
    {
        if (_optimizer is not null)
        {
            return _recorder.Interrupted(() => Save(_recorder.State.Step));
        }

        _progress.Clear();
        return new(ExitCode.Interrupted, OpenRun.WarmStartStore(_run.Folder).Steps().Any()
            ? $"interrupted in the warm start, which is saved. Go on with: tbrm-native train --run-dir {_run.Folder.Quoted} --resume"
            : "interrupted before the first step; nothing was trained yet");
    }

    private TrainEnd GaveUp(string reason) => new(ExitCode.NonFinite, $"{reason}. The last good checkpoint is in {_recorder.Checkpoints.Root}");

    private static StepTokens Tokens(StepOutcome outcome) => new(outcome.Trajectories.Sum(t => (long)t.Length), outcome.Trajectories.Sum(t => (long)t.ResponseIds.Length));

    private void CheckDrift(long step, MetricSet metrics)
    {
        double allowed = _config.Trainer.MaxRolloutProbsDiff;
        if (allowed >= 0 && metrics.Find("training/rollout_probs_diff_max") is { } drift && !(drift <= allowed))
        {
            throw new TbrmUserException(ExitCode.Internal,
                $"step {step}: a probability that the rollout recorded and the trainer's differ by {drift}, trainer.max_rollout_probs_diff allows {allowed}");
        }
    }
}
