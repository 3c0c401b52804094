using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Threading;
using Tbrm.Core;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>How a run ended.</summary>
/// <param name="ExitCode">Ok, Interrupted (saved) or NonFinite.</param>
/// <param name="Message">One sentence for people; empty when all went well.</param>
public sealed record TrainEnd(ExitCode ExitCode, string Message);

/// <summary>Tokens of a step.</summary>
/// <param name="All">Prompts and responses; 0 for step 0.</param>
/// <param name="Drawn">Those that a rollout drew; 0 without one.</param>
public readonly record struct StepTokens(long All, long Drawn = 0);

/// <summary>What every kind of training run does around its steps: evaluations, metrics, checkpoints, summary and report.</summary>
public sealed class RunRecorder
{
    private readonly OpenRun _run;
    private readonly MetricSinks _sinks;
    private readonly IProgressDisplay _progress;
    private readonly RunMonitor _monitor;
    private readonly Evaluator? _evaluator;
    private readonly long _totalSteps;
    private readonly long _started = Stopwatch.GetTimestamp();
    private long _savedStep;

    /// <summary>Begins with the run's state: that of its checkpoint, or step 0.</summary>
    public RunRecorder(OpenRun run, MetricSinks sinks, IProgressDisplay progress, Evaluator? evaluator, RunState state, long totalSteps)
    {
        _run = run;
        _sinks = sinks;
        _progress = progress;
        _evaluator = evaluator;
        _totalSteps = totalSteps;
        _monitor = new(run.Folder, run.Session.Config, progress);
        State = state;
        Clock.Restore(state.PhaseSeconds);
        _savedStep = run.State?.Step ?? -1;
        TrainerConfig trainer = run.Session.Config.Trainer;
        Checkpoints = new(OpenRun.CheckpointRoot(trainer, run.Folder), trainer.MaxActorCkptToKeep);
    }

    /// <summary>Where the run stands.</summary>
    public RunState State { get; set; }

    /// <summary>Wall time by phase.</summary>
    public PhaseClock Clock { get; } = new();

    /// <summary>Where checkpoints go.</summary>
    public CheckpointStore Checkpoints { get; }

    /// <summary>Accuracy of the newest evaluation; null before the first.</summary>
    public double? LastAccuracy => State.LastAccuracy;

    /// <summary>Loss on held-out examples at the newest measurement; null before the first.</summary>
    public double? LastLoss => State.LastLoss;

    /// <summary>The run reached its last step.</summary>
    public bool IsFinished { get; set; }

    /// <summary>Wall time of the run, earlier processes included.</summary>
    public double Seconds => State.SecondsBefore + Stopwatch.GetElapsedTime(_started).TotalSeconds;

    /// <summary>Whether a step is one after which the run evaluates.</summary>
    public bool IsTested(long step) => IsDue(_run.Session.Config.Trainer.TestFreq, step);

    /// <summary>Whether a step is one after which the run saves.</summary>
    public bool IsSaved(long step) => IsDue(_run.Session.Config.Trainer.SaveFreq, step);

    /// <summary>
    /// Whether to save a step between the regular ones, because it is the best so far: the best checkpoint by validation is kept, so it must be there.
    /// </summary>
    public bool IsNewBest(long step) => _run.Session.Config.Trainer.SaveBest && State.BestStep == step && (State.BestAccuracy is not null || State.BestLoss is not null);

    /// <summary>Asks the evaluation prompts, where there are any; adds accuracies to the metrics.</summary>
    public void Evaluate(long step, MetricSet metrics, CancellationToken stop)
    {
        if (_evaluator is null)
        {
            return;
        }

        Evaluation evaluation = Clock.Measure("testing", () => _evaluator.Run(step, stop));
        metrics.AddAll(evaluation.Metrics);
        RunFolder.WriteLines(_run.Folder.ValidationPath(step), evaluation.Rows);
        if (double.IsFinite(evaluation.Accuracy) && !(State.BestAccuracy >= evaluation.Accuracy))
        {
            State = State with { BestAccuracy = evaluation.Accuracy, BestStep = step };
        }

        State = State with { LastAccuracy = evaluation.Accuracy };
        double solved = evaluation.Report.MicroSolved;
        string partial = Math.Abs(solved - evaluation.Accuracy) < 0.0005 ? "" : FormattableString.Invariant($", partial credit included ({solved:P1} solved)");
        _progress.Say(FormattableString.Invariant($"step {step}: {evaluation.Accuracy:P1} of {_evaluator.Count} held-out problems{partial}"));
    }

