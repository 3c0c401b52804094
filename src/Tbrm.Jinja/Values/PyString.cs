using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Tbrm.Jinja.Values;

/// <summary>Python's view of a string: a sequence of code points, with Python's own idea of what a blank is.</summary>
internal static class PyString
{
    /// <summary>str.isspace() of one character; \s of Python's regular expressions is the same.</summary>
    public static bool IsSpace(char c)
    {
        return c is ' ' or (>= '\t' and <= '\r') or (>= '\u001C' and <= '\u001F') or '\u0085' or '\u00A0' or '\u1680'
            or (>= '\u2000' and <= '\u200A') or '\u2028' or '\u2029' or '\u202F' or '\u205F' or '\u3000';
    }

    /// <summary>str.rstrip().</summary>
    public static string StripEnd(string text)
    {
        int end = text.Length;
        while (end > 0 && IsSpace(text[end - 1]))
        {
            end--;
        }

        return text[..end];
    }

    /// <summary>str.lstrip().</summary>
    public static string StripStart(string text)
    {
        int start = 0;
        while (start < text.Length && IsSpace(text[start]))
        {
            start++;
        }

        return text[start..];
    }

    /// <summary>strip(characters) at the sides asked for; null characters are blanks.</summary>
    public static string Strip(string text, string? characters, bool start, bool end)
    {
        if (characters == null)
        {
            text = start ? StripStart(text) : text;
            return end ? StripEnd(text) : text;
        }

        List<string> all = Characters(text);
        HashSet<string> set = [.. Characters(characters)];
        int from = 0;
        int to = all.Count;
        while (start && from < to && set.Contains(all[from]))
        {
            from++;
        }

        while (end && to > from && set.Contains(all[to - 1]))
        {
            to--;
        }

        return string.Concat(all.GetRange(from, to - from));
    }

    /// <summary>No character takes two units, so indices are code points.</summary>
    public static bool IsFlat(string text) => text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0;

    /// <summary>How many code points there are.</summary>
    public static int Length(string text)
    {
        RenderState.SpendCharacters(text.Length);
        int length = text.Length;
        for (int i = 0; i + 1 < text.Length; i++)
        {
            if (char.IsSurrogatePair(text[i], text[i + 1]))
            {
                length--;
                i++;
            }
        }

        return length;
    }

    /// <summary>The characters, a string each.</summary>
    public static List<string> Characters(string text)
    {
        RenderState.SpendItems(text.Length / 8);
        List<string> characters = new(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            bool pair = i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]);
            characters.Add(pair ? text.Substring(i, 2) : text[i].ToString());
            i += pair ? 1 : 0;
        }

        return characters;
    }

    /// <summary>The index in units of a code point's index.</summary>
    public static int UnitIndex(string text, int codePointIndex)
    {
        RenderState.SpendCharacters(Math.Min(text.Length, codePointIndex));
        int unit = 0;
        for (int i = 0; i < codePointIndex && unit < text.Length; i++)
        {
            unit += unit + 1 < text.Length && char.IsSurrogatePair(text[unit], text[unit + 1]) ? 2 : 1;
        }

        return unit;
    }

    /// <summary>The code point index of an index in units.</summary>
    public static int CodePointIndex(string text, int unitIndex) => Length(text[..unitIndex]);

    /// <summary>str.isidentifier().</summary>
    public static bool IsIdentifier(string text)
    {
        bool first = true;
        foreach (Rune rune in text.EnumerateRunes())
        {
            UnicodeCategory category = Rune.GetUnicodeCategory(rune);
            bool start = rune.Value == '_' || Rune.IsLetter(rune) || category == UnicodeCategory.LetterNumber;
            bool inside = start || category is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.NonSpacingMark
                or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.ConnectorPunctuation;
            if (!(first ? start : inside))
            {
                return false;
            }

            first = false;
        }

        return !first;
    }

    /// <summary>str.isprintable() of one character.</summary>
    public static bool IsPrintable(Rune rune) => rune.Value == ' '
        || Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control
        or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);

    /// <summary>The lines of a text as str.splitlines() sees them.</summary>
    public static List<string> Lines(string text, bool keepEnds = false)
    {
        RenderState.SpendCharacters(text.Length);
        List<string> lines = [];
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] is not (
                (>= '\n' and <= '\r') or (>= '\u001C' and <= '\u001E') or '\u0085' or '\u2028' or '\u2029'))
            {
                continue;
            }

            int end = text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n' ? i + 2 : i + 1;
            lines.Add(text[start..(keepEnds ? end : i)]);
            start = end;
            i = end - 1;
        }

        if (start < text.Length)
        {
            lines.Add(text[start..]);
        }

        return lines;
    }

    /// <summary>Upper case, as Python: full mappings for the few that grow.</summary>
    public static string Upper(string text)
    {
        RenderState.SpendCharacters(text.Length);
        return text.ToUpperInvariant().Replace("ß", "SS", StringComparison.Ordinal)
            .Replace("ﬁ", "FI", StringComparison.Ordinal)
            .Replace("ﬂ", "FL", StringComparison.Ordinal).Replace("ﬀ", "FF", StringComparison.Ordinal);
    }

    /// <summary>Unicode's full lower-casing without context: U+0130 is the one character that becomes two.</summary>
    private static string LowerRunes(string text)
    {
        StringBuilder output = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            output.Append(rune.Value == 0x130 ? "i\u0307" : Rune.ToLowerInvariant(rune).ToString());
        }

        return output.ToString();
    }

    /// <summary>Lower case, as Python: with the final form of sigma.</summary>
    public static string Lower(string text)
    {
        RenderState.SpendCharacters(text.Length);
        string lower = LowerRunes(text);
        if (!lower.Contains('σ', StringComparison.Ordinal) || !text.Contains('Σ', StringComparison.Ordinal))
        {
            return lower;
        }

        StringBuilder output = new(lower);
        for (int i = 0; i < text.Length && lower.Length == text.Length; i++)
        {
            bool after = i > 0 && char.IsLetter(text[i - 1]);
            bool before = i + 1 < text.Length && char.IsLetter(text[i + 1]);
            if (text[i] == 'Σ' && after && !before)
            {
                output[i] = 'ς';
            }
        }

        return output.ToString();
    }

    /// <summary>First character upper case, the rest lower.</summary>
    public static string Capitalize(string text)
    {
        if (text.Length == 0)
        {
            return text;
        }

        int first = UnitIndex(text, 1);
        return Upper(text[..first]) + Lower(text[first..]);
    }
}
