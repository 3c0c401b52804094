using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using Tbrm.Text.PreTokenizers;

namespace Tbrm.Text.Models;

/// <summary>How a BPE model treats what its vocabulary lacks, and its affixes: the small fields of a
/// <c>tokenizer.json</c> model.</summary>
/// <param name="UnkToken">Stands for a character outside the vocabulary; null: such a character is dropped.</param>
/// <param name="FuseUnk">A run of unknown characters gives one unknown token.</param>
/// <param name="ByteFallback">An unknown character gives its bytes as &lt;0x..&gt; tokens when all of them are
/// known.</param>
/// <param name="IgnoreMerges">A word that is in the vocabulary is taken whole.</param>
/// <param name="ContinuingSubwordPrefix">Written before every symbol but a word's first.</param>
/// <param name="EndOfWordSuffix">Written after a word's last symbol.</param>
internal sealed record BpeOptions(
    string? UnkToken = null,
    bool FuseUnk = false,
    bool ByteFallback = false,
    bool IgnoreMerges = false,
    string ContinuingSubwordPrefix = "",
    string EndOfWordSuffix = "");

/// <summary>Byte-pair encoding: words to ids. Immutable; what changes while encoding lives in
/// <see cref="BpeScratch"/>.</summary>
internal sealed class BpeModel : TokenModel
{
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idsBySpan;
    private readonly BpeOptions _options;
    private readonly int _unkId = -1;
    private readonly int[] _byteIds = new int[256];
    private readonly bool _bytesAreSymbols;
    private readonly int[]? _fallbackIds;

    /// <summary>Builds the model; ids and merges were checked by the reader.</summary>
    public BpeModel(Dictionary<string, int> ids, MergeTable merges, BpeOptions options)
    {
        _ids = ids;
        _idsBySpan = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        Merges = merges;
        _options = options;
        if (options.UnkToken != null)
        {
            _unkId = ids[options.UnkToken];
        }

        _bytesAreSymbols = options.ContinuingSubwordPrefix.Length == 0 && options.EndOfWordSuffix.Length == 0;
        for (int b = 0; b < 256; b++)
        {
            _byteIds[b] = ids.GetValueOrDefault(ByteAlphabet.Characters[b].ToString(), -1);
        }

        _fallbackIds = options.ByteFallback ? FallbackIds() : null;
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, int> Vocabulary => _ids;

    /// <inheritdoc/>
    public override MergeTable Merges { get; }

    /// <inheritdoc/>
    public override void Encode(ReadOnlySpan<char> word, bool asBytes, BpeScratch scratch, List<int> ids)
    {
        if (word.Length > WordCache.MaxWordLength)
        {
            EncodeUncached(word, asBytes, scratch, ids);
            return;
        }

        int hash = string.GetHashCode(word) ^ (asBytes ? 0 : 0x5bd1e995);
        WordCache cache = asBytes ? scratch.ByteWords : scratch.CharWords;
        if (!cache.TryAppend(word, hash, ids))
        {
            int start = ids.Count;
            EncodeUncached(word, asBytes, scratch, ids);
            cache.Add(word, hash, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(ids)[start..]);
        }
    }

    private void EncodeUncached(ReadOnlySpan<char> word, bool asBytes, BpeScratch scratch, List<int> ids)
    {
        if (_options.IgnoreMerges
            && (asBytes ? _ids.TryGetValue(ByteAlphabet.Encode(word), out int whole)
                : _idsBySpan.TryGetValue(word, out whole)))
        {
            ids.Add(whole);
            return;
        }

        int count = asBytes && _bytesAreSymbols ? ByteSymbols(word, scratch) : -1;
        if (count < 0)
        {
            count = CharSymbols(asBytes ? ByteAlphabet.Encode(word) : word, scratch);
        }

        Span<int> symbols = scratch.Symbols.AsSpan(0, count);
        ids.AddRange(symbols[..scratch.Merger.Merge(symbols)]);
    }

    /// <summary>The symbols of a word as bytes; -1 when the vocabulary lacks one of the bytes.</summary>
    private int ByteSymbols(ReadOnlySpan<char> word, BpeScratch scratch)
    {
        scratch.Reserve(3 * word.Length);
        int count = Encoding.UTF8.GetBytes(word, scratch.Utf8);
        for (int i = 0; i < count; i++)
        {
            int id = _byteIds[scratch.Utf8[i]];
            if (id < 0)
            {
                return -1;
            }

            scratch.Symbols[i] = id;
        }

        return count;
    }

    private int CharSymbols(ReadOnlySpan<char> word, BpeScratch scratch)
    {
        // An unknown character gives at most one symbol per byte, with its affixes.
        scratch.Reserve((4 * word.Length) + (3 * word.Length * _options.ContinuingSubwordPrefix.Length)
            + (3 * _options.EndOfWordSuffix.Length));
        int[] symbols = scratch.Symbols;
        int count = 0;
        bool unkPending = false;
        for (int i = 0, length; i < word.Length; i += length)
        {
            length = char.IsHighSurrogate(word[i]) && i + 1 < word.Length ? 2 : 1;
            ReadOnlySpan<char> symbol = WithAffixes(word, i, length);
            if (_idsBySpan.TryGetValue(symbol, out int id))
            {
                if (unkPending)
                {
                    symbols[count++] = _unkId;
                    unkPending = false;
                }

                symbols[count++] = id;
            }
            else if (_fallbackIds == null || !TryFallback(symbol, symbols, ref count))
            {
                if (unkPending && !_options.FuseUnk)
                {
                    symbols[count++] = _unkId;
                }

                unkPending = _unkId >= 0;
            }
        }

        if (unkPending)
        {
            symbols[count++] = _unkId;
        }

        return count;
    }

    private ReadOnlySpan<char> WithAffixes(ReadOnlySpan<char> word, int start, int length)
    {
        ReadOnlySpan<char> symbol = word.Slice(start, length);
        if (_bytesAreSymbols)
        {
            return symbol;
        }

        return string.Concat(
            start > 0 ? _options.ContinuingSubwordPrefix : "",
            symbol,
            start + length == word.Length ? _options.EndOfWordSuffix : "");
    }

    private bool TryFallback(ReadOnlySpan<char> symbol, int[] symbols, ref int count)
    {
        byte[] utf8 = new byte[Encoding.UTF8.GetMaxByteCount(symbol.Length)];
        int length = Encoding.UTF8.GetBytes(symbol, utf8);
        for (int i = 0; i < length; i++)
        {
            int id = _fallbackIds![utf8[i]];
            if (id < 0)
            {
                return false;
            }

            symbols[count + i] = id;
        }

        count += length;
        return true;
    }

    private int[] FallbackIds()
    {
        int[] fallback = new int[256];
        for (int b = 0; b < 256; b++)
        {
            fallback[b] = _ids.GetValueOrDefault(string.Create(CultureInfo.InvariantCulture, $"<0x{b:X2}>"), -1);
        }

        return fallback;
    }
}
