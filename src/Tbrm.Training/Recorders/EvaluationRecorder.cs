using System;
using System.Threading;
using Tbrm.Training.Evaluation;
using Tbrm.Training.Metrics;
using Tbrm.Training.Progress;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;

namespace Tbrm.Training.Recorders;

/// <summary>Evaluates a run: accuracy on the evaluation prompts, loss on held-out examples, each where there is
/// something to measure it on.</summary>
public sealed class EvaluationRecorder(OpenRun run, RunPosition position, IProgressDisplay progress, long totalSteps)
{
    /// <summary>Evaluates on the evaluation prompts; null when there are none.</summary>
    public Evaluator? Evaluator { get; init; }

    /// <summary>Loss on held-out examples, nats per token; null when there are none.</summary>
    public Func<CancellationToken, double>? HeldOutLoss { get; init; }

    /// <summary>Gives back what the evaluation took and the next step needs; null for nothing.</summary>
    public Action? Release { get; init; }

    /// <summary>Whether there is anything to measure.</summary>
    public bool HasAny => Evaluator is not null || HeldOutLoss is not null;

    /// <summary>Whether the run evaluates after this step.</summary>
    public bool IsDue(long step) => HasAny && IsDue(run.Session.Config.Trainer.TestFreq, step, totalSteps);

    /// <summary>Whether something that happens every so many steps, and after the last, happens after this
    /// one.</summary>
    internal static bool IsDue(int frequency, long step, long totalSteps) => step == totalSteps
        || (frequency > 0 && step % frequency == 0);

    /// <summary>Measures, adds to the metrics, and moves the run's best values on.</summary>
    public void Run(long step, MetricSet metrics, CancellationToken stop)
    {
        double? loss = HeldOutLoss is null ? null : Loss(step, metrics, stop);
        if (loss is not null)
        {
            position.Take(step, accuracy: null, loss);
        }

        double? accuracy = Evaluator is null ? null : Accuracy(step, metrics, stop);
        position.Take(step, accuracy, loss: null);
        Release?.Invoke();
    }

    private double Loss(long step, MetricSet metrics, CancellationToken stop)
    {
        double loss = position.Clock.Measure("testing", () => HeldOutLoss!(stop));
        metrics["val/loss"] = loss;
        progress.Say(FormattableString.Invariant($"step {step}: loss {loss:F4} on held-out examples"));
        return loss;
    }

    private double Accuracy(long step, MetricSet metrics, CancellationToken stop)
    {
        EvaluationResult evaluation = position.Clock.Measure("testing", () => Evaluator!.Run(step, stop));
        metrics.AddAll(evaluation.Metrics);
        RunFolder.WriteLines(run.Folder.ValidationPath(step), evaluation.Rows);
        double solved = evaluation.Report.MicroSolved;
        string partial = Math.Abs(solved - evaluation.Accuracy) < 0.0005 ? ""
            : FormattableString.Invariant($", partial credit included ({solved:P1} solved)");
        progress.Say(FormattableString.Invariant(
            $"step {step}: {evaluation.Accuracy:P1} of {Evaluator!.Count} held-out problems{partial}"));
        return evaluation.Accuracy;
    }
}
