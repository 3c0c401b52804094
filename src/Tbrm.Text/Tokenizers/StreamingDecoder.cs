using System;
using System.Collections.Generic;
using System.Text;

namespace Tbrm.Text.Tokenizers;

/// <summary>
/// Decodes ids one at a time. What <see cref="Add"/> returns, joined, and then <see cref="Finish"/>, is what
/// <see cref="ITokenizer.Decode"/> gives for all ids at once; no part ends inside a character.
/// </summary>
public sealed class StreamingDecoder
{
    private readonly ITokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly Decoder? _utf8;
    private readonly List<int> _ids = [];
    private string _shown = "";

    internal StreamingDecoder(ITokenizer tokenizer, bool byteLevel, bool skipSpecialTokens)
    {
        _tokenizer = tokenizer;
        _skipSpecialTokens = skipSpecialTokens;
        _utf8 = byteLevel ? Encoding.UTF8.GetDecoder() : null;
    }

    /// <summary>The text that this id completes; empty while a character is still incomplete.</summary>
    public string Add(int id)
    {
        if (_utf8 == null)
        {
            _ids.Add(id);
            return Advance(final: false);
        }

        return (uint)id >= (uint)_tokenizer.VocabularySize || (_skipSpecialTokens && _tokenizer.IsSpecial(id))
            ? ""
            : Convert(_tokenizer.IdToBytes[id].Span, flush: false);
    }

    /// <summary>What is still to come: U+FFFD when the ids end inside a character, usually nothing.</summary>
    public string Finish() => _utf8 == null ? Advance(final: true) : Convert([], flush: true);

    private string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        char[] chars = new char[_utf8!.GetCharCount(bytes, flush)];
        return new string(chars, 0, _utf8.GetChars(bytes, chars, flush));
    }

    /// <summary>
    /// Other decoders look at their neighbours, so the text is decoded anew; what comes out is held back while it ends
    /// in
    /// U+FFFD, which the next token may still turn into a character.
    /// </summary>
    private string Advance(bool final)
    {
        string text = _tokenizer.Decode(
            System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_ids), _skipSpecialTokens);
        if (text.Length <= _shown.Length || (!final && text.EndsWith('\uFFFD'))
            || !text.StartsWith(_shown, StringComparison.Ordinal))
        {
            return "";
        }

        string added = text[_shown.Length..];
        _shown = text;
        Forget(text);
        return added;
    }

    /// <summary>
    /// Keeps only the last few ids once there are many, or the cost of a text would be quadratic in its length. They
    /// must
    /// give the end of the text by themselves: then what a decoder does at the start of a text was done within them.
    /// </summary>
    private void Forget(string text)
    {
        const int Many = 64;
        const int Few = 8;
        if (_ids.Count < Many)
        {
            return;
        }

        string end = _tokenizer.Decode(
            System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_ids)[^Few..], _skipSpecialTokens);
        if (end.Length > 0 && !end.Contains('\uFFFD', StringComparison.Ordinal)
            && text.EndsWith(end, StringComparison.Ordinal))
        {
            _ids.RemoveRange(0, _ids.Count - Few);
            _shown = end;
        }
    }
}
