using System.Collections.Generic;
using System.Text;
using Tbrm.Text.Patterns;
using Tbrm.Text.Unicode;

namespace Tbrm.Text.Normalizers;

/// <summary>Rewrites a text before it is cut into words. Never changes an empty text.</summary>
internal abstract class Normalizer
{
    /// <summary>The text that the pre-tokenizers see.</summary>
    public abstract string Normalize(string text);
}

/// <summary>One of the Unicode normalization forms, or any other pure function.</summary>
internal sealed class FunctionNormalizer(System.Func<string, string> function) : Normalizer
{
    /// <inheritdoc/>
    public override string Normalize(string text) => function(text);
}

/// <summary>Several normalizers, one after the other.</summary>
internal sealed class SequenceNormalizer(IReadOnlyList<Normalizer> steps) : Normalizer
{
    /// <inheritdoc/>
    public override string Normalize(string text)
    {
        int original = text.Length;
        foreach (Normalizer step in steps)
        {
            text = step.Normalize(text);
            TextGrowth.Require(text.Length, original);
        }

        return text;
    }
}

/// <summary>Replaces every match of a pattern by a fixed text.</summary>
internal sealed class ReplaceNormalizer(IPattern pattern, string content) : Normalizer
{
    /// <inheritdoc/>
    public override string Normalize(string text) => Replacement.Apply(pattern, content, text);
}

/// <summary>Replacing the matches of a pattern: shared by a normalizer and a decoder.</summary>
internal static class Replacement
{
    /// <summary>The text with <paramref name="content"/> in the place of every match.</summary>
    public static string Apply(IPattern pattern, string content, string text)
    {
        if (text.Length == 0)
        {
            return text;
        }

        List<Segment> segments = [];
        pattern.FindSegments(text, segments);
        StringBuilder output = new(text.Length);
        foreach (Segment segment in segments)
        {
            if (segment.IsMatch)
            {
                output.Append(content);
                TextGrowth.Require(output.Length, text.Length);
            }
            else
            {
                output.Append(text, segment.Start, segment.End - segment.Start);
            }
        }

        return output.ToString();
    }
}

/// <summary>The normalizers that are no more than a function.</summary>
internal static class TextFunctions
{
    /// <summary>Unicode's full lower-casing without context: U+0130 is the one character that becomes two.</summary>
    public static string Lowercase(string text)
    {
        StringBuilder output = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (rune.Value == 0x130)
            {
                output.Append("i\u0307");
            }
            else
            {
                output.Append(Rune.ToLowerInvariant(rune).ToString());
            }
        }

        return output.ToString();
    }

    /// <summary>Drops every combining mark.</summary>
    public static string StripAccents(string text)
    {
        StringBuilder output = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (!NormalizationData.Instance.IsMark(rune.Value))
            {
                output.Append(rune.ToString());
            }
        }

        return output.ToString();
    }

    /// <summary>Drops White_Space from the ends asked for.</summary>
    public static string Strip(string text, bool left, bool right)
    {
        int start = 0;
        int end = text.Length;
        while (left && start < end && RuneClass.IsSpace(text[start]))
        {
            start++;
        }

        while (right && end > start && RuneClass.IsSpace(text[end - 1]))
        {
            end--;
        }

        return text[start..end];
    }

    /// <summary>SentencePiece's clean-up: control characters go, the other blanks become a blank.</summary>
    public static string Nmt(string text)
    {
        StringBuilder output = new(text.Length);
        foreach (char c in text)
        {
            if (c is (>= '\u0001' and <= '\u0008') or '\u000B' or (
                >= '\u000E' and <= '\u001F') or '\u007F' or '\u008F' or '\u009F')
            {
                continue;
            }

            bool blank = c is '\t' or '\n' or '\f' or '\r' or '\u1680' or (
                >= '\u200B' and <= '\u200F') or '\u2028' or '\u2029'
                or '\u2581' or '\uFEFF' or '\uFFFD';
            output.Append(blank ? ' ' : c);
        }

        return output.ToString();
    }
}
