using System;
using System.Collections.Generic;
using System.Threading;

namespace Tbrm.Training.Steps;

/// <summary>What a step has before its first update.</summary>
/// <param name="Sample">What was sampled; without a rollout, the first batch. The step's rewards and lengths are told
/// of it.</param>
/// <param name="IsSampled">Whether a rollout sampled it in this step.</param>
public sealed record StepBeginning(StepSample Sample, bool IsSampled);

/// <summary>Where the trajectories of a step's updates come from: a rollout, files, a replay buffer, or several of
/// them.</summary>
public interface IStepSource
{
    /// <summary>Batches of trajectories that a step learns from, one after the other.</summary>
    int Updates { get; }

    /// <summary>Begins a step; null when the data are at their end.</summary>
    /// <param name="step">Its number, from 1.</param>
    /// <param name="version">Updates that the policy has behind it.</param>
    /// <param name="complete">Adds to a sample what the reference policy says of it.</param>
    /// <param name="stop">Stops it.</param>
    StepBeginning? Begin(long step, long version, Func<StepSample, StepSample> complete, CancellationToken stop);

    /// <summary>The trajectories of an update, counted from 0; what the reference says of them may be
    /// missing.</summary>
    StepSample Batch(StepBeginning beginning, long step, int update);

    /// <summary>An update was made.</summary>
    /// <param name="batch">Its trajectories, with what the reference says of them.</param>
    /// <param name="residuals">One per trajectory, or none where the algorithm has no such thing.</param>
    void Learned(StepSample batch, IReadOnlyList<double> residuals);

    /// <summary>All updates of the step are made.</summary>
    void End(StepBeginning beginning);

    /// <summary>The step was stopped before its first update: everything is as it was before it began.</summary>
    void Abandon();
}
