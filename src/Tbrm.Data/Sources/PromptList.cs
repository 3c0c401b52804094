using System;
using System.Collections.Generic;
using Tbrm.Core.Prompts;

namespace Tbrm.Data.Sources;

/// <summary>Prompts that are in memory already, as a source.</summary>
public sealed class PromptList(IReadOnlyList<Prompt> prompts) : IPromptSource
{
    /// <inheritdoc/>
    public long? Count => prompts.Count;

    /// <inheritdoc/>
    public Prompt Get(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, prompts.Count);
        return prompts[(int)index];
    }
}
