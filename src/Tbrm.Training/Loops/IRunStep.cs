using System;
using System.Threading;
using Tbrm.Data.Sampling;
using Tbrm.Training.Metrics;
using Tbrm.Training.Recorders;
using Tbrm.Training.Runs;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Loops;

/// <summary>What one step gave besides the new weights.</summary>
/// <param name="Metrics">Under verl's names.</param>
/// <param name="Tokens">Of the step.</param>
/// <param name="Update">What came of the step's updates.</param>
public sealed record StepResult(MetricSet Metrics, StepTokens Tokens, UpdateOutcome Update)
{
    /// <summary>What a progress line says of the step; null for a step that shows its own progress.</summary>
    public string? Progress { get; init; }

    /// <summary>What is left to do once the state has moved on to the step, before it is evaluated: dumps, the
    /// reference's reset.</summary>
    public Action? Settle { get; init; }
}

/// <summary>
/// The step that a run repeats: supervised (the verb sft, the warm start of train) or reinforcement (train).
/// <see cref="RunLoop"/> does the rest:
/// it resumes, evaluates, records, saves and stops all of them alike.
/// </summary>
public interface IRunStep : IDisposable
{
    /// <summary>What the run is called in its checkpoints: <see cref="RunState.Train"/>, <see cref="RunState.Sft"/> or
    /// <see cref="RunState.WarmStart"/>.</summary>
    string Verb { get; }

    /// <summary>Steps of the whole run.</summary>
    long TotalSteps { get; }

    /// <summary>Where the data stand.</summary>
    SamplerState Sampler { get; }

    /// <summary>Whether a checkpoint can be made: false until <see cref="Begin"/> or <see cref="Restore"/> is
    /// over.</summary>
    bool IsReady { get; }

    /// <summary>Whether the state before the first step is a checkpoint too, as it took work to get there.</summary>
    bool SavesStepZero { get; }

    /// <summary>Prepares a run that begins.</summary>
    void Begin(CancellationToken stop);

    /// <summary>Prepares a run that goes on from a checkpoint.</summary>
    void Restore(string checkpoint, SamplerState sampler, CancellationToken stop);

    /// <summary>What precedes the first step of this process, once there is a checkpoint to come back to. Stopped, it
    /// goes on where it was.</summary>
    /// <param name="done">Steps that are made.</param>
    /// <param name="stop">Stops it.</param>
    void Prepare(long done, CancellationToken stop);

    /// <summary>Makes a step, counted from 1; null when the data are at their end. Stopped before its first update, it
    /// has changed nothing but the data's place.</summary>
    StepResult? Run(long step, CancellationToken stop);

    /// <summary>Writes into a checkpoint what belongs to the step besides the policy: optimizers, reference, further
    /// models.</summary>
    void Save(string checkpoint);

    /// <summary>What to say at the end of a whole run; empty for nothing.</summary>
    /// <param name="checkpoint">The last one.</param>
    string Outcome(string checkpoint);
}
