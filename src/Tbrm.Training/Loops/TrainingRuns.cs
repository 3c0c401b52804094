using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Engine.Ranks;
using Tbrm.Training.Progress;
using Tbrm.Training.Ranks;
using Tbrm.Training.Recorders;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Loops;

/// <summary>The kinds of training runs: a step of each kind, and the parts that its loop needs.</summary>
public static class TrainingRuns
{
    /// <summary>A reinforcement run; the opened run and the sinks are the caller's.</summary>
    /// <exception cref="ConfigException">There is nothing to train on, or no number of steps.</exception>
    public static TrainEnd Train(OpenRun run, MetricSinks sinks, IProgressDisplay progress, CancellationToken stop) =>
        TrainOn(null, run, sinks, progress, stop);

    /// <summary>The same over the processes of several nodes, of which this one is rank 0; null for one
    /// process.</summary>
    public static TrainEnd TrainOn(ProcessGroup? processes, OpenRun run, MetricSinks sinks, IProgressDisplay progress,
        CancellationToken stop)
    {
        using Watchdog watchdog = new(new ProgressFile(progress, run.Folder.Root),
            run.Session.Config.Trainer.WatchdogS);
        progress = watchdog;
        PhaseClock clock = ClockOf(watchdog, processes);
        using TrainRun step = new(run, clock, progress, processes);
        watchdog.Ranks = () => step.RanksAtWork;
        RunPosition position = Position(run.State ?? step.Beginning, clock);
        return Loop(run, step, position, sinks, progress, new(run, position, progress, step.TotalSteps)
        {
            Evaluator = run.Session.Validation is null ? null : new(run.Session, step, progress),
        }).Run(stop);
    }

    /// <summary>A supervised run; the opened run and the sinks are the caller's.</summary>
    /// <exception cref="ConfigException">There is nothing to train on, or no number of steps.</exception>
    public static TrainEnd Sft(OpenRun run, MetricSinks sinks, IProgressDisplay progress, CancellationToken stop) =>
        SftOn(null, run, sinks, progress, stop);

    /// <summary>The same over the processes of several nodes, of which this one is rank 0; null for one
    /// process.</summary>
    public static TrainEnd SftOn(ProcessGroup? processes, OpenRun run, MetricSinks sinks, IProgressDisplay progress,
        CancellationToken stop)
    {
        using Watchdog watchdog = new(new ProgressFile(progress, run.Folder.Root),
            run.Session.Config.Trainer.WatchdogS);
        progress = watchdog;
        TrainingSession session = run.Session;
        PhaseClock clock = ClockOf(watchdog, processes);
        bool isEvaluated = session.Config.Sft.ValAccuracy && session.Validation is not null;
        using RolloutStage? rollout = isEvaluated
            ? new(session.Policy, session.Tokenizer, session.Config, session.StopIds,
                session.Policy.Memory.Of(default).State) : null;
        using RankSet? ranks = RankSet.Open(session, rollout, processes);
        watchdog.Ranks = () => ranks?.AtWork() ?? [];
        RankedRollout? spread = ranks is null || rollout is null ? null : new(ranks, rollout);
        using SftRun step = SftRun.Of(run, clock, ranks, stop);
        RunPosition position = Position(run.State ?? new(RunState.Sft, 0, step.Sampler), clock);
        if (step.Sources.Note.Length > 0)
        {
            progress.Say(step.Sources.Note);
        }

        return Loop(run, step, position, sinks, progress, new(run, position, progress, step.TotalSteps)
        {
            Evaluator = rollout is null ? null : new(session, (IEvaluationRollout?)spread ?? rollout, progress),
            HeldOutLoss = step.Sources.HeldOut is null ? null : step.HeldOutLoss,
            Release = rollout is null ? null : spread is null ? rollout.ReleasePages : spread.ReleasePages,
        }).Run(stop);
    }

    /// <summary>A clock whose phases the watchdog knows, and the other processes.</summary>
    private static PhaseClock ClockOf(Watchdog watchdog, ProcessGroup? processes) => new()
    {
        Observer = (phase, isBegin) =>
        {
            watchdog.Phase(phase, isBegin);
            processes?.Note(isBegin ? phase : "after " + phase);
        },
    };

    private static RunPosition Position(RunState state, PhaseClock clock)
    {
        clock.Restore(state.PhaseSeconds, state.SecondsBefore);
        return new(state, clock);
    }

    private static RunLoop Loop(OpenRun run, IRunStep step, RunPosition position, MetricSinks sinks,
        IProgressDisplay progress, EvaluationRecorder evaluation) =>
        new(run, step, position, new(run, position, step.TotalSteps),
            new(run, sinks, position, progress, step.TotalSteps), evaluation, progress);
}
