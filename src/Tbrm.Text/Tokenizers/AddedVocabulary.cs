using System;
using System.Collections.Generic;
using System.Text;
using Tbrm.Text.Normalizers;
using Tbrm.Text.Unicode;

namespace Tbrm.Text.Tokenizers;

/// <summary>A stretch of text between added tokens (id -1), or an added token.</summary>
internal readonly record struct TextSpan(int Start, int End, int Id);

/// <summary>The added tokens of a tokenizer: their ids, and where they stand in a text.</summary>
internal sealed class AddedVocabulary
{
    private readonly Dictionary<string, int> _ids = [];
    private readonly SortedDictionary<int, AddedToken> _tokens = [];
    private readonly Dictionary<int, string> _normalizedForms = [];
    private readonly HashSet<string> _special = [];
    private TokenTrie? _rawTrie;
    private TokenTrie? _normalizedTrie;

    /// <summary>The tokens by id.</summary>
    public IReadOnlyDictionary<int, AddedToken> Tokens => _tokens;

    /// <summary>Content to id.</summary>
    public IReadOnlyDictionary<string, int> Ids => _ids;

    /// <summary>Some token is looked for in the normalized text.</summary>
    public bool HasNormalized => _normalizedTrie != null;

    /// <summary>
    /// Adds tokens in order. A content that the vocabulary has keeps that id; the others get ids counted up from the
    /// end of
    /// the vocabulary, as Hugging Face does whatever ids the file names.
    /// </summary>
    public void Add(IEnumerable<AddedToken> tokens, IReadOnlyDictionary<string, int> vocabulary, Normalizer? normalizer)
    {
        int nextId = vocabulary.Count;
        foreach (int id in _tokens.Keys)
        {
            nextId = Math.Max(nextId, id + 1);
        }

        foreach (AddedToken token in tokens)
        {
            if (token.Content.Length == 0)
            {
                continue;
            }

            if (!_ids.TryGetValue(token.Content, out int id) && !vocabulary.TryGetValue(token.Content, out id))
            {
                id = nextId++;
            }

            _ids[token.Content] = id;
            _tokens[id] = token;
            if (token.Special)
            {
                _special.Add(token.Content);
            }

            if (token.Normalized && normalizer != null && normalizer.Normalize(token.Content) is string form
                && form != token.Content)
            {
                _normalizedForms[id] = form;
            }
        }

        BuildTries();
    }

    /// <summary>What decoding writes for an added token; null for an id that is none.</summary>
    public string? TextOf(int id)
    {
        return _normalizedForms.TryGetValue(id, out string? form) ? form : _tokens.GetValueOrDefault(id)?.Content;
    }

    /// <summary>Decoding leaves this text out when special tokens are to be skipped.</summary>
    public bool IsSpecial(string text) => _special.Contains(text);

    /// <summary>Cuts the raw text at the tokens that are not normalized.</summary>
    public void CutRaw(string text, List<TextSpan> spans) => Cut(text, _rawTrie, spans);

    /// <summary>Cuts a normalized text at the normalized tokens.</summary>
    public void CutNormalized(string text, List<TextSpan> spans) => Cut(text, _normalizedTrie, spans);

    private void BuildTries()
    {
        List<(string, int)> raw = [];
        List<(string, int)> normalized = [];
        foreach ((int id, AddedToken token) in _tokens)
        {
            string text = token.Normalized ? TextOf(id)! : token.Content;
            if (text.Length > 0)
            {
                (token.Normalized ? normalized : raw).Add((text, id));
            }
        }

        _rawTrie = raw.Count > 0 ? new TokenTrie(raw) : null;
        _normalizedTrie = normalized.Count > 0 ? new TokenTrie(normalized) : null;
    }

    private void Cut(string text, TokenTrie? trie, List<TextSpan> spans)
    {
        int done = 0;
        int from = 0;
        while (trie != null && trie.TryFind(text, from, out int start, out int end, out int id))
        {
            from = end;
            AddedToken token = _tokens[id];
            if (token.SingleWord && (WordBefore(text, start) || WordAfter(text, end)))
            {
                continue;
            }

            // The blanks before may already belong to the token before, the blanks after may hold the start of the
            // next.
            while (token.LStrip && start > done && RuneClass.IsSpace(text[start - 1]))
            {
                start--;
            }

            start = token.LStrip ? Math.Max(start, done) : start;
            while (token.RStrip && end < text.Length && RuneClass.IsSpace(text[end]))
            {
                end++;
            }

            // A token of blanks that the token before took along is no second one.
            if (start >= end)
            {
                continue;
            }

            if (done < start)
            {
                spans.Add(new TextSpan(done, start, -1));
            }

            spans.Add(new TextSpan(start, end, id));
            done = end;
        }

        if (done < text.Length)
        {
            spans.Add(new TextSpan(done, text.Length, -1));
        }
    }

    private static bool WordBefore(string text, int index)
    {
        return index > 0
            && Rune.DecodeLastFromUtf16(text.AsSpan(0, index), out Rune rune,
            out _) == System.Buffers.OperationStatus.Done
            && RuneClass.IsWord(rune.Value);
    }

    private static bool WordAfter(string text, int index)
    {
        return index < text.Length
            && Rune.DecodeFromUtf16(text.AsSpan(index), out Rune rune, out _) == System.Buffers.OperationStatus.Done
            && RuneClass.IsWord(rune.Value);
    }
}
