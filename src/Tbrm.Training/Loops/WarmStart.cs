using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Threading;
using Tbrm.Core;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>The supervised steps before a train run's first step. Killed at any moment, it goes on from its last checkpoint with the same bits.</summary>
internal sealed class WarmStart(OpenRun run, RunRecorder recorder, IProgressDisplay progress)
{
    private readonly TrainingSession _session = run.Session;
    private readonly CheckpointStore _checkpoints = OpenRun.WarmStartStore(run.Folder);
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly double _secondsBefore = recorder.Clock.Totals.GetValueOrDefault(Phase);
    private long _savedStep = -1;

    /// <summary>Its name among the phases of a run.</summary>
    public const string Phase = "warm_start";

    /// <summary>Makes the configured number of steps, with an optimizer of their own.</summary>
    /// <exception cref="TbrmUserException">Loss or gradient were not finite too many times in a row.</exception>
    public void Run(CancellationToken stop)
    {
        SupervisedSources sources = SupervisedSources.Of(_session, isWarmStart: true, stop);
        using SftStep sft = new(_session, sources.Train);
        long done = 0;
        if (run.WarmStart is { } from)
        {
            RunState state = RunState.Read(from);
            sft.Restore(RunState.OptimizerPathOf(from), state.Sampler);
            done = _savedStep = state.Step;
            progress.Say($"resumed the warm start at step {done}");
        }

        SftConfig config = _session.Config.Sft;
        double loss = double.NaN;
        UpdateCount updates = new(RunState.WarmStart, _session.Config, run.WarmStart is { } saved ? RunState.Read(saved).Updates : 0);
        for (long step = done + 1; step <= sft.TotalSteps; step++)
        {
            RunState before = new(RunState.WarmStart, step - 1, sft.SamplerState) { Updates = updates.Made };
            SftOutcome outcome = Step(sft, step, before, stop);
            loss = outcome.Loss;
            updates.Add(outcome.Update);
            GiveUp(updates.Patience(step));
            progress.Show("warm start", (double)step / sft.TotalSteps, string.Create(CultureInfo.InvariantCulture, $"{step}/{sft.TotalSteps}, loss {loss:F3}"));
            if (config.SaveFreq > 0 && step % config.SaveFreq == 0 && step < sft.TotalSteps)
            {
                Save(sft, before with { Step = step, Sampler = sft.SamplerState, Updates = updates.Made });
            }
        }

        progress.Clear();
        GiveUp(updates.Outcome(sft.TotalSteps));
        progress.Say(FormattableString.Invariant($"warm start: {sft.TotalSteps} supervised steps, loss {loss:F3}"));
    }

    /// <summary>Once the run has a checkpoint of its own, that of the warm start is of no use.</summary>
    public static void Forget(RunFolder folder)
    {
        if (Directory.Exists(folder.WarmStartPath))
        {
            DiskErrors.Translated($"deleting {folder.WarmStartPath}", () => Directory.Delete(folder.WarmStartPath, recursive: true));
        }
    }

    private static void GiveUp(string? reason)
    {
        if (reason is not null)
        {
            throw new TbrmUserException(ExitCode.NonFinite, reason);
        }
    }

    private SftOutcome Step(SftStep sft, long step, RunState before, CancellationToken stop)
    {
        try
        {
            return sft.Run(step, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            if (before.Step != _savedStep)
            {
                Save(sft, before);
            }

            throw;
        }
    }

    private void Save(SftStep sft, RunState state)
    {
        state = state with
        {
            SecondsBefore = recorder.Seconds,
            PhaseSeconds = new Dictionary<string, double> { [Phase] = _secondsBefore + Stopwatch.GetElapsedTime(_started).TotalSeconds },
        };
        _checkpoints.Save(state.Step, folder => RunRecorder.Fill(folder, run, state, f => sft.Save(RunState.OptimizerPathOf(f))), []);
        _savedStep = state.Step;
    }
}
