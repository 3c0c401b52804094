using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using Tbrm.Core;
using Tbrm.Data;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>How a run ended.</summary>
/// <param name="ExitCode">Ok, Interrupted (saved) or NonFinite.</param>
/// <param name="Message">One sentence for people; empty when all went well.</param>
public sealed record TrainEnd(ExitCode ExitCode, string Message);

/// <summary>
/// A whole run: warm start where there is one, evaluation, steps, checkpoints, report. Killed at any moment, it goes on from its last
/// checkpoint with the same bits.
/// </summary>
public sealed class TrainLoop : IDisposable
{
    private readonly TrainingSession _session;
    private readonly RunConfig _config;
    private readonly RunFolder _folder;
    private readonly IProgressDisplay _progress;
    private readonly PhaseClock _clock = new();
    private readonly CheckpointStore _checkpoints;
    private readonly PromptSampler _sampler;
    private readonly RolloutStage _rollout;
    private readonly Evaluator? _evaluator;
    private readonly MetricSinks _sinks;
    private readonly RunMonitor _monitor;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly long _totalSteps;
    private readonly string? _resumedFrom;
    private ReferencePolicy? _reference;
    private AdamW? _optimizer;
    private RunState _state;
    private bool _finished;

    /// <summary>Prepares a run in its folder; the session is the caller's.</summary>
    public TrainLoop(TrainingSession session, RunFolder folder, MetricSinks sinks, IProgressDisplay progress, string? resumeFrom)
    {
        _session = session;
        _config = session.Config;
        _folder = folder;
        _sinks = sinks;
        _monitor = new(folder, _config, progress);
        _progress = progress;
        _resumedFrom = resumeFrom;
        TrainerConfig trainer = _config.Trainer;
        IPromptSource source = session.Train ?? throw new ConfigException("there is nothing to train on: set data.task or data.train_files");
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
        _checkpoints = new(trainer.DefaultLocalDir.Length > 0 ? trainer.DefaultLocalDir : folder.CheckpointPath, trainer.MaxActorCkptToKeep);
        _rollout = new(session.Policy, session.Tokenizer, _config, session.StopIds);
        _evaluator = session.Validation is null ? null : new(session, _rollout, progress);
        _state = resumeFrom is null ? new(0, _sampler.State, null, null, 0, 0) : RunState.Read(resumeFrom);
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
            _progress.Clear();
            return Interrupted();
        }
        finally
        {
            Publish(isLast: true);
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
        SelfTest();
        if (_resumedFrom is { } from)
        {
            Resume(from);
            return;
        }

        if (_session.IsScratch && _config.Sft.TotalTrainingSteps > 0)
        {
            OffsetPromptSource problems = new(_session.Train!);
            double loss = _clock.Measure("warm_start", () => new SftLoop(_session, _progress).Run(problems, _session.Demonstrations.Of, null, stop));
            _progress.Say(FormattableString.Invariant($"warm start: {_config.Sft.TotalTrainingSteps} supervised steps, loss {loss:F3}"));
        }

        _session.AttachAdapter();
        _reference = ReferencePolicy.Of(_session.Policy);
        _optimizer = new(_session.Policy, _config.Actor.Optim);
        MetricSet metrics = new();
        if (_evaluator is not null && _config.Trainer.ValBeforeTrain)
        {
            Evaluate(0, metrics, stop);
            _state = _state with { ValBefore = _state.BestAccuracy };
            _clock.TakeStep(metrics);
            _sinks.Write(0, metrics);
        }

        Save(0);
        Publish();
    }

    private void Resume(string from)
    {
        _reference = _session.Policy.Adapter is not null ? ReferencePolicy.Of(_session.Policy)
            : ReferencePolicy.Owning(Policies.LoadLike(_session, RunState.ReferenceFolderOf(from), trainable: false));
        _optimizer = new(_session.Policy, _config.Actor.Optim);
        _optimizer.Load(RunState.OptimizerPathOf(from));
        _sampler.Restore(_state.Sampler);
        _progress.Say($"resumed from {from} at step {_state.Step}");
    }

    private TrainEnd Steps(CancellationToken stop)
    {
        LearningRate schedule = new(_config.Actor.Optim, _totalSteps);
        TrainStep train = new(_session, _sampler, _rollout, _reference!, _optimizer!, schedule, _clock, _progress);
        int nonFinite = 0;
        for (long step = _state.Step + 1; step <= _totalSteps; step++)
        {
            StepOutcome? outcome = _clock.Measure("step", () => train.Run(step, stop));
            if (outcome is null)
            {
                break;
            }

            nonFinite = outcome.Finite ? 0 : nonFinite + 1;
            if (nonFinite >= _config.Trainer.MaxNonFiniteSteps)
            {
                _monitor.Observe(step, outcome.Metrics);
                _sinks.Write(step, Timed(outcome.Metrics, outcome));
                return GaveUp(step, nonFinite);
            }

            Finish(step, outcome, stop);
        }

        _finished = true;
        return new(ExitCode.Ok, "");
    }

