using System;
using System.IO;
using System.Linq;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Engine.Checkpoint;
using Tbrm.Training.Progress;
using Tbrm.Training.Ranks;
using Tbrm.Training.Recorders;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;

namespace Tbrm.Training.Loops;

/// <summary>The supervised steps before a train run's first step. Killed at any moment, it goes on from its last
/// checkpoint with the same bits.</summary>
internal static class WarmStart
{
    /// <summary>Its name among the phases of a run.</summary>
    public const string Phase = "warm_start";

    /// <summary>Makes the configured number of steps, with an optimizer of their own.</summary>
    /// <param name="run">The run that it is the beginning of.</param>
    /// <param name="ranks">The ranks; null for one.</param>
    /// <param name="clock">The run's.</param>
    /// <param name="progress">Told about the steps.</param>
    /// <param name="stop">Stops it; it is saved where it stands.</param>
    /// <exception cref="TbrmUserException">Loss or gradient were not finite too many times in a row.</exception>
    public static void Run(OpenRun run, RankSet? ranks, PhaseClock clock, IProgressDisplay progress,
        CancellationToken stop)
    {
        using SftRun sft = SftRun.OfWarmStart(run, ranks, stop);
        if (sft.Sources.Note.Length > 0)
        {
            progress.Say(sft.Sources.Note);
        }

        RunPosition position =
            new(run.WarmStart is { } from ? RunState.Read(from) : new(RunState.WarmStart, 0, sft.Sampler), clock);
        long begin = position.State.Step;
        if (run.WarmStart is { } saved)
        {
            sft.Restore(saved, position.State.Sampler, stop);
            progress.Say($"resumed the warm start at step {begin}");
        }

        CheckpointRecorder checkpoints =
            new(OpenRun.WarmStartStore(run.Folder), run, position, sft.TotalSteps,
            run.WarmStart is null ? -1 : begin)
            { IsTimed = false };
        string? reason;
        try
        {
            reason = Steps(sft, run, position, checkpoints, progress, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested
            && checkpoints.SavedStep != position.State.Step)
        {
            checkpoints.Save(position.State.Step, sft.Save);
            throw;
        }

        if (reason is not null)
        {
            throw new TbrmUserException(ExitCode.NonFinite, reason);
        }
    }

    private static string? Steps(SftRun sft, OpenRun run, RunPosition position, CheckpointRecorder checkpoints,
        IProgressDisplay progress, CancellationToken stop)
    {
        int frequency = run.Session.Config.Sft.SaveFreq;
        string last = "";
        string? reason = StepLoop.Run(
            position.State.Step,
            sft.TotalSteps,
            new(sft.Verb, run.Session.Config, position.State.Updates),
            step => sft.Run(step, stop),
            (step, result, updates) =>
            {
                position.Advance(step, sft.Sampler, updates);
                last = result.Progress!;
                progress.Show("warm start", (double)step / sft.TotalSteps, $"{step}/{sft.TotalSteps}, {last}");
                if (frequency > 0 && step % frequency == 0 && step < sft.TotalSteps)
                {
                    checkpoints.Save(step, sft.Save);
                }
            },
            gaveUp: null);
        progress.Clear();
        if (reason is null)
        {
            progress.Say($"warm start: {sft.TotalSteps} supervised steps, {last}");
        }

        return reason;
    }

    /// <summary>Whether a run's warm start has a checkpoint.</summary>
    public static bool IsSaved(RunFolder folder) => OpenRun.WarmStartStore(folder).Steps().Any();

    /// <summary>Once the run has a checkpoint of its own, that of the warm start is of no use.</summary>
    public static void Forget(RunFolder folder)
    {
        if (Directory.Exists(folder.WarmStartPath))
        {
            DiskErrors.Translated($"deleting {folder.WarmStartPath}",
                () => Directory.Delete(folder.WarmStartPath, recursive: true));
        }
    }
}
