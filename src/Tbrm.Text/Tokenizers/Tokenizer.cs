using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading.Tasks;
using Tbrm.Text.Decoders;
using Tbrm.Text.Models;
using Tbrm.Text.PostProcessors;
using Tbrm.Text.PreTokenizers;

namespace Tbrm.Text.Tokenizers;

/// <summary>A tokenizer of a model folder: byte pairs in Hugging Face's format, in SentencePiece's or tiktoken's, or
/// (by Microsoft.ML.Tokenizers) a unigram or WordPiece model.</summary>
public sealed class Tokenizer : ITokenizer
{
    private readonly TokenizerFiles _files;
    private readonly TokenizerParts _parts;
    private readonly AddedVocabulary _added;
    private readonly IReadOnlyList<IdTemplate> _templates;
    private readonly string?[] _tokens;
    private readonly ReadOnlyMemory<byte>[] _bytes;
    private readonly ConcurrentBag<BpeScratch> _scratch = [];

    internal Tokenizer(TokenizerFiles files, TokenizerParts parts, TokenizerConfig config)
    {
        _files = files;
        _parts = parts;
        _added = new AddedVocabulary();
        _added.Add(parts.AddedTokens, parts.Model.Vocabulary, parts.Normalizer);
        _added.Add([.. config.TokensToAdd(_added.Ids)], parts.Model.Vocabulary, parts.Normalizer);
        _tokens = BuildTokens();
        _bytes = BuildBytes();
        BosToken = config.Role("bos_token");
        EosToken = config.Role("eos_token");
        PadToken = config.Role("pad_token");
        UnkToken = config.Role("unk_token");
        _templates = LlamaTemplates(config) ?? parts.Templates;
    }

    /// <inheritdoc/>
    public int VocabularySize => _tokens.Length;

    /// <inheritdoc/>
    public int? BosId => IdOf(BosToken);

    /// <inheritdoc/>
    public int? EosId => IdOf(EosToken);

    /// <inheritdoc/>
    public int? PadId => IdOf(PadToken);

    /// <summary>The text of the token that begins a text; null when the configuration names none.</summary>
    public string? BosToken { get; }

    /// <summary>The text of the token that ends an answer; null when the configuration names none.</summary>
    public string? EosToken { get; }

    /// <summary>The text of the token that fills up batches; null when the configuration names none.</summary>
    public string? PadToken { get; }

    /// <summary>The text of the token for what is unknown; null when the configuration names none.</summary>
    public string? UnkToken { get; }

    /// <summary>The added tokens by id.</summary>
    public IReadOnlyDictionary<int, AddedToken> AddedTokens => _added.Tokens;

    /// <inheritdoc/>
    public IReadOnlyList<ReadOnlyMemory<byte>> IdToBytes => _bytes;

    /// <summary>Reads the tokenizer of a model folder: <c>tokenizer.json</c>, or <c>vocab.json</c> and
    /// <c>merges.txt</c>, or <c>tokenizer.model</c>, <c>*.tiktoken</c>, <c>vocab.txt</c>.</summary>
    /// <exception cref="Core.Errors.DataException">A file is missing, malformed or asks for something
    /// unknown.</exception>
    public static Tokenizer Load(string folder) => TokenizerLoader.Load(TokenizerFiles.Read(folder));

    /// <summary>Whether a folder holds one of the files that <see cref="Load"/> reads a vocabulary from.</summary>
    public static bool IsIn(string folder) => TokenizerFiles.HoldVocabulary(folder);

    /// <inheritdoc/>
    public int[] Encode(string text, bool addSpecialTokens = false)
    {
        List<int> ids = [];
        EncodeText(text, addSpecialTokens, ids);
        return [.. ids];
    }

    /// <inheritdoc/>
    public void Encode(ReadOnlySpan<char> text, bool addSpecialTokens, List<int> ids) =>
        EncodeText(text.ToString(), addSpecialTokens, ids);

    /// <inheritdoc/>
    public int[][] EncodeBatch(IReadOnlyList<string> texts, bool addSpecialTokens = false, int maxThreads = 0)
    {
        int[][] ids = new int[texts.Count][];
        ParallelOptions options = new() { MaxDegreeOfParallelism = maxThreads > 0 ? maxThreads : -1 };
        Parallel.For(0, texts.Count, options, i => ids[i] = Encode(texts[i], addSpecialTokens));
        return ids;
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false)
    {
        if (_parts.Decoder is ByteLevelDecoder)
        {
            return DecodeBytes(ids, skipSpecialTokens);
        }

        List<string> tokens = [];
        foreach (int id in ids)
        {
            if ((uint)id < (uint)_tokens.Length && _tokens[id] is string token
                && !(skipSpecialTokens && _added.IsSpecial(token)))
            {
                tokens.Add(token);
            }
        }

        return _parts.Decoder == null ? string.Join(' ', tokens)
            : string.Concat(tokens.Count == 0 ? [] : _parts.Decoder.Decode(tokens));
    }

