using System;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Training.Metrics;
using Tbrm.Training.Progress;
using Tbrm.Training.Recorders;
using Tbrm.Training.Sessions;

namespace Tbrm.Training.Loops;

/// <summary>How a run ended.</summary>
/// <param name="ExitCode">Ok, Interrupted (saved) or NonFinite.</param>
/// <param name="Message">One sentence for people; empty when all went well.</param>
public sealed record TrainEnd(ExitCode ExitCode, string Message);

/// <summary>
/// The one loop of every training run: prepare or resume, evaluate, steps, metrics, checkpoints, report. Killed at any
/// moment, a run goes on from
/// its last checkpoint with the same bits.
/// </summary>
public sealed class RunLoop
{
    private readonly OpenRun _run;
    private readonly IRunStep _step;
    private readonly RunPosition _position;
    private readonly CheckpointRecorder _checkpoints;
    private readonly MetricRecorder _metrics;
    private readonly EvaluationRecorder _evaluation;
    private readonly IProgressDisplay _progress;

    /// <summary>Ties the parts of a run together; all of them are the caller's.</summary>
    internal RunLoop(OpenRun run, IRunStep step, RunPosition position, CheckpointRecorder checkpoints,
        MetricRecorder metrics, EvaluationRecorder evaluation,
        IProgressDisplay progress)
    {
        _run = run;
        _step = step;
        _position = position;
        _checkpoints = checkpoints;
        _metrics = metrics;
        _evaluation = evaluation;
        _progress = progress;
    }

    /// <summary>Runs to the end, or to where it is stopped.</summary>
    public TrainEnd Run(CancellationToken stop)
    {
        try
        {
            Prepare(stop);
            _step.Prepare(_position.State.Step, stop);
            _progress.Begin(_position.State.Step, _step.TotalSteps);
            if (Steps(stop) is { } reason)
            {
                _metrics.Ended = RunSummary.NonFinite;
                return new(ExitCode.NonFinite, $"{reason}. The last good checkpoint is in {_checkpoints.Root}");
            }

            _metrics.Ended = RunSummary.Finished;
            return new(ExitCode.Ok, _step.Outcome(_checkpoints.FolderOf(_position.State.Step)));
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return Interrupted();
        }
        finally
        {
            _metrics.Publish(isLast: true);
        }
    }

    /// <summary>What comes before the first step of this process; or all that from the checkpoint, and what its step
    /// still had to do.</summary>
    private void Prepare(CancellationToken stop)
    {
        if (_run.ResumedFrom is { } from)
        {
            _step.Restore(from, _position.State.Sampler, stop);
            long step = _position.State.Step;
            _progress.Say($"resumed from {from} at step {step}");
            if (_position.State.Pending is { } pending)
            {
                Conclude(step, pending, isTested: true, stop);
                Save(step);
            }

            WarmStart.Forget(_run.Folder);
            return;
        }

        // Whoever opens the report now sees what is run, before anything has been measured.
        _metrics.Publish();
        _step.Begin(stop);
        if (_run.Session.Config.Trainer.ValBeforeTrain && _evaluation.HasAny)
        {
            Finish(0, new(), default, isTested: true, stop);
        }

        if (_step.SavesStepZero)
        {
            Save(0);
        }

        WarmStart.Forget(_run.Folder);
        _metrics.Publish();
    }

    /// <summary>Makes the steps; returns why the run came to nothing, null when it did not.</summary>
    private string? Steps(CancellationToken stop) => StepLoop.Run(
        _position.State.Step,
        _step.TotalSteps,
        new(_step.Verb, _run.Session.Config, _position.State.Updates),
        step => _position.Clock.Measure("step", () => _step.Run(step, stop)),
        (step, result, updates) => After(step, result, updates, stop),
        (step, result) => Finish(step, result.Metrics, result.Tokens, isTested: false, stop));

    /// <summary>Everything after the update: evaluation, metrics, checkpoint. The state moves on only here.</summary>
    private void After(long step, StepResult result, long updates, CancellationToken stop)
    {
        _position.Advance(step, _step.Sampler, updates);
        result.Settle?.Invoke();
        bool isTested = _evaluation.IsDue(step), isSaved = _checkpoints.IsDue(step);
        Finish(step, result.Metrics, result.Tokens, isTested, stop);
        if (result.Progress is { } text)
        {
            _progress.Show(_step.Verb, (double)step / _step.TotalSteps, $"{step}/{_step.TotalSteps}, {text}");
        }

        isSaved |= isTested && _checkpoints.IsNewBest(step);
        if (isSaved)
        {
            Save(step);
        }

        if (isSaved || isTested || _metrics.IsPublishDue)
        {
            _metrics.Publish();
        }
    }

    private void Finish(long step, MetricSet metrics, StepTokens tokens, bool isTested, CancellationToken stop)
    {
        _metrics.AddTimes(metrics, tokens);
        Conclude(step, metrics, isTested, stop);
    }

    /// <summary>Evaluates where that is due and writes the row. Stopped in the evaluation, the metrics wait in the
    /// state, and so in the checkpoint.</summary>
    private void Conclude(long step, MetricSet metrics, bool isTested, CancellationToken stop)
    {
        try
        {
            if (isTested)
            {
                _evaluation.Run(step, metrics, stop);
            }

            _position.Clock.TakeStep(metrics);
            _position.Wait(null);
        }
        catch (OperationCanceledException)
        {
            _position.Wait(metrics);
            throw;
        }

        _metrics.Write(step, metrics);
    }

    private void Save(long step) => _checkpoints.Save(step, _step.Save);

    private TrainEnd Interrupted()
    {
        _progress.Clear();
        if (_step.IsReady)
        {
            long step = _position.State.Step;
            if (_checkpoints.SavedStep != step)
            {
                Save(step);
            }

            return new(ExitCode.Interrupted, $"interrupted; saved at step {step}. Go on with: tbrm-native "
                + $"{_step.Verb} --run-dir {_run.Folder.Quoted} --resume");
        }

        if (_run.ResumedFrom is { } from)
        {
            return new(ExitCode.Interrupted, $"interrupted before a further step; {from} is as it was");
        }

        return new(ExitCode.Interrupted, WarmStart.IsSaved(_run.Folder)
            ? $"interrupted in the warm start, which is saved. Go on with: tbrm-native {_step.Verb} --run-dir "
                + $"{_run.Folder.Quoted} --resume"
            : "interrupted before the first step; nothing was trained yet");
    }
}
