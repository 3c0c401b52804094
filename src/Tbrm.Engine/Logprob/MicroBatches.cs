using System;
using System.Collections.Generic;

namespace Tbrm.Engine.Logprob;

/// <summary>Cuts a step into micro-batches by token budget. Order is kept, so that the cut is reproducible and results
/// line up.</summary>
public static class MicroBatches
{
    /// <summary>
    /// Ranges of consecutive sequences whose lengths add up to at most <paramref name="maxTokens"/>, and at most
    /// <paramref name="maxSequences"/> of them (0 = any number). A sequence over the budget is alone in its range.
    /// </summary>
    public static IReadOnlyList<Range> Cut(IReadOnlyList<int> lengths, int maxTokens, int maxSequences = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTokens, 1);
        List<Range> ranges = [];
        int begin = 0;
        long tokens = 0;
        for (int i = 0; i < lengths.Count; i++)
        {
            bool full = i > begin
                && (tokens + lengths[i] > maxTokens || (maxSequences > 0 && i - begin == maxSequences));
            if (full)
            {
                ranges.Add(begin..i);
                (begin, tokens) = (i, 0);
            }

            tokens += lengths[i];
        }

        if (begin < lengths.Count)
        {
            ranges.Add(begin..lengths.Count);
        }

        return ranges;
    }
}