    /// <inheritdoc/>
    public StreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens = false)
    {
        return new StreamingDecoder(this, _parts.Decoder is ByteLevelDecoder, skipSpecialTokens);
    }

    /// <inheritdoc/>
    public string? IdToToken(int id)
    {
        return _added.Tokens.TryGetValue(id, out AddedToken? added) ? added.Content : (uint)id < (uint)_tokens.Length
            ? _tokens[id] : null;
    }

    /// <inheritdoc/>
    public int? TokenToId(string token) => IdOf(token);

    /// <inheritdoc/>
    public bool IsSpecial(int id) => (uint)id < (uint)_tokens.Length && _tokens[id] is string token
        && _added.IsSpecial(token);

    /// <inheritdoc/>
    public void Save(string folder) => _files.Write(folder);

    private int? IdOf(string? token)
    {
        return token == null ? null
            : _added.Ids.TryGetValue(token, out int id) || _parts.Model.Vocabulary.TryGetValue(token, out id) ? id
                : null;
    }

    private void EncodeText(string text, bool addSpecialTokens, List<int> ids)
    {
        text = WellFormed(text);
        if (!_scratch.TryTake(out BpeScratch? scratch))
        {
            scratch = new BpeScratch(_parts.Model);
        }

        List<int> own = addSpecialTokens && _templates.Count > 0 ? [] : ids;
        List<TextSpan> spans = [];
        _added.CutRaw(text, spans);
        foreach (TextSpan span in spans)
        {
            EncodeSpan(text, span, scratch, own);
        }

        _scratch.Add(scratch);
        if (own != ids)
        {
            ids.AddRange(_templates.Aggregate(own, (inner, template) => template.Apply(inner)));
        }
    }

    /// <summary>A stretch of raw text: normalized, cut at the normalized added tokens, and what remains
    /// encoded.</summary>
    private void EncodeSpan(string text, TextSpan span, BpeScratch scratch, List<int> ids)
    {
        if (span.Id >= 0)
        {
            ids.Add(span.Id);
            return;
        }

        string raw = span.End - span.Start == text.Length ? text : text[span.Start..span.End];
        string normalized = _parts.Normalizer?.Normalize(raw) ?? raw;
        if (!_added.HasNormalized)
        {
            EncodeWords(normalized, span.Start == 0, scratch, ids);
            return;
        }

        List<TextSpan> spans = [];
        _added.CutNormalized(normalized, spans);
        foreach (TextSpan inner in spans)
        {
            if (inner.Id >= 0)
            {
                ids.Add(inner.Id);
            }
            else
            {
                EncodeWords(normalized[inner.Start..inner.End], span.Start == 0 && inner.Start == 0, scratch, ids);
            }
        }
    }

    private void EncodeWords(string text, bool startsInput, BpeScratch scratch, List<int> ids)
    {
        PreTokenized pieces = scratch.Pieces;
        pieces.Reset(text, startsInput);
        _parts.PreTokenizer?.Apply(pieces);
        foreach (Piece piece in CollectionsMarshal.AsSpan(pieces.Pieces))
        {
            _parts.Model.Encode(pieces.Span(piece), pieces.AsBytes, scratch, ids);
        }
    }

    private static string WellFormed(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
        {
            return text;
        }

        StringBuilder repaired = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            repaired.Append(rune.ToString());
        }

        return repaired.ToString();
    }

    private string DecodeBytes(ReadOnlySpan<int> ids, bool skipSpecialTokens)
    {
        int length = 0;
        foreach (int id in ids)
        {
            length += (uint)id < (uint)_bytes.Length ? _bytes[id].Length : 0;
        }

        byte[] utf8 = new byte[length];
        int used = 0;
        foreach (int id in ids)
        {
            if ((uint)id < (uint)_bytes.Length && !(skipSpecialTokens && IsSpecial(id)))
            {
                _bytes[id].Span.CopyTo(utf8.AsSpan(used));
                used += _bytes[id].Length;
            }
        }

        return Encoding.UTF8.GetString(utf8, 0, used);
    }

    private string?[] BuildTokens()
    {
        int size = 0;
        foreach (int id in _parts.Model.Vocabulary.Values.Concat(_added.Tokens.Keys))
        {
            size = Math.Max(size, id + 1);
        }

        string?[] tokens = new string?[size];
        foreach ((string token, int id) in _parts.Model.Vocabulary)
        {
            tokens[id] = token;
        }

        foreach (int id in _added.Tokens.Keys)
        {
            tokens[id] = _added.TextOf(id);
        }

        return tokens;
    }

    private ReadOnlyMemory<byte>[] BuildBytes()
    {
        // A decoder may put a long text into every token.
        const long MaxBytes = 1 << 28;
        long total = 0;
        return Array.ConvertAll(_tokens, token =>
        {
            byte[] bytes = token == null ? []
                : _parts.Decoder is ByteLevelDecoder ? ByteAlphabet.Decode(token)
                : _parts.Decoder?.BytesOf(Encoding.UTF8.GetBytes(token)) ?? Encoding.UTF8.GetBytes(token);
            total += bytes.Length;
            return total <= MaxBytes
                ? (ReadOnlyMemory<byte>)bytes
                : throw new Core.Errors.DataException(
                    $"{_files.Origin}: the tokens decode to more than {MaxBytes} bytes; is the decoder in "
                        + $"tokenizer.json damaged?");
        });
    }

    /// <summary>
    /// The Llama family's Python class overrides the file's post-processor: begin and end tokens by two switches of
    /// tokenizer_config.json, of which the first is on unless it says otherwise.
    /// </summary>
    private List<IdTemplate>? LlamaTemplates(TokenizerConfig config)
    {
        if (config.TokenizerClass is not (
            "LlamaTokenizer" or "CodeLlamaTokenizer" or "GemmaTokenizer" or "CohereTokenizer"))
        {
            return null;
        }

        List<int?> parts = [null];
        if (config.AddBosToken != false && BosId is int bos)
        {
            parts.Insert(0, bos);
        }

        if (config.AddEosToken == true && EosId is int eos)
        {
            parts.Add(eos);
        }

        return [new IdTemplate(parts)];
    }
}