    /// <summary>Takes in a loss on held-out examples.</summary>
    public void TakeLoss(long step, double loss, MetricSet metrics)
    {
        metrics["val/loss"] = loss;
        State = State with { LastLoss = loss };
        if (double.IsFinite(loss) && !(State.BestLoss <= loss))
        {
            State = State with { BestLoss = loss, BestStep = State.BestAccuracy is null ? step : State.BestStep };
        }

        _progress.Say(FormattableString.Invariant($"step {step}: loss {loss:F4} on held-out examples"));
    }

    /// <summary>
    /// Ends a step, or step 0: its times, <paramref name="test"/> where one is due, warnings, a row of metrics. Stopped in the test, the metrics wait
    /// in the state, and so in the checkpoint, for <see cref="FinishPending"/>.
    /// </summary>
    /// <param name="step">The step.</param>
    /// <param name="metrics">What it gave.</param>
    /// <param name="tokens">Of the step.</param>
    /// <param name="test">Adds to the metrics; null when no test is due.</param>
    public void Finish(long step, MetricSet metrics, StepTokens tokens, Action<MetricSet>? test)
    {
        Clock.TakeStep(metrics);
        if (tokens.All > 0)
        {
            AddTimesPerToken(metrics, tokens);
            double seconds = metrics.Find("timing_s/step") ?? 0;
            metrics["perf/time_per_step"] = seconds;
            metrics["perf/throughput"] = seconds > 0 ? tokens.All / seconds : 0;
            metrics["perf/max_memory_allocated_gb"] = _run.Session.Device.Memory().Peak / 1e9;
            metrics["perf/cpu_memory_used_gb"] = Environment.WorkingSet / 1e9;
        }

        Finish(step, metrics, test);
    }

    /// <summary>As verl counts them: drawing by the tokens drawn, everything else by all tokens.</summary>
    private static void AddTimesPerToken(MetricSet metrics, StepTokens tokens)
    {
        foreach ((string phase, long count) in new[] { ("gen", tokens.Drawn), ("ref", tokens.All), ("update_actor", tokens.All) })
        {
            if (count > 0 && metrics.Find("timing_s/" + phase) is { } seconds)
            {
                metrics["timing_per_token_ms/" + phase] = 1000 * seconds / count;
            }
        }
    }

    /// <summary>Ends the step that was stopped in its test; true when there was one.</summary>
    public bool FinishPending(Action<MetricSet> test)
    {
        if (State.Pending is not { } metrics)
        {
            return false;
        }

        Finish(State.Step, metrics, test);
        return true;
    }

    private void Finish(long step, MetricSet metrics, Action<MetricSet>? test)
    {
        try
        {
            test?.Invoke(metrics);
            Clock.TakeStep(metrics);
            State = State with { Pending = null };
        }
        catch (OperationCanceledException)
        {
            State = State with { Pending = metrics };
            throw;
        }

        if (step > 0)
        {
            _monitor.Observe(step, metrics);
        }

        if (metrics.Names.Count > 0)
        {
            _sinks.Write(step, metrics);
        }
    }

    /// <summary>Writes a checkpoint: model, state and configuration; <paramref name="rest"/> adds what the kind of run has besides.</summary>
    public void Save(long step, Action<string> rest)
    {
        RunState state = State with { SecondsBefore = Seconds, PhaseSeconds = new Dictionary<string, double>(Clock.Totals) };
        Clock.Measure("save_checkpoint", () => Checkpoints.Save(step, folder => Fill(folder, _run, state, rest), [State.BestStep]));
        _savedStep = step;
    }

    /// <summary>What every checkpoint holds.</summary>
    public static void Fill(string folder, OpenRun run, RunState state, Action<string> rest)
    {
        TrainingSession session = run.Session;
        session.SaveModel(RunState.ModelFolderOf(folder));
        rest(folder);
        (state with { TemplateDate = session.Config.Data.TemplateDate, ComputedOn = run.ComputedOn }).Write(folder);
        File.WriteAllText(Path.Combine(folder, "config.resolved.yaml"), ConfigWriter.ToYaml(session.Config));
    }

    /// <summary>Ends a run that the user stopped, saved where it stands.</summary>
    public TrainEnd Interrupted(Action save)
    {
        _progress.Clear();
        if (_savedStep != State.Step)
        {
            save();
        }

        return new(ExitCode.Interrupted, $"interrupted; saved at step {State.Step}. Go on with: tbrm-native {State.Verb} --run-dir {_run.Folder.Quoted} --resume");
    }

    /// <summary>summary.json and report.html as of now; the report of a run that goes on may wait.</summary>
    public void Publish(bool isLast = false)
    {
        RunSummary.Write(_run.Folder, _run.Session, this, _totalSteps, _run.ComputedOn, _monitor.Warnings.All);
        _monitor.WriteReport(isLast);
    }

    private bool IsDue(int frequency, long step) => step == _totalSteps || (frequency > 0 && step % frequency == 0);
}
