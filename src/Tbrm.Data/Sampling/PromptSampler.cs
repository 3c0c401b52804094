using System;
using System.Collections.Generic;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Sources;

namespace Tbrm.Data.Sampling;

/// <summary>Hands out the prompts of a source in the order of an <see cref="IndexSampler"/>. Not thread-safe.</summary>
/// <param name="source">The prompts.</param>
/// <param name="options">Batch size, order, epochs.</param>
/// <exception cref="ConfigException">As <see cref="IndexSampler"/>.</exception>
/// <exception cref="DataException">As <see cref="IndexSampler"/>.</exception>
public sealed class PromptSampler(IPromptSource source, SamplerOptions options)
{
    private readonly IndexSampler _indices = new(source.Count, options);

    /// <inheritdoc cref="IndexSampler.BatchesPerEpoch"/>
    public long? BatchesPerEpoch => _indices.BatchesPerEpoch;

    /// <inheritdoc cref="IndexSampler.State"/>
    public SamplerState State => _indices.State;

    /// <inheritdoc cref="IndexSampler.Next"/>
    public IReadOnlyList<Prompt>? Next() => _indices.Next() is { } batch ? Array.ConvertAll(batch, source.Get) : null;

    /// <inheritdoc cref="IndexSampler.Restore"/>
    public void Restore(SamplerState state) => _indices.Restore(state);
}
