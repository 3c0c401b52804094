using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Prompts;

namespace Tbrm.Data.Prompts;

/// <summary>What became of the rows read.</summary>
public sealed class PromptCounts
{
    /// <summary>Rows looked at.</summary>
    public long Read { get; internal set; }

    /// <summary>Prompts kept.</summary>
    public long Kept { get; internal set; }

    /// <summary>Rows that a filter left out.</summary>
    public long Filtered { get; internal set; }

    /// <summary>Prompts whose text came before.</summary>
    public long Duplicates { get; internal set; }

    /// <summary>Prompts with too many tokens.</summary>
    public long Overlong { get; internal set; }

    /// <summary>Prompts beyond the largest number of samples; rows after the last one kept are not even read when the
    /// first are taken.</summary>
    public long BeyondMaxSamples { get; internal set; }

    /// <summary>Rows that have the shape and cannot be used: pictures, no answer.</summary>
    public LeftOutCounts LeftOut { get; } = new();

    /// <summary>Columns that nothing reads, and in how many rows they hold something.</summary>
    public SortedDictionary<string, long> UnreadColumns { get; } = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public override string ToString()
    {
        long leftOut = LeftOut.Total;
        return $"read {Read}, kept {Kept}, dropped {Read - Kept} (filter {Filtered}, duplicate {Duplicates}, overlong "
            + $"{Overlong}, max samples {BeyondMaxSamples}"
            + (leftOut == 0 ? ")" : $", unusable {leftOut}); unusable are {LeftOut}");
    }

    /// <summary>What a user has to know of the rows besides their number; null for nothing.</summary>
    public string? Notes()
    {
        string[] notes = [.. LeftOut.Total > 0 ? [$"{LeftOut.Total} of {Read} rows are left out: {LeftOut}"]
            : (string[])[],
            .. UnreadColumns.Count > 0
                ? [$"columns that nothing reads: "
                    + $"{string.Join(", ", UnreadColumns.Keys.Take(20))}{(UnreadColumns.Count > 20 ? ", ..." : "")}"]
                    : (string[])[]];
        return notes.Length == 0 ? null : string.Join("; ", notes);
    }
}
