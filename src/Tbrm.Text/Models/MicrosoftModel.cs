using System;
using System.Collections.Generic;

namespace Tbrm.Text.Models;

/// <summary>A model of Microsoft.ML.Tokenizers: WordPiece, and SentencePiece's unigram language model.</summary>
/// <param name="engine">Thread-safe. What stands around a text (special tokens) must be off.</param>
/// <param name="vocabulary">Token to id.</param>
/// <param name="normalizes">The engine's own normalizer is part of the model (SentencePiece's table of
/// characters).</param>
internal sealed class MicrosoftModel(Microsoft.ML.Tokenizers.Tokenizer engine,
    IReadOnlyDictionary<string, int> vocabulary, bool normalizes) : TokenModel
{
    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, int> Vocabulary => vocabulary;

    /// <inheritdoc/>
    public override void Encode(ReadOnlySpan<char> word, bool asBytes, BpeScratch scratch, List<int> ids) =>
        ids.AddRange(engine.EncodeToIds(word, considerPreTokenization: false, considerNormalization: normalizes));
}
