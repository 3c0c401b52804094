using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Logprob;
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
    private readonly RankSet _ranks;
    private readonly int _maxTokens;
    private readonly double _gradClip;
    private IReadOnlyList<Range> _kept = [];
    private Range[] _keptRows = [];

    /// <summary>Allocates the moments on every rank.</summary>
    /// <param name="ranks">The ranks; the caller's.</param>
    /// <param name="optim">The schedule and AdamW's settings.</param>
    /// <param name="gradClip">Largest gradient norm; 0 = not clipped.</param>
    /// <param name="maxTokens">Tokens of a micro-batch on one rank.</param>
    /// <param name="totalSteps">Steps of the run, by which the schedule goes.</param>
    public RankedPolicy(RankSet ranks, OptimConfig optim, double gradClip, int maxTokens, long totalSteps)
        : base(RunState.Actor, Begun(ranks, optim), optim, gradClip, totalSteps)
    {
        _ranks = ranks;
        _maxTokens = maxTokens;
        _gradClip = gradClip;
    }

    /// <inheritdoc/>
    public override int Ranks => _ranks.Count;

    /// <inheritdoc/>
    public Scores LogProb(PackedBatch batch, float temperature, bool keep, bool entropy)
    {
        IReadOnlyList<Range> parts = Split(batch, _ranks.Count, _maxTokens);
        Scores[] scores = _ranks.OnParts("logprob", parts,
            (_, rank, part) => rank.LogProb(batch.Part(part), temperature, keep, entropy));
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
        _ = OnPartsOfBackward("backward", _kept, (number, rank, _) =>
        {
            Range rows = _keptRows[number];
            rank.Backward(q.AsMemory(rows), v.AsMemory(rows), h.Length > 0 ? h.AsMemory(rows) : default);
            return true;
        });
        (_kept, _keptRows) = ([], []);
    }

    /// <inheritdoc/>
    public (Scores Scores, float[] Residual, double Loss) ResidualGradient(PackedBatch batch, float temperature,
        FusedResidual residual)
    {
        (Scores Scores, float[] Residual, double Loss)[] results = OnPartsOfBackward("residual",
            Split(batch, _ranks.Count, _maxTokens), (_, rank, part) => rank.ResidualGradient(batch.Part(part),
                temperature, residual.Part(part, batch.RowsOf(part))));
        double loss = 0;
        foreach ((_, _, double own) in results)
        {
            loss += own;
        }

        return (Joined([.. results.Select(r => r.Scores)]), [.. results.SelectMany(r => r.Residual)], loss);
    }

    /// <inheritdoc/>
    public override OptimizerResult Update(long step) => UpdateAt(LearningRate(step), step);

    /// <inheritdoc/>
    public override void Discard() => _ranks.Each("discard", rank => rank.Discard());

    /// <inheritdoc/>
    public override void ReleaseActivations() => _ranks.Each("release", rank => rank.ReleaseActivations());

    /// <inheritdoc/>
    public override void Save(string checkpoint)
    {
        string path = RunState.OptimizerPathOf(checkpoint, Name);
        _ranks.Each("save", rank => rank.Save(path));
    }

    /// <summary>Every rank gets what rank 0 wrote: weights in full precision, moments, steps.</summary>
    public override void Restore(string checkpoint)
    {
        string path = RunState.OptimizerPathOf(checkpoint, Name);
        _ranks.Each("restore", rank => rank.Restore(path));
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        // After a failure there may be nobody to ask any more.
        try
        {
            _ranks.Each("end", rank => rank.EndOptimizer());
        }
        catch (TbrmUserException)
        {
            _ranks.First.EndOptimizer();
        }

        base.Dispose();
    }

    /// <summary>How the sequences of a batch are spread.</summary>
    internal static IReadOnlyList<Range> Split(PackedBatch batch, int ranks, int maxTokens) => RankSplit.Of(
        [.. Enumerable.Range(0, batch.SequenceCount).Select(batch.LengthOf)], ranks, maxTokens);

    /// <summary>The scores of consecutive parts as one.</summary>
    internal static Scores Joined(Scores[] parts) => parts.Length == 1 ? parts[0]
        : new([.. parts.SelectMany(s => s.Q)], [.. parts.SelectMany(s => s.V)], [.. parts.SelectMany(s => s.H)]);

    /// <summary>Something of which the gradient is a part: of those that share it nobody may be missing.</summary>
    private T[] OnPartsOfBackward<T>(string stage, IReadOnlyList<Range> parts, Func<int, IRank, Range, T> body)
    {
        if (!_ranks.First.Policy.Options.SharesGradients)
        {
            return _ranks.OnParts(stage, parts, body);
        }

        return _ranks.Each(stage, (number, rank) =>
        {
            if (number < parts.Count)
            {
                return body(number, rank, parts[number]);
            }

            rank.TakePart();
            return default!;
        })[..parts.Count];
    }

    private OptimizerResult UpdateAt(double rate, long step)
    {
        OptimizerResult[] results = _ranks.Each("update", (_, rank) => rank.Update(rate, _gradClip));
        int astray = Array.FindIndex(results, r => !r.GradNorm.Equals(results[0].GradNorm));
        return astray < 0 ? results[0] : throw new TbrmUserException(ExitCode.Internal,
            $"step {step}: the gradient's norm is {results[0].GradNorm} on rank 0 and {results[astray].GradNorm} on "
                + $"rank {astray}, after the same sum: the ranks' weights are no longer the same");
    }

    private static AdamW Begun(RankSet ranks, OptimConfig optim)
    {
        ranks.Each("begin", rank => rank.BeginOptimizer(optim));
        return ranks.First.Optimizer!;
    }
}
