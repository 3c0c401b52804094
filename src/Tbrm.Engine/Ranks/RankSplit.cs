using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Engine.Logprob;

namespace Tbrm.Engine.Ranks;

/// <summary>How the sequences of a micro-batch are spread over ranks: consecutive ones, so that results come back in
/// order.</summary>
public static class RankSplit
{
    /// <summary>
    /// Ranges of sequences, at most one per rank, of about equally many tokens; of at most <paramref name="maxTokens"/>
    /// where the micro-batch was joined of pieces that keep to it.
    /// </summary>
    /// <param name="lengths">Tokens of each sequence.</param>
    /// <param name="ranks">1 or more.</param>
    /// <param name="maxTokens">Tokens per rank; a sequence over it is alone on its rank.</param>
    public static IReadOnlyList<Range> Of(IReadOnlyList<int> lengths, int ranks, int maxTokens)
    {
        long total = lengths.Sum(l => (long)l), before = 0;
        List<Range> even = [];
        int begin = 0;
        for (int i = 0; i < lengths.Count; i++)
        {
            before += lengths[i];
            // Rank r ends where the sum is nearest to its share of the whole; the last takes the rest.
            long share = total * (even.Count + 1) / ranks;
            bool isEnd = i + 1 < lengths.Count && even.Count + 1 < ranks
                && before + (lengths[i + 1] / 2) >= share;
            if (isEnd)
            {
                even.Add(begin..(i + 1));
                begin = i + 1;
            }
        }

        if (begin < lengths.Count)
        {
            even.Add(begin..lengths.Count);
        }

        bool fits = even.TrueForAll(r =>
            r.End.Value - r.Start.Value == 1 || Tokens(lengths, r) <= maxTokens);
        return fits ? even : MicroBatches.Cut(lengths, maxTokens);
    }

    /// <summary>Joins every <paramref name="ranks"/> consecutive ranges into one.</summary>
    public static IReadOnlyList<Range> Joined(IReadOnlyList<Range> ranges, int ranks) =>
        [.. ranges.Chunk(ranks).Select(c => c[0].Start..c[^1].End)];

    private static long Tokens(IReadOnlyList<int> lengths, Range range)
    {
        long sum = 0;
        for (int i = range.Start.Value; i < range.End.Value; i++)
        {
            sum += lengths[i];
        }

        return sum;
    }
}
