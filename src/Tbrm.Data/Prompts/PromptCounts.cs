namespace Tbrm.Data;

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

    /// <summary>Prompts beyond the largest number of samples; rows after the last one kept are not even read when the first are taken.</summary>
    public long BeyondMaxSamples { get; internal set; }

    /// <inheritdoc/>
    public override string ToString()
    {
        return $"read {Read}, kept {Kept}, dropped {Read - Kept} (filter {Filtered}, duplicate {Duplicates}, overlong {Overlong}, max samples {BeyondMaxSamples})";
    }
}
