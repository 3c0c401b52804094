using System;
using System.Collections.Generic;

namespace Tbrm.Objectives;

/// <summary>
/// Counts over a whole mini-batch. Losses that are means over tokens or sequences divide by these, so that a cut into
/// micro-batches changes
/// nothing.
/// </summary>
/// <param name="Tokens">Rows that count: not masked, of trajectories that are not dropped.</param>
/// <param name="Sequences">Trajectories with at least one such row.</param>
/// <param name="Trajectories">Trajectories that are not dropped, those without such a row included.</param>
/// <param name="Horizon">Most rows that a trajectory could have: data.max_response_length, or the longest one at
/// hand.</param>
public sealed record BatchTotals(long Tokens, int Sequences, int Trajectories, int Horizon)
{
    /// <summary>Rows that count of every prompt that has one, by group; empty where groups are not given.</summary>
    public IReadOnlyDictionary<int, long> GroupTokens { get; init; } = new Dictionary<int, long>();

    /// <summary>Counts a batch. <paramref name="horizon"/> 0: the longest trajectory's rows, masked ones
    /// included.</summary>
    public static BatchTotals Of(ObjectiveBatch batch, int horizon = 0)
    {
        ArgumentNullException.ThrowIfNull(batch);
        Dictionary<int, long> groups = [];
        long tokens = 0;
        int sequences = 0, trajectories = 0, longest = horizon;
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            longest = horizon > 0 ? horizon : Math.Max(longest, end - begin);
            if (batch.IsDropped(b))
            {
                continue;
            }

            long counted = 0;
            for (int i = begin; i < end; i++)
            {
                counted += batch.Counts(i) ? 1 : 0;
            }

            if (counted > 0 && batch.Group.Length > 0)
            {
                groups[batch.Group[b]] = groups.GetValueOrDefault(batch.Group[b]) + counted;
            }

            tokens += counted;
            sequences += counted > 0 ? 1 : 0;
            trajectories++;
        }

        return new(tokens, sequences, trajectories, longest) { GroupTokens = groups };
    }
}
