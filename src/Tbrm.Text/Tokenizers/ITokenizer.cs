using System;
using System.Collections.Generic;

namespace Tbrm.Text.Tokenizers;

/// <summary>
/// Text to token ids and back, exactly as Hugging Face's <c>tokenizers</c> does it. Thread-safe. Text is UTF-16; half
/// of a
/// surrogate pair, which is no text, counts as U+FFFD.
/// </summary>
public interface ITokenizer
{
    /// <summary>One more than the highest id; a model's embedding may have more rows than that.</summary>
    int VocabularySize { get; }

    /// <summary>Begins a text; null when the tokenizer names none.</summary>
    int? BosId { get; }

    /// <summary>Ends an answer; null when the tokenizer names none.</summary>
    int? EosId { get; }

    /// <summary>Fills up batches; null when the tokenizer names none.</summary>
    int? PadId { get; }

    /// <summary>What every id adds to a text, by id: <see cref="VocabularySize"/> entries. An id without a token has no
    /// bytes.</summary>
    IReadOnlyList<ReadOnlyMemory<byte>> IdToBytes { get; }

    /// <summary>The ids of a text.</summary>
    /// <param name="text">Any text; special tokens in it are recognized.</param>
    /// <param name="addSpecialTokens">Put what the post-processor adds around it (Llama 3's begin of text; Qwen adds
    /// nothing).</param>
    int[] Encode(string text, bool addSpecialTokens = false);

    /// <summary>Appends the ids of a text to <paramref name="ids"/>.</summary>
    void Encode(ReadOnlySpan<char> text, bool addSpecialTokens, List<int> ids);

    /// <summary>The ids of many texts, in order, on at most so many threads (0: one per core).</summary>
    int[][] EncodeBatch(IReadOnlyList<string> texts, bool addSpecialTokens = false, int maxThreads = 0);

    /// <summary>The text of ids. Ids without a token give nothing; bytes that are not UTF-8 give U+FFFD.</summary>
    /// <param name="ids">Any ids.</param>
    /// <param name="skipSpecialTokens">Leave out the tokens that are marked special.</param>
    string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false);

    /// <summary>Decodes ids one by one; what comes out never ends inside a character.</summary>
    StreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens = false);

    /// <summary>The token with this id as the vocabulary writes it; null when there is none.</summary>
    string? IdToToken(int id);

    /// <summary>The id of a token as the vocabulary writes it; null when there is none.</summary>
    int? TokenToId(string token);

    /// <summary>The id stands for a special token.</summary>
    bool IsSpecial(int id);

    /// <summary>Writes the files that the tokenizer was read from, byte for byte.</summary>
    void Save(string folder);
}
