using System;
using System.Collections.Generic;
using System.Threading;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Optimizer;
using Tbrm.Engine.Rollout;
using Tbrm.Training.Prompts;

namespace Tbrm.Training.Steps;

/// <summary>A model that a step trains, as its update sees it.</summary>
public interface ITrainedModel
{
    /// <summary>actor or critic: the beginning of its metrics' names.</summary>
    string Name { get; }

    /// <summary>Ranks that a micro-batch is spread over.</summary>
    int Ranks => 1;

    /// <summary>The learning rate of a step, counted from 1.</summary>
    double LearningRate(long step);

    /// <summary>One update with the accumulated gradient, at a step's learning rate; the gradient is zero
    /// afterwards.</summary>
    OptimizerResult Update(long step);

    /// <summary>Drops the accumulated gradient without an update.</summary>
    void Discard();

    /// <summary>Frees the buffers of forward and backward, after the last update of a step: the next rollout's pages
    /// need the memory.</summary>
    void ReleaseActivations();
}

/// <summary>The policy under training.</summary>
public interface ITrainedPolicy : ITrainedModel
{
    /// <summary>Q, V and, when asked for, H of every row of a batch, nats; with <paramref name="keep"/>,
    /// <see cref="Backward"/> may follow.</summary>
    Scores LogProb(PackedBatch batch, float temperature, bool keep, bool entropy);

    /// <summary>Adds to the gradient what follows from dL/dQ, dL/dV and (unless empty) dL/dH, each [R], of the batch
    /// that was kept.</summary>
    void Backward(ReadOnlySpan<float> dq, ReadOnlySpan<float> dv, ReadOnlySpan<float> dh);

    /// <summary>Scores a batch and accumulates the gradient of the trajectory residual by the fused kernel.</summary>
    (Scores Scores, float[] Residual, double Loss) ResidualGradient(PackedBatch batch, float temperature,
        FusedResidual residual);
}

/// <summary>The critic under training.</summary>
public interface ITrainedCritic : ITrainedModel
{
    /// <summary>The value of the state before every row's token, reward units, [R]; with <paramref name="keep"/>,
    /// <see cref="Backward"/> may follow.</summary>
    float[] Values(PackedBatch batch, bool keep);

    /// <summary>Adds to the gradient what follows from dL/dvalue, [R], of the batch that was kept.</summary>
    void Backward(ReadOnlySpan<float> dValues);
}

/// <summary>The values of a policy that is its own critic: a second head on its body.</summary>
public interface ISharedCritic
{
    /// <summary>The value of the state before every row's token, reward units, [R].</summary>
    float[] Values(PackedBatch batch);

    /// <summary>The same of the batch that the policy kept.</summary>
    /// <param name="rows">Its rows.</param>
    float[] OfKept(int rows);

    /// <summary>dL/dvalue, [R], of the batch that was kept: the policy's next backward takes it along.</summary>
    void AddGradient(ReadOnlySpan<float> dValues);
}

/// <summary>Something that has log-probs: the reference policy.</summary>
public interface IReferenceScorer
{
    /// <summary>Ranks that a micro-batch is spread over.</summary>
    int Ranks => 1;

    /// <summary>Q and V of every row of a batch, nats.</summary>
    Scores LogProb(PackedBatch batch, float temperature);

    /// <summary>Frees the buffers of its forward: the update needs the memory.</summary>
    void ReleaseActivations()
    {
    }
}

/// <summary>The rollout stage as a step sees it.</summary>
public interface IRollout
{
    /// <summary>Times that KV pages ran out, since it was opened.</summary>
    long Preemptions { get; }

    /// <summary>Tokens of the responses that it sampled since it was opened, greedy ones and those that nobody trained
    /// on included.</summary>
    long GeneratedTokens { get; }

    /// <summary>Samples <paramref name="n"/> trajectories of every prompt; ids begin at <paramref name="firstId"/>.
    /// Samples of a prompt stand together.</summary>
    IReadOnlyList<Trajectory> Sample(IReadOnlyList<EncodedPrompt> prompts, int n, long firstId,
        Action<RolloutProgress>? progress, CancellationToken stop);

    /// <summary>The most likely response to every prompt.</summary>
    IReadOnlyList<Trajectory> Greedy(IReadOnlyList<EncodedPrompt> prompts, Action<RolloutProgress>? progress,
        CancellationToken stop);

    /// <summary>Gives the page pool's memory to the update.</summary>
    void ReleasePages();
}

/// <summary>The rollout stage as an evaluation sees it.</summary>
public interface IEvaluationRollout
{
    /// <summary>Samples as evaluation does; <paramref name="finished"/> gets each trajectory that is there.</summary>
    IReadOnlyList<Trajectory> Evaluate(IReadOnlyList<RolloutRequest> requests, SamplingOptions sampling,
        Action<RolloutProgress>? progress, Action<Trajectory>? finished, CancellationToken stop);
}

/// <summary>The reward stage as a step sees it.</summary>
public interface IGradeStage
{
    /// <summary>Grades trajectories; the result is in their order.</summary>
    GradedResponse[] Grade(IReadOnlyList<EncodedPrompt> prompts, IReadOnlyList<Trajectory> trajectories,
        CancellationToken stop);
}