    /// <summary>Everything after the update: evaluation, metrics, dumps, checkpoint. The state moves on only here.</summary>
    private void Finish(long step, StepOutcome outcome, CancellationToken stop)
    {
        _state = _state with { Step = step, Sampler = _sampler.State };
        if (_config.Ref.ResetSteps > 0 && step % _config.Ref.ResetSteps == 0)
        {
            _reference!.CopyWeightsFrom(_session.Policy);
        }

        bool last = step == _totalSteps;
        bool isTested = _evaluator is not null && (last || (_config.Trainer.TestFreq > 0 && step % _config.Trainer.TestFreq == 0));
        if (isTested)
        {
            Evaluate(step, outcome.Metrics, stop);
        }

        if (_config.Trainer.DumpRollouts)
        {
            RunFolder.WriteLines(_folder.RolloutPath(step), outcome.Trajectories.Select((t, i) =>
                Evaluator.Row(step, _session, outcome.Prompts[t.Group], t, outcome.Judged[i])));
        }

        _monitor.Observe(step, outcome.Metrics);
        CheckDrift(step, outcome.Metrics);
        _sinks.Write(step, Timed(outcome.Metrics, outcome));
        if (last || (_config.Trainer.SaveFreq > 0 && step % _config.Trainer.SaveFreq == 0))
        {
            Save(step);
            Publish();
        }
        else if (isTested)
        {
            Publish();
        }
    }

    private MetricSet Timed(MetricSet metrics, StepOutcome outcome)
    {
        _clock.TakeStep(metrics);
        double seconds = metrics.Find("timing_s/step") ?? 0;
        long tokens = outcome.Trajectories.Sum(t => (long)t.Length);
        metrics["timing_s/update_weights"] = 0;
        metrics["perf/time_per_step"] = seconds;
        metrics["perf/throughput"] = seconds > 0 ? tokens / seconds : 0;
        metrics["perf/max_memory_allocated_gb"] = _session.Device.Memory().Peak / 1e9;
        metrics["perf/cpu_memory_used_gb"] = Environment.WorkingSet / 1e9;
        return metrics;
    }

    private void Evaluate(long step, MetricSet metrics, CancellationToken stop)
    {
        Evaluation evaluation = _clock.Measure("testing", () => _evaluator!.Run(step, stop));
        metrics.AddAll(evaluation.Metrics);
        RunFolder.WriteLines(_folder.ValidationPath(step), evaluation.Rows);
        if (!(_state.BestAccuracy >= evaluation.Accuracy))
        {
            _state = _state with { BestAccuracy = evaluation.Accuracy, BestStep = step };
        }

        LastAccuracy = evaluation.Accuracy;
        _progress.Say(FormattableString.Invariant($"step {step}: {evaluation.Accuracy:P1} of {_evaluator!.Count} held-out problems"));
    }

    /// <summary>Accuracy of the newest evaluation; null before the first.</summary>
    public double? LastAccuracy { get; private set; }

    private void Save(long step)
    {
        RunState state = _state with { SecondsBefore = Seconds };
        _clock.Measure("save_checkpoint", () => _checkpoints.Save(step, folder =>
        {
            _session.SaveModel(RunState.ModelFolderOf(folder));
            SaveReference(folder);
            _optimizer!.Save(RunState.OptimizerPathOf(folder));
            state.Write(folder);
            System.IO.File.WriteAllText(System.IO.Path.Combine(folder, "config.resolved.yaml"), ConfigWriter.ToYaml(_config));
        }, [_state.BestStep]));
    }

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
        if (_optimizer is null)
        {
            return new(ExitCode.Interrupted, "interrupted before the first step; nothing was trained yet");
        }

        if (!_checkpoints.Steps().Contains(_state.Step))
        {
            Save(_state.Step);
        }

        return new(ExitCode.Interrupted, $"interrupted; saved at step {_state.Step}. Go on with: tbrm-native train --run-dir {_folder.Root} --resume");
    }

    private TrainEnd GaveUp(long step, int times) => new(ExitCode.NonFinite,
        $"step {step}: logits, loss or gradient were not finite {times} times in a row, and those updates were not made. The last good checkpoint is in "
        + $"{_checkpoints.Root}. Lower actor.optim.lr (it is {_config.Actor.Optim.Lr}), or raise algorithm.tbrm.beta");

    private void CheckDrift(long step, MetricSet metrics)
    {
        double allowed = _config.Trainer.MaxRolloutProbsDiff;
        if (allowed >= 0 && metrics.Find("training/rollout_probs_diff_max") is { } drift && !(drift <= allowed))
        {
            throw new TbrmUserException(ExitCode.Internal,
                $"step {step}: a probability that the rollout recorded and the trainer's differ by {drift}, trainer.max_rollout_probs_diff allows {allowed}");
        }
    }

    private void SelfTest()
    {
        const int probes = 64;
        List<Prompt> prompts = [];
        for (long i = 0; i < Math.Min(probes, _session.Train!.Count ?? probes); i++)
        {
            prompts.Add(_session.Train.Get(i));
        }

        _session.Reward.SelfTest(prompts, _session.TrainsOnTask ? _session.Demonstrations.Of : null);
    }

    private double Seconds => _state.SecondsBefore + Stopwatch.GetElapsedTime(_started).TotalSeconds;

    /// <summary>summary.json and report.html as of now; the report of a run that goes on may wait.</summary>
    private void Publish(bool isLast = false)
    {
        RunSummary.Write(_folder, _session, _state, LastAccuracy, Seconds, _clock, _finished, _monitor.Warnings.All);
        _monitor.WriteReport(isLast);
    }
}
