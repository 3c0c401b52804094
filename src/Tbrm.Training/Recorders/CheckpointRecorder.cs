using System;
using System.IO;
using Tbrm.Core.Config;
using Tbrm.Engine.Checkpoint;
using Tbrm.Training.Config;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;

namespace Tbrm.Training.Recorders;

/// <summary>Writes the checkpoints of a run: when, and what every one of them holds.</summary>
public sealed class CheckpointRecorder
{
    private readonly CheckpointStore _store;
    private readonly OpenRun _run;
    private readonly RunPosition _position;
    private readonly long _totalSteps;

    /// <summary>Checkpoints of a run, where its configuration has them.</summary>
    public CheckpointRecorder(OpenRun run, RunPosition position, long totalSteps)
        : this(Store(run), run, position, totalSteps, run.State?.Step ?? -1)
    {
    }

    /// <summary>Checkpoints in a store of their own.</summary>
    /// <param name="store">Where.</param>
    /// <param name="run">The run.</param>
    /// <param name="position">Where it stands.</param>
    /// <param name="totalSteps">The last step, which is always saved.</param>
    /// <param name="savedStep">The step that is saved already; -1 for none.</param>
    internal CheckpointRecorder(CheckpointStore store, OpenRun run, RunPosition position, long totalSteps,
        long savedStep)
    {
        _store = store;
        _run = run;
        _position = position;
        _totalSteps = totalSteps;
        SavedStep = savedStep;
    }

    /// <summary>The folder of all checkpoints.</summary>
    public string Root => _store.Root;

    /// <summary>Whether saving is a phase of its own in the run's times.</summary>
    internal bool IsTimed { get; init; } = true;

    /// <summary>The newest step that is saved; -1 for none.</summary>
    public long SavedStep { get; private set; }

    /// <summary>A checkpoint's folder.</summary>
    public string FolderOf(long step) => _store.FolderOf(step);

    /// <summary>Whether the run saves after this step.</summary>
    public bool IsDue(long step) => EvaluationRecorder.IsDue(_run.Session.Config.Trainer.SaveFreq, step, _totalSteps);

    /// <summary>
    /// Whether to save a step between the regular ones, because it is the best so far: the best checkpoint by
    /// validation is kept, so it must be there.
    /// </summary>
    public bool IsNewBest(long step)
    {
        RunState state = _position.State;
        return _run.Session.Config.Trainer.SaveBest && state.BestStep == step
            && (state.BestAccuracy is not null || state.BestLoss is not null);
    }

    /// <summary>Writes a checkpoint: policy, state, configuration, and what <paramref name="rest"/> adds. The best one
    /// stays.</summary>
    public void Save(long step, Action<string> rest)
    {
        RunState state = _position.ForCheckpoint;
        if (IsTimed)
        {
            _position.Clock.Measure("save_checkpoint", Write);
        }
        else
        {
            Write();
        }

        SavedStep = step;

        void Write() => _store.Save(step, folder => Fill(folder, state, rest), [state.BestStep]);
    }

    private void Fill(string folder, RunState state, Action<string> rest)
    {
        TrainingSession session = _run.Session;
        session.SaveModel(RunState.ModelFolderOf(folder));
        rest(folder);
        (state with { TemplateDate = session.Config.Data.TemplateDate, ComputedOn = _run.ComputedOn }).Write(folder);
        File.WriteAllText(Path.Combine(folder, "config.resolved.yaml"), ConfigWriter.ToYaml(session.Config));
    }

    private static CheckpointStore Store(OpenRun run)
    {
        TrainerConfig trainer = run.Session.Config.Trainer;
        return new(OpenRun.CheckpointRoot(trainer, run.Folder), trainer.MaxActorCkptToKeep);
    }
}
