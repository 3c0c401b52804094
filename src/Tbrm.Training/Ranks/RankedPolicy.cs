using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Optimizer;
using Tbrm.Engine.Ranks;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Ranks;

/// <summary>
/// The policy under training on several ranks. Every micro-batch is spread over them; before an update the gradients
/// are added up in the order of the ranks, and then every rank makes the same update.
/// </summary>
internal sealed class RankedPolicy : TrainedModel, ITrainedPolicy
{
    private readonly PolicyRanks _ranks;
    private readonly AdamW[] _others;
    private readonly int _maxTokens;
    private readonly double _gradClip;
    private IReadOnlyList<Range> _kept = [];
    private Range[] _keptRows = [];

    /// <summary>Allocates the moments on every rank.</summary>
    public RankedPolicy(PolicyRanks ranks, ActorConfig config, long totalSteps)
        : base(RunState.Actor, new(ranks.Policies[0], config.Optim), config.Optim, config.GradClip, totalSteps)
    {
        _ranks = ranks;
        _maxTokens = config.PpoMaxTokenLenPerGpu;
        _gradClip = config.GradClip;
        _others = [.. ranks.Policies.Skip(1).Select(p => new AdamW(p, config.Optim))];
    }

    /// <inheritdoc/>
    public override int Ranks => _ranks.Group.Count;

    /// <inheritdoc/>
    public Scores LogProb(PackedBatch batch, float temperature, bool keep, bool entropy)
    {
        IReadOnlyList<Range> parts = Split(batch);
        Scores[] scores = OnParts(parts,
            (rank, part) => _ranks.Policies[rank].LogProb(batch.Part(part), temperature, keep, entropy));
        if (keep)
        {
            _kept = parts;
            _keptRows = [.. parts.Select(batch.RowsOf)];
        }

        return Joined(scores);
    }

    /// <inheritdoc/>
    public void Backward(ReadOnlySpan<float> dq, ReadOnlySpan<float> dv, ReadOnlySpan<float> dh)
    {
        (float[] q, float[] v, float[] h) = (dq.ToArray(), dv.ToArray(), dh.ToArray());
        _ = OnParts(_kept, (rank, _) =>
        {
            Range rows = _keptRows[rank];
            _ranks.Policies[rank].Backward(q.AsSpan(rows), v.AsSpan(rows), h.Length > 0 ? h.AsSpan(rows) : []);
            return true;
        });
        (_kept, _keptRows) = ([], []);
    }

    /// <inheritdoc/>
    public (Scores Scores, float[] Residual, double Loss) ResidualGradient(PackedBatch batch, float temperature,
        FusedResidual residual)
    {
        (Scores Scores, float[] Residual, double Loss)[] results = OnParts(Split(batch), (rank, part) =>
            _ranks.Policies[rank].ResidualGradient(batch.Part(part), temperature,
                residual.Part(part, batch.RowsOf(part))));
        double loss = 0;
        foreach ((_, _, double own) in results)
        {
            loss += own;
        }

        return (Joined([.. results.Select(r => r.Scores)]), [.. results.SelectMany(r => r.Residual)], loss);
    }

    /// <inheritdoc/>
    public override OptimizerResult Update(long step)
    {
        double rate = LearningRate(step);
        _ranks.Group.ReduceGradients(_ranks.Policies);
        OptimizerResult[] results = _ranks.Group.Each(rank => Optimizer(rank)
            .Update(rate, _ranks.Policies[rank].GradientNorm(), _gradClip));
        int astray = Array.FindIndex(results, r => !r.GradNorm.Equals(results[0].GradNorm));
        return astray < 0 ? results[0] : throw new TbrmUserException(ExitCode.Internal,
            $"step {step}: the gradient's norm is {results[0].GradNorm} on rank 0 and {results[astray].GradNorm} on "
                + $"rank {astray}, after the same sum: the ranks' weights are no longer the same");
    }

    /// <inheritdoc/>
    public override void Discard() => _ranks.Group.Each(rank => _ranks.Policies[rank].ZeroGradient());

    /// <inheritdoc/>
    public override void ReleaseActivations() => _ranks.Group.Each(rank => _ranks.Policies[rank].ReleaseActivations());

    /// <summary>Every rank reads what rank 0 wrote: weights in full precision, moments, steps.</summary>
    public override void Restore(string checkpoint)
    {
        base.Restore(checkpoint);
        foreach (AdamW optimizer in _others)
        {
            optimizer.Load(RunState.OptimizerPathOf(checkpoint, Name));
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (AdamW optimizer in _others)
        {
            optimizer.Dispose();
        }

        base.Dispose();
    }

    private AdamW Optimizer(int rank) => rank == 0 ? OwnOptimizer : _others[rank - 1];

    private IReadOnlyList<Range> Split(PackedBatch batch) => RankSplit.Of(
        [.. Enumerable.Range(0, batch.SequenceCount).Select(batch.LengthOf)], _ranks.Group.Count, _maxTokens);

    /// <summary>Results of the ranks that have a part, in order.</summary>
    private T[] OnParts<T>(IReadOnlyList<Range> parts, Func<int, Range, T> body)
    {
        T[] results = new T[parts.Count];
        _ranks.Group.Each(rank =>
        {
            if (rank < parts.Count)
            {
                results[rank] = body(rank, parts[rank]);
            }
        });
        return results;
    }

    private static Scores Joined(Scores[] parts) => parts.Length == 1 ? parts[0]
        : new([.. parts.SelectMany(s => s.Q)], [.. parts.SelectMany(s => s.V)], [.. parts.SelectMany(s => s.H)]);
}
