using System;
using System.Globalization;
using System.Threading;
using Tbrm.Core;

namespace Tbrm.Training;

/// <summary>
/// A supervised run: steps on examples, loss on held-out ones, accuracy on problems where there are any, checkpoints, report. Killed at any
/// moment, it goes on from its last checkpoint with the same bits.
/// </summary>
public sealed class SftLoop : IDisposable
{
    private readonly OpenRun _run;
    private readonly TrainingSession _session;
    private readonly IProgressDisplay _progress;
    private readonly SupervisedSources _sources;
    private readonly SftStep _step;
    private readonly RolloutStage? _rollout;
    private readonly RunRecorder _recorder;

    /// <summary>Prepares a run and reads its files, until <paramref name="stop"/>; the opened run and the sinks are the caller's.</summary>
    public SftLoop(OpenRun run, MetricSinks sinks, IProgressDisplay progress, CancellationToken stop)
    {
        _run = run;
        _session = run.Session;
        _progress = progress;
        RunConfig config = _session.Config;
        _sources = SupervisedSources.Of(_session, isWarmStart: false, stop);
        _step = new(_session, _sources.Train);
        bool isAsked = config.Sft.ValAccuracy && _session.Validation is not null;
        _rollout = isAsked ? new(_session.Policy, _session.Tokenizer, config, _session.StopIds) : null;
        Evaluator? evaluator = _rollout is null ? null : new(_session, _rollout, progress);
        _recorder = new(run, sinks, progress, evaluator, run.State ?? new(RunState.Sft, 0, _step.SamplerState), _step.TotalSteps);
    }

    /// <summary>Runs to the end, or to where it is stopped.</summary>
    public TrainEnd Run(CancellationToken stop)
    {
        try
        {
            Prepare(stop);
            if (Steps(stop) is { } reason)
            {
                return new(ExitCode.NonFinite, $"{reason}. The last good checkpoint is in {_recorder.Checkpoints.Root}");
            }

            string last = _recorder.Checkpoints.FolderOf(_recorder.State.Step);
            return new(ExitCode.Ok, _session.Policy.Adapter is null ? $"model: {RunState.ModelFolderOf(last)}" : $"adapter: {RunState.AdapterFolderOf(last)}");
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return _recorder.Interrupted(() => Save(_recorder.State.Step));
        }
        finally
        {
            _recorder.Publish(isLast: true);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _rollout?.Dispose();
        _step.Dispose();
    }

    private void Prepare(CancellationToken stop)
    {
        if (_sources.Note.Length > 0)
        {
            _progress.Say(_sources.Note);
        }

        if (_run.ResumedFrom is { } from)
        {
            _step.Restore(RunState.OptimizerPathOf(from), _recorder.State.Sampler);
            _progress.Say($"resumed from {from} at step {_recorder.State.Step}");
            if (_recorder.FinishPending(_recorder.State.Step == 0 ? TestFirst(stop) : m => Test(_recorder.State.Step, m, stop)))
            {
                Save(_recorder.State.Step);
            }

            return;
        }

        if (_session.Config.Trainer.ValBeforeTrain)
        {
            _recorder.Finish(0, new(), tokens: default, TestFirst(stop));
        }

        _recorder.Publish();
    }

    /// <summary>Makes the steps; returns why the run came to nothing, null when it did not.</summary>
    private string? Steps(CancellationToken stop)
    {
        UpdateCount updates = new(RunState.Sft, _session.Config, _recorder.State.Updates);
        for (long step = _recorder.State.Step + 1; step <= _step.TotalSteps; step++)
        {
            SftOutcome outcome = _recorder.Clock.Measure("step", () => _recorder.Clock.Measure("update_actor", () => _step.Run(step, stop)));
            updates.Add(outcome.Update);
            if (updates.Patience(step) is { } reason)
            {
                _recorder.Finish(step, outcome.Metrics, new(outcome.Tokens), test: null);
                return reason;
            }

            Finish(step, outcome, updates.Made, stop);
        }

        string? nothing = updates.Outcome(_step.TotalSteps);
        _recorder.IsFinished = nothing is null;
        return nothing;
    }

    /// <summary>Everything after the update. The state moves on only here.</summary>
    private void Finish(long step, SftOutcome outcome, long updates, CancellationToken stop)
    {
        _recorder.State = _recorder.State with { Step = step, Sampler = _step.SamplerState, Updates = updates };
        bool isTested = _recorder.IsTested(step), isSaved = _recorder.IsSaved(step);
        _recorder.Finish(step, outcome.Metrics, new(outcome.Tokens), isTested ? m => Test(step, m, stop) : null);
        _progress.Show("sft", (double)step / _step.TotalSteps, string.Create(CultureInfo.InvariantCulture, $"{step}/{_step.TotalSteps}, loss {outcome.Loss:F3}"));
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

    private Action<MetricSet> TestFirst(CancellationToken stop) => metrics =>
    {
        Test(0, metrics, stop);
        _recorder.State = _recorder.State with { ValBefore = _recorder.LastAccuracy, LossBefore = _recorder.LastLoss };
    };

    private void Test(long step, MetricSet metrics, CancellationToken stop)
    {
        if (_sources.Held is { } held)
        {
            _recorder.TakeLoss(step, _recorder.Clock.Measure("testing", () => _step.Measure(held, stop)), metrics);
        }

        _recorder.Evaluate(step, metrics, stop);
        _rollout?.ReleasePages();
    }

    private void Save(long step) => _recorder.Save(step, folder =>
    {
        _step.Save(RunState.OptimizerPathOf(folder));
        if (_session.Policy.Adapter is not null)
        {
            BaseModelRecord.Write(RunState.BaseRecordPathOf(folder), _session.Config.Model.Path);
        }
    });
}
