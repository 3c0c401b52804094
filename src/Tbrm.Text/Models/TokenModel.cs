using System;
using System.Collections.Generic;

namespace Tbrm.Text.Models;

/// <summary>Words to ids, below normalizer and pre-tokenizer. Immutable; what changes while encoding lives in
/// <see cref="BpeScratch"/>.</summary>
internal abstract class TokenModel
{
    private static readonly MergeTable s_none = new(0);

    /// <summary>Token to id.</summary>
    public abstract IReadOnlyDictionary<string, int> Vocabulary { get; }

    /// <summary>The merges, for <see cref="BpeScratch"/>; none where the model does not merge.</summary>
    public virtual MergeTable Merges => s_none;

    /// <summary>Appends the ids of one word.</summary>
    /// <param name="word">Well-formed UTF-16, not empty.</param>
    /// <param name="asBytes">The symbols are the bytes of the word in <see cref="PreTokenizers.ByteAlphabet"/>;
    /// otherwise its
    /// characters.</param>
    /// <param name="scratch">The caller's buffers and cache.</param>
    /// <param name="ids">Appended to.</param>
    public abstract void Encode(ReadOnlySpan<char> word, bool asBytes, BpeScratch scratch, List<int> ids);
}
