using System;
using System.IO;
using Tbrm.Core.Config;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Optimizer;
using Tbrm.Training.Runs;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Sessions;

/// <summary>A model that a run trains: its weights, its optimizer, its schedule, and its folder in a
/// checkpoint.</summary>
public abstract class TrainedModel : ITrainedModel, IDisposable
{
    private readonly LearningRate _schedule;
    private readonly double _gradClip;

    /// <summary>Takes over the optimizer.</summary>
    /// <param name="name">The model's folder in a checkpoint, and the beginning of its metrics' names.</param>
    /// <param name="optimizer">Over the model's weights.</param>
    /// <param name="optim">The schedule.</param>
    /// <param name="gradClip">Largest gradient norm; 0 = not clipped.</param>
    /// <param name="totalSteps">Steps of the run, by which the schedule goes.</param>
    protected TrainedModel(string name, AdamW optimizer, OptimConfig optim, double gradClip, long totalSteps)
    {
        Name = name;
        _gradClip = gradClip;
        _schedule = new(optim, totalSteps);
        OwnOptimizer = optimizer;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public virtual int Ranks => 1;

    /// <summary>The optimizer whose state is saved.</summary>
    protected AdamW OwnOptimizer { get; }

    /// <inheritdoc/>
    public double LearningRate(long step) => _schedule.At(step);

    /// <inheritdoc/>
    public virtual OptimizerResult Update(long step) => OwnOptimizer.Step(LearningRate(step), _gradClip);

    /// <inheritdoc/>
    public abstract void Discard();

    /// <inheritdoc/>
    public abstract void ReleaseActivations();

    /// <summary>Writes into a checkpoint what belongs to the model and is not there yet: the optimizer's
    /// state.</summary>
    public virtual void Save(string checkpoint) => OwnOptimizer.Save(RunState.OptimizerPathOf(checkpoint, Name));

    /// <summary>Goes on where a checkpoint stands.</summary>
    public virtual void Restore(string checkpoint) => OwnOptimizer.Load(RunState.OptimizerPathOf(checkpoint, Name));

    /// <inheritdoc/>
    public virtual void Dispose()
    {
        OwnOptimizer.Dispose();
        GC.SuppressFinalize(this);
    }
}

/// <summary>The policy under training. Its weights are the session's, which saves them.</summary>
public sealed class TrainedPolicy(Policy policy, OptimConfig optim, double gradClip, long totalSteps)
    : TrainedModel(RunState.Actor, new(policy, optim), optim, gradClip, totalSteps), ITrainedPolicy
{
    /// <summary>As section actor says.</summary>
    public TrainedPolicy(Policy policy, ActorConfig config, long totalSteps)
        : this(policy, config.Optim, config.GradClip, totalSteps)
    {
    }

    /// <inheritdoc/>
    public Scores LogProb(PackedBatch batch, float temperature, bool keep, bool entropy) =>
        policy.LogProb(batch, temperature, keep, entropy);

    /// <inheritdoc/>
    public void Backward(ReadOnlySpan<float> dq, ReadOnlySpan<float> dv, ReadOnlySpan<float> dh) =>
        policy.Backward(dq, dv, dh);

    /// <inheritdoc/>
    public (Scores Scores, float[] Residual, double Loss) ResidualGradient(PackedBatch batch, float temperature,
        FusedResidual residual) =>
        policy.ResidualGradient(batch, temperature, residual);

    /// <inheritdoc/>
    public override void Discard() => policy.ZeroGradient();

    /// <inheritdoc/>
    public override void ReleaseActivations() => policy.ReleaseActivations();
}

/// <summary>The value model under training. It is this object's own.</summary>
/// <param name="critic">The model.</param>
/// <param name="save">Writes it into a checkpoint.</param>
/// <param name="config">Its section.</param>
/// <param name="totalSteps">Steps of the run, by which the schedule goes.</param>
internal sealed class TrainedCritic(Critic critic, Action<Critic, string> save, CriticConfig config, long totalSteps)
    : TrainedModel(RunState.Critic, new(critic, config.Optim), config.Optim, config.GradClip, totalSteps),
        ITrainedCritic
{
    /// <inheritdoc/>
    public float[] Values(PackedBatch batch, bool keep) => critic.Values(batch, keep);

    /// <inheritdoc/>
    public void Backward(ReadOnlySpan<float> dValues) => critic.Backward(dValues);

    /// <inheritdoc/>
    public override void Discard() => critic.ZeroGradient();

    /// <inheritdoc/>
    public override void ReleaseActivations() => critic.ReleaseActivations();

    /// <inheritdoc/>
    public override void Save(string checkpoint)
    {
        save(critic, checkpoint);
        base.Save(checkpoint);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        critic.Dispose();
    }
}

/// <summary>The value head of a policy that is its own critic. In a checkpoint it has a file of its own, as the
/// policy's folder is a language model's; its training state is with the policy's.</summary>
internal sealed class SharedCritic(Policy policy) : ISharedCritic
{
    private readonly SharedValueHead _head = new(policy);

    /// <summary>Begins, as a critic does.</summary>
    public void Init(RunConfig config) => _head.Init((ulong)config.Trainer.Seed, (float)config.Critic.Model.HeadStd);

    /// <inheritdoc/>
    public float[] Values(PackedBatch batch) => _head.Values(batch);

    /// <inheritdoc/>
    public float[] OfKept(int rows) => _head.OfKept(rows);

    /// <inheritdoc/>
    public void AddGradient(ReadOnlySpan<float> dValues) => _head.AddGradient(dValues);

    /// <summary>Writes the head into a checkpoint.</summary>
    public void Save(string checkpoint)
    {
        string path = RunState.ValueHeadPathOf(checkpoint);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        _head.Save(path);
    }

    /// <summary>Goes on where a checkpoint stands.</summary>
    public void Restore(string checkpoint) => _head.Load(RunState.ValueHeadPathOf(checkpoint));
}

/// <summary>The reference policy as a step sees it.</summary>
internal sealed class ReferenceScorer(ReferencePolicy reference) : IReferenceScorer
{
    /// <inheritdoc/>
    public Scores LogProb(PackedBatch batch, float temperature) => reference.LogProb(batch, temperature);

    /// <inheritdoc/>
    public void ReleaseActivations() => reference.ReleaseActivations();
}
