using Tbrm.Core.Prompts;
using Tbrm.Data.Sources;

namespace Tbrm.Training.Prompts;

/// <summary>A source without end, entered far from its beginning: other problems than the ones at the
/// beginning.</summary>
public sealed class OffsetPromptSource(IPromptSource source) : IPromptSource
{
    private const long Offset = 1L << 40;

    /// <inheritdoc/>
    public long? Count => source.Count;

    /// <inheritdoc/>
    public Prompt Get(long index) => source.Get(source.Count is null ? Offset + index : index);
}
