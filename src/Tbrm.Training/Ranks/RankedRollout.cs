using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Ranks;
using Tbrm.Engine.Rollout;
using Tbrm.Training.Prompts;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Ranks;

/// <summary>The rollout stage on several ranks: each takes its part of the prompts. Random numbers are keyed by
/// trajectory, so the tokens are those of one rank.</summary>
internal sealed class RankedRollout(RankGroup group, IReadOnlyList<RolloutStage> stages) : IRollout, IDisposable
{
    /// <inheritdoc/>
    public long Preemptions => stages.Sum(s => s.Preemptions);

    /// <inheritdoc/>
    public long GeneratedTokens => stages.Sum(s => s.GeneratedTokens);

    /// <inheritdoc/>
    public IReadOnlyList<Trajectory> Sample(IReadOnlyList<EncodedPrompt> prompts, int n, long firstId,
        Action<RolloutProgress>? progress, CancellationToken stop) =>
        Spread(prompts, progress, (stage, first, own, tell) =>
            stage.Sample(own, n, firstId + ((long)first * n), tell, stop));

    /// <inheritdoc/>
    public IReadOnlyList<Trajectory> Greedy(IReadOnlyList<EncodedPrompt> prompts, Action<RolloutProgress>? progress,
        CancellationToken stop) =>
        Spread(prompts, progress, (stage, _, own, tell) => stage.Greedy(own, tell, stop));

    /// <inheritdoc/>
    public void ReleasePages() => group.Each(rank => stages[rank].ReleasePages());

    /// <summary>Those of the other ranks: rank 0's is its maker's.</summary>
    public void Dispose()
    {
        foreach (RolloutStage stage in stages.Skip(1))
        {
            stage.Dispose();
        }
    }

    private List<Trajectory> Spread(IReadOnlyList<EncodedPrompt> prompts, Action<RolloutProgress>? progress,
        Func<RolloutStage, int, IReadOnlyList<EncodedPrompt>, Action<RolloutProgress>?, IReadOnlyList<Trajectory>> run)
    {
        IReadOnlyList<Range> parts =
            RankSplit.Of([.. prompts.Select(p => p.Ids.Length)], group.Count, int.MaxValue);
        RolloutProgress[] told = new RolloutProgress[group.Count];
        IReadOnlyList<Trajectory>[] results = group.Each(rank =>
        {
            if (rank >= parts.Count)
            {
                return (IReadOnlyList<Trajectory>)[];
            }

            int first = parts[rank].Start.Value, count = parts[rank].End.Value - first;
            return run(stages[rank], first, [.. prompts.Skip(first).Take(count)],
                progress is null ? null : own => Tell(told, rank, own, progress));
        });
        return [.. results.SelectMany((part, rank) => rank == 0 ? part
            : part.Select(t => t with { Group = t.Group + parts[rank].Start.Value }))];
    }

    private static void Tell(RolloutProgress[] told, int rank, RolloutProgress own, Action<RolloutProgress> progress)
    {
        lock (told)
        {
            told[rank] = own;
            progress(new(told.Sum(p => p.Finished), told.Sum(p => p.Total), told.Sum(p => p.Tokens)));
        }
    }
}
