using Tbrm.Data.Sampling;
using Tbrm.Training.Metrics;
using Tbrm.Training.Progress;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Recorders;

/// <summary>Where a run, or its warm start, stands: the one owner of its <see cref="RunState"/>.</summary>
/// <param name="state">The checkpoint's state, or that of step 0.</param>
/// <param name="clock">Wall time, that of earlier processes included.</param>
public sealed class RunPosition(RunState state, PhaseClock clock)
{
    /// <summary>What a checkpoint made now would say, but for the times.</summary>
    public RunState State { get; private set; } = state;

    /// <summary>Wall time by phase.</summary>
    public PhaseClock Clock => clock;

    /// <summary>The state with the times spent until now.</summary>
    public RunState ForCheckpoint => State with { SecondsBefore = Clock.Seconds, PhaseSeconds = Clock.Snapshot() };

    /// <summary>A step is made.</summary>
    /// <param name="step">Its number.</param>
    /// <param name="sampler">Where the data stand after it.</param>
    /// <param name="updates">Updates of the weights made so far.</param>
    public void Advance(long step, SamplerState sampler, long updates) =>
        State = State with { Step = step, Sampler = sampler, Updates = updates };

    /// <summary>Metrics of the step whose evaluation was stopped; null when nothing of it is left to do.</summary>
    public void Wait(MetricSet? pending) => State = State with { Pending = pending };

    /// <summary>Takes in what an evaluation found; null for what it did not look for. At step 0 it is what the run
    /// began with.</summary>
    /// <param name="step">The step.</param>
    /// <param name="accuracy">On the evaluation prompts, in [0, 1].</param>
    /// <param name="loss">On held-out examples, nats per token.</param>
    public void Take(long step, double? accuracy, double? loss)
    {
        if (loss is { } nats)
        {
            bool isBest = double.IsFinite(nats) && !(State.BestLoss <= nats);
            State = State with
            {
                LastLoss = nats,
                BestLoss = isBest ? nats : State.BestLoss,
                BestStep = isBest && State.BestAccuracy is null ? step : State.BestStep,
            };
        }

        if (accuracy is { } share)
        {
            bool isBest = double.IsFinite(share) && !(State.BestAccuracy >= share);
            State = State with
            {
                LastAccuracy = share,
                BestAccuracy = isBest ? share : State.BestAccuracy,
                BestStep = isBest ? step : State.BestStep
            };
        }

        if (step == 0)
        {
            State = State with { ValBefore = State.LastAccuracy, LossBefore = State.LastLoss };
        }
    }
}
