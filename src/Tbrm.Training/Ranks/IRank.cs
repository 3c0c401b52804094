using System;
using System.Collections.Generic;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Optimizer;
using Tbrm.Engine.Rollout;

namespace Tbrm.Training.Ranks;

/// <summary>What a rank sampled.</summary>
/// <param name="Trajectories">In the order of the requests.</param>
/// <param name="Preemptions">Times that its KV pages ran out, since it was opened.</param>
internal sealed record RankSample(IReadOnlyList<Trajectory> Trajectories, long Preemptions);

/// <summary>
/// A rank as the run sees it: a device with a copy of the policy and its part of every step, in this process or in
/// another. Calls on different ranks run at the same time; those that add up or copy are made on all ranks.
/// </summary>
internal interface IRank : IDisposable
{
    /// <summary>From now on the ranks share what the policy's options say. On all ranks.</summary>
    void Share();

    /// <summary>The logprob stage; with <paramref name="keep"/>, <see cref="Backward"/> may follow.</summary>
    Scores LogProb(PackedBatch batch, float temperature, bool keep, bool entropy);

    /// <summary>The gradient of what was kept. Where the ranks share the gradients all of them call it, or
    /// <see cref="TakePart"/>.</summary>
    void Backward(ReadOnlyMemory<float> dq, ReadOnlyMemory<float> dv, ReadOnlyMemory<float> dh);

    /// <summary>The part in the others' backward of a rank that has no rows.</summary>
    void TakePart();

    /// <summary>logprob, residual and gradient by the fused kernel; a backward.</summary>
    (Scores Scores, float[] Residual, double Loss) ResidualGradient(PackedBatch batch, float temperature,
        FusedResidual residual);

    /// <summary>Allocates moments.</summary>
    void BeginOptimizer(OptimConfig config);

    /// <summary>Frees them.</summary>
    void EndOptimizer();

    /// <summary>Writes masters, moments and step count, by rank 0. On all ranks.</summary>
    void Save(string path);

    /// <summary>Weights and moments of a checkpoint's file. On all ranks.</summary>
    void Restore(string path);

    /// <summary>One update with the gradients of all ranks. On all ranks.</summary>
    OptimizerResult Update(double learningRate, double gradClip);

    /// <summary>Drops the accumulated gradient.</summary>
    void Discard();

    /// <summary>Frees the buffers of forward and backward.</summary>
    void ReleaseActivations();

    /// <summary>Puts an adapter on the policy.</summary>
    void AttachAdapter(AdapterOptions adapter, ulong seed);

    /// <summary>Takes over rank 0's reference policy. On all ranks.</summary>
    void TakeReference(ReferencePolicy source);

    /// <summary>The reference's logprob stage.</summary>
    Scores ReferenceLogProb(PackedBatch batch, float temperature);

    /// <summary>Frees the buffers of the reference's forward.</summary>
    void ReleaseReference();

    /// <summary>The reference takes over the policy's weights.</summary>
    void ResetReference();

    /// <summary>The rollout stage.</summary>
    RankSample Generate(IReadOnlyList<RolloutRequest> requests, SamplingOptions sampling,
        Action<RolloutProgress>? progress, CancellationToken stop);

    /// <summary>Gives the page pool's memory to the update.</summary>
    void ReleasePages();
}
