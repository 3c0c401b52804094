using System;
using System.Collections.Generic;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Optimizer;
using Tbrm.Engine.Ranks;
using Tbrm.Engine.Rollout;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Ranks;

/// <summary>A rank of this process.</summary>
/// <param name="policy">Its copy of the policy; the caller's.</param>
/// <param name="share">Makes the ranks share a model.</param>
/// <param name="reduce">Replaces a model's gradients by the sum over all ranks.</param>
/// <param name="rollout">Its rollout stage; the caller's. Null for a run that samples nothing.</param>
internal sealed class LocalRank(Policy policy, Action<EngineModel> share, Action<EngineModel> reduce,
    RolloutStage? rollout) : IRank
{
    private ReferencePolicy? _reference;
    private bool _ownsReference;

    /// <summary>The processes, where ranks are such; weights then travel from rank 0's.</summary>
    public ProcessGroup? Processes { get; init; }

    /// <summary>Whether the weights are the run's own: rank 0.</summary>
    public bool IsFirst { get; init; }

    /// <summary>Its copy of the policy.</summary>
    public Policy Policy => policy;

    /// <summary>The moments; null before <see cref="BeginOptimizer"/>.</summary>
    public AdamW? Optimizer { get; private set; }

    /// <inheritdoc/>
    public void Share()
    {
        if (policy.Options.IsShared)
        {
            share(policy);
        }
    }

    /// <inheritdoc/>
    public Scores LogProb(PackedBatch batch, float temperature, bool keep, bool entropy) =>
        policy.LogProb(batch, temperature, keep, entropy);

    /// <inheritdoc/>
    public void Backward(ReadOnlyMemory<float> dq, ReadOnlyMemory<float> dv, ReadOnlyMemory<float> dh) =>
        policy.Backward(dq.Span, dv.Span, dh.Span);

    /// <inheritdoc/>
    public void TakePart() => policy.ShareGradient();

    /// <inheritdoc/>
    public (Scores Scores, float[] Residual, double Loss) ResidualGradient(PackedBatch batch, float temperature,
        FusedResidual residual) => policy.ResidualGradient(batch, temperature, residual);

    /// <inheritdoc/>
    public void BeginOptimizer(OptimConfig config) => Optimizer = new(policy, config);

    /// <inheritdoc/>
    public void EndOptimizer()
    {
        Optimizer?.Dispose();
        Optimizer = null;
    }

    /// <inheritdoc/>
    public void Save(string path)
    {
        if (policy.Options.IsShared || IsFirst)
        {
            Optimizer!.Save(path);
        }
    }

    /// <inheritdoc/>
    public void Restore(string path)
    {
        if (policy.Options.IsShared)
        {
            Optimizer!.Load(path);
            return;
        }

        if (Processes is null || IsFirst)
        {
            Optimizer!.Load(path);
        }

        Processes?.Copy(policy);
        Processes?.Copy(Optimizer!);
    }

    /// <inheritdoc/>
    public OptimizerResult Update(double learningRate, double gradClip)
    {
        reduce(policy);
        return Optimizer!.Update(learningRate, policy.GradientNorm(), gradClip);
    }

    /// <inheritdoc/>
    public void Discard() => policy.ZeroGradient();

    /// <inheritdoc/>
    public void ReleaseActivations() => policy.ReleaseActivations();

    /// <inheritdoc/>
    public void AttachAdapter(AdapterOptions adapter, ulong seed)
    {
        if (policy.Adapter is null)
        {
            policy.AttachAdapter(adapter, trainable: true, seed);
        }
    }

    /// <inheritdoc/>
    public void TakeReference(ReferencePolicy source)
    {
        (_ownsReference, _reference) = IsFirst ? (false, source)
            : (true, source.Copy is { } copy ? ReferencePolicy.Owning(copy.Replica(policy.Device))
            : ReferencePolicy.Of(policy));
        if (source.Copy is { } weights)
        {
            Processes?.Copy(weights);
        }
    }

    /// <summary>The same where rank 0 is another process.</summary>
    /// <param name="isCopy">Whether the reference has weights of its own.</param>
    public void TakeReference(bool isCopy)
    {
        _ownsReference = true;
        if (!isCopy)
        {
            _reference = ReferencePolicy.Of(policy);
            return;
        }

        Policy copy = Policy.Empty(policy.Device, policy.Architecture, policy.Options with { Trainable = false });
        _reference = ReferencePolicy.Owning(copy);
        Processes!.Copy(copy);
    }

    /// <inheritdoc/>
    public Scores ReferenceLogProb(PackedBatch batch, float temperature) => _reference!.LogProb(batch, temperature);

    /// <inheritdoc/>
    public void ReleaseReference() => _reference?.ReleaseActivations();

    /// <inheritdoc/>
    public void ResetReference() => _reference?.CopyWeightsFrom(policy);

    /// <inheritdoc/>
    public RankSample Generate(IReadOnlyList<RolloutRequest> requests, SamplingOptions sampling,
        Action<RolloutProgress>? progress, CancellationToken stop) =>
        new(rollout!.Evaluate(requests, sampling, progress, null, stop), rollout.Preemptions);

    /// <inheritdoc/>
    public void ReleasePages() => rollout?.ReleasePages();

    /// <inheritdoc/>
    public void Dispose()
    {
        EndOptimizer();
        if (_ownsReference)
        {
            _reference?.Dispose();
        }
    }
}
