using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Tbrm.Tasks.Python;

/// <summary>Python's view of text where it differs from .NET's: lengths in code points, its white space, its case
/// mapping.</summary>
internal static class PythonText
{
    /// <summary><c>len(text)</c>: code points, a lone surrogate counting as one.</summary>
    public static int Length(ReadOnlySpan<char> text)
    {
        int pairs = 0;
        for (int i = 1; i < text.Length; i++)
        {
            if (char.IsSurrogatePair(text[i - 1], text[i]))
            {
                pairs++;
                i++;
            }
        }

        return text.Length - pairs;
    }

    /// <summary><c>c.isspace()</c>: Unicode White_Space and the four separators U+001C to U+001F.</summary>
    public static bool IsSpace(char c)
    {
        return char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';
    }

    /// <summary><c>text.strip()</c>.</summary>
    public static ReadOnlySpan<char> Strip(ReadOnlySpan<char> text)
    {
        int start = 0, end = text.Length;
        while (start < end && IsSpace(text[start]))
        {
            start++;
        }

        while (end > start && IsSpace(text[end - 1]))
        {
            end--;
        }

        return text[start..end];
    }

    /// <summary><c>text.strip()</c> as a new string.</summary>
    public static string Strip(string text)
    {
        return Strip(text.AsSpan()).ToString();
    }

    /// <summary>
    /// Replaces every Unicode decimal digit (category Nd) by its ASCII digit; false when a character is neither ASCII
    /// nor such a digit.
    /// </summary>
    public static bool TryToAsciiDigits(ReadOnlySpan<char> text, out string ascii)
    {
        StringBuilder builder = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (rune.IsAscii && rune.Value != 0)
            {
                builder.Append((char)rune.Value);
                continue;
            }

            if (Rune.GetUnicodeCategory(rune) != UnicodeCategory.DecimalDigitNumber)
            {
                ascii = "";
                return false;
            }

            builder.Append((char)('0' + (int)Rune.GetNumericValue(rune)));
        }

        ascii = builder.ToString();
        return true;
    }

    /// <summary>
    /// The first code points of <c>text.lower()</c>. A sigma at the end of a word, which Python maps to its final form,
    /// becomes the plain one.
    /// </summary>
    public static List<Rune> Lower(string text, int atMost = int.MaxValue)
    {
        List<Rune> lower = [];
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (lower.Count >= atMost)
            {
                break;
            }

            // The one letter whose lower case is two code points: i and a combining dot above.
            if (rune.Value == 0x130)
            {
                lower.Add(new Rune('i'));
                lower.Add(new Rune(0x307));
            }
            else
            {
                lower.Add(Rune.ToLowerInvariant(rune));
            }
        }

        return lower;
    }

    /// <summary><c>text.split()</c>: the words between runs of white space.</summary>
    public static string[] Split(string text)
    {
        List<string> words = [];
        int start = -1;
        for (int i = 0; i <= text.Length; i++)
        {
            bool inWord = i < text.Length && !IsSpace(text[i]);
            if (inWord && start < 0)
            {
                start = i;
            }
            else if (!inWord && start >= 0)
            {
                words.Add(text[start..i]);
                start = -1;
            }
        }

        return [.. words];
    }
}
