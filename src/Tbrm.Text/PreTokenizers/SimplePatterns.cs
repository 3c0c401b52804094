using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using Tbrm.Text.Patterns;
using Tbrm.Text.Unicode;

namespace Tbrm.Text.PreTokenizers;

/// <summary>Matches single characters by a predicate.</summary>
internal sealed class RunePattern(Func<Rune, bool> matches) : IPattern
{
    /// <summary>Rust's <c>char::is_numeric</c>: the categories Nd, Nl and No.</summary>
    public static RunePattern Digits { get; } = new(static rune => (RuneClass.Of(rune.Value) & RuneClass.Number) != 0);

    /// <summary>ASCII punctuation and symbols, and the categories P.</summary>
    public static RunePattern Punctuation { get; } = new(IsPunctuation);

    /// <summary>White_Space.</summary>
    public static RunePattern Spaces { get; } = new(static rune => RuneClass.IsSpace(rune.Value));

    /// <summary>Every character.</summary>
    public static RunePattern Any { get; } = new(static _ => true);

    /// <summary>One character.</summary>
    public static RunePattern Exactly(Rune wanted) => new(rune => rune == wanted);

    /// <inheritdoc/>
    public void FindSegments(ReadOnlySpan<char> text, List<Segment> segments)
    {
        int start = 0;
        int index = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (matches(rune))
            {
                if (start < index)
                {
                    segments.Add(new Segment(start, index, false));
                }

                start = index + rune.Utf16SequenceLength;
                segments.Add(new Segment(index, start, true));
            }

            index += rune.Utf16SequenceLength;
        }

        if (start < text.Length)
        {
            segments.Add(new Segment(start, text.Length, false));
        }
    }

    private static bool IsPunctuation(Rune rune)
    {
        return rune.IsAscii
            ? char.IsAscii((char)rune.Value)
                && (char.IsPunctuation((char)rune.Value) || char.IsSymbol((char)rune.Value))
            : Rune.GetUnicodeCategory(rune) is UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation
                or UnicodeCategory.OpenPunctuation or UnicodeCategory.ClosePunctuation
                or UnicodeCategory.InitialQuotePunctuation
                or UnicodeCategory.FinalQuotePunctuation or UnicodeCategory.OtherPunctuation;
    }
}

/// <summary>Matches a fixed text. The empty text matches between all characters.</summary>
internal sealed class LiteralPattern(string literal) : IPattern
{
    /// <inheritdoc/>
    public void FindSegments(ReadOnlySpan<char> text, List<Segment> segments)
    {
        int start = 0;
        if (literal.Length == 0)
        {
            segments.Add(new Segment(0, 0, true));
            foreach (Rune rune in text.EnumerateRunes())
            {
                segments.Add(new Segment(start, start + rune.Utf16SequenceLength, false));
                start += rune.Utf16SequenceLength;
                segments.Add(new Segment(start, start, true));
            }

            return;
        }

        while (text[start..].IndexOf(literal, StringComparison.Ordinal) is int skip and >= 0)
        {
            if (skip > 0)
            {
                segments.Add(new Segment(start, start + skip, false));
            }

            segments.Add(new Segment(start + skip, start + skip + literal.Length, true));
            start += skip + literal.Length;
        }

        if (start < text.Length)
        {
            segments.Add(new Segment(start, text.Length, false));
        }
    }
}

/// <summary>\w+|[^\w\s]+ in the sense of Rust's regex crate: the pre-tokenizer Whitespace.</summary>
internal sealed class WordOrSymbolPattern : IPattern
{
    /// <inheritdoc/>
    public void FindSegments(ReadOnlySpan<char> text, List<Segment> segments)
    {
        int start = 0;
        int kind = -1;
        int index = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            int next = RuneClass.IsWord(rune.Value) ? 1 : RuneClass.IsSpace(rune.Value) ? 0 : 2;
            if (kind >= 0 && next != kind)
            {
                segments.Add(new Segment(start, index, kind > 0));
                start = index;
            }

            kind = next;
            index += rune.Utf16SequenceLength;
        }

        segments.Add(new Segment(start, text.Length, kind > 0));
    }
}
