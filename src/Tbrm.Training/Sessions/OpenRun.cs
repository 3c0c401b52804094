using System;
using System.Collections.Generic;
using System.IO;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Checkpoint;
using Tbrm.Training.Config;
using Tbrm.Training.Plans;
using Tbrm.Training.Progress;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Sessions;

/// <summary>A run folder with its session, and the checkpoint that the run goes on from.</summary>
public sealed class OpenRun : IDisposable
{
    private readonly RunLock _lock;

    private OpenRun(RunLock runLock, RunFolder folder, TrainingSession session, string? resumedFrom, string? warmStart,
        RunState? state,
        IReadOnlyList<ComputedOn> computedOn)
    {
        _lock = runLock;
        Folder = folder;
        Session = session;
        ResumedFrom = resumedFrom;
        WarmStart = warmStart;
        State = state;
        ComputedOn = computedOn;
    }

    /// <summary>Where everything of the run goes.</summary>
    public RunFolder Folder { get; }

    /// <summary>Model, data, grader.</summary>
    public TrainingSession Session { get; }

    /// <summary>The checkpoint; null for a run that begins.</summary>
    public string? ResumedFrom { get; }

    /// <summary>The checkpoint inside a train run's warm start that it goes on from; null when there is none.</summary>
    public string? WarmStart { get; }

    /// <summary>What the checkpoint says; null for a run that begins.</summary>
    public RunState? State { get; }

    /// <summary>What the run was computed on, this process included.</summary>
    public IReadOnlyList<ComputedOn> ComputedOn { get; }

    /// <summary>The last step whose metrics are written: one that was stopped in its test still has to write them. Null
    /// for a run that begins.</summary>
    public long? RecordedStep => State is null ? null : State.Pending is null ? State.Step : State.Step > 0
        ? State.Step - 1 : null;

    /// <summary>Where a configuration's checkpoints are.</summary>
    public static string CheckpointRoot(TrainerConfig trainer, RunFolder folder) =>
        trainer.DefaultLocalDir.Length > 0 ? trainer.DefaultLocalDir : folder.CheckpointPath;

    /// <summary>Where a train run's warm start is saved while it lasts.</summary>
    public static CheckpointStore WarmStartStore(RunFolder folder) => new(folder.WarmStartPath, keep: 1);

    /// <summary>Opens the folder and the model: the checkpoint's, or the configured one. Drops from the folder what
    /// lies after the checkpoint.</summary>
    /// <param name="config">The resolved configuration.</param>
    /// <param name="verb">What the run is: <see cref="RunState.Train"/> or <see cref="RunState.Sft"/>.</param>
    /// <param name="progress">Told about damaged checkpoints.</param>
    /// <exception cref="ConfigException">The folder belongs to a run of another verb.</exception>
    /// <exception cref="DataException">The checkpoint cannot be used, or another process writes to the
    /// folder.</exception>
    public static OpenRun Open(RunConfig config, string verb, IProgressDisplay progress)
    {
        (RunFolder folder, RunLock runLock) = Take(config.Trainer);
        progress.Say($"run folder: {folder.Root}");
        try
        {
            return Open(config, verb, progress, folder, runLock);
        }
        catch
        {
            folder.Abandon();
            runLock.Dispose();
            throw;
        }
    }

    /// <summary>The run's folder, locked. Where the configuration names none, another run that began at the same moment
    /// costs no more than another name.</summary>
    private static (RunFolder Folder, RunLock Lock) Take(TrainerConfig trainer)
    {
        while (true)
        {
            RunFolder folder = RunFolder.Open(trainer);
            if (RunLock.TryTake(folder) is { } taken)
            {
                return (folder, taken);
            }

            if (trainer.RunDir.Length > 0)
            {
                throw new DataException(
                    $"{folder.Root} is in use by another process of tbrm-native; wait for it, stop it, or give another "
                        + $"--run-dir");
            }
        }
    }

    private static OpenRun Open(RunConfig config, string verb, IProgressDisplay progress, RunFolder folder,
        RunLock runLock)
    {
        string? from = Checkpoint(config.Trainer, folder, progress);
        RunState? state = from is null ? null : RunState.Read(from);
        if (state is not null && state.Verb != verb)
        {
            throw new ConfigException(
                $"{folder.Root} holds a run of {state.Verb}, so {verb} cannot go on with it; give another --run-dir, "
                    + $"or take its model: model.path={RunState.ModelFolderOf(from!)}");
        }

        bool mayBeWarm = from is null && verb == RunState.Train && config.Trainer.ResumeMode == "auto"
            && config.Model.Path.Length == 0 && config.Sft.TotalTrainingSteps > 0;
        string? warmStart = mayBeWarm ? WarmStartStore(folder).Latest(Warn) : null;
        RunState? goesOn = state ?? (warmStart is null ? null : RunState.Read(warmStart));
        config = TemplateDate.Pin(config, goesOn?.TemplateDate);
        TrainingSession session = TrainingSession.Open(config, trainable: true, from ?? warmStart);
        try
        {
            RunFolder.WriteText(folder.ConfigPath, ConfigWriter.ToYaml(config));
            folder.RewindTo(state?.Step ?? -1, state?.Pending is not null);
            CheckpointStore checkpoints =
                new(CheckpointRoot(config.Trainer, folder), config.Trainer.MaxActorCkptToKeep);
            string? aside = checkpoints.SetAside(state?.Step ?? -1);
            checkpoints.Settle([state?.BestStep ?? 0]);
            session.TellAboutModel(progress);
            session.WarnBeyondContext(session.Policy.Options.MaxPositions, progress);
            if (aside is not null)
            {
                progress.Say($"checkpoints of later steps were in the run folder; they are in {aside} now");
            }

            IReadOnlyList<ComputedOn> before = goesOn?.ComputedOn ?? [];
            ComputedOn now = Runs.ComputedOn.Now(goesOn?.Verb ?? verb, goesOn?.Step ?? 0, session.Device.Description,
                PlanTarget.RanksOf(config.Trainer), config.Trainer.ZeroStage);
            if (Runs.ComputedOn.Change(before, now) is { } change)
            {
                Warn("warning: " + change);
            }

            return new(runLock, folder, session, from, warmStart, state, Runs.ComputedOn.Continued(before, now));
        }
        catch
        {
            session.Dispose();
            throw;
        }

        void Warn(string problem) => progress.Say("tbrm-native: " + problem);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Session.Dispose();
        _lock.Dispose();
    }

    private static string? Checkpoint(TrainerConfig trainer, RunFolder folder, IProgressDisplay progress)
    {
        switch (trainer.ResumeMode)
        {
            case "disable":
                return null;
            case "resume_path":
                CheckpointStore.Verify(trainer.ResumeFromPath);
                return Path.GetFullPath(trainer.ResumeFromPath);
            default:
                return new CheckpointStore(CheckpointRoot(trainer, folder), keep: 0)
                    .Latest(problem => progress.Say("tbrm-native: " + problem));
        }
    }
}
