using System;

namespace Tbrm.Jinja.Values;

/// <summary>
/// Finds a text in another, both of them a template's. The search of the platform takes the product of the lengths in
/// the
/// worst case, which templates from anyone may bring about; long needles are looked for in linear time (Knuth, Morris
/// and
/// Pratt 1977).
/// </summary>
internal static class TextSearch
{
    private const int LongNeedle = 32;

    /// <summary>The first place at or behind <paramref name="start"/>; -1 when there is none.</summary>
    public static int IndexOf(string text, string wanted, int start = 0)
    {
        int found = wanted.Length <= LongNeedle
            ? text.IndexOf(wanted, start, StringComparison.Ordinal)
            : Find(text, start, text.Length, wanted, backwards: false);
        RenderState.SpendCharacters((found < 0 ? text.Length : found) - start + wanted.Length);
        return found;
    }

    /// <summary>The last place that ends at or before <paramref name="end"/>; -1 when there is none.</summary>
    public static int LastIndexOf(string text, string wanted, int end)
    {
        int found = wanted.Length <= LongNeedle
            ? text.AsSpan(0, end).LastIndexOf(wanted, StringComparison.Ordinal)
            : Find(text, text.Length - end, text.Length, wanted, backwards: true) is int fromEnd and >= 0
                ? text.Length - fromEnd - wanted.Length
            : -1;
        RenderState.SpendCharacters(end - Math.Max(0, found));
        return found;
    }

    /// <summary>Backwards, both texts are read from their ends.</summary>
    private static int Find(string text, int start, int end, string wanted, bool backwards)
    {
        char At(string from, int index) => backwards ? from[^(index + 1)] : from[index];

        if (wanted.Length > end - start)
        {
            return -1;
        }

        // borders[i]: the length of the longest proper prefix of wanted[..(i + 1)] that is its suffix too.
        int[] borders = new int[wanted.Length];
        for (int i = 1, length = 0; i < wanted.Length; i++)
        {
            while (length > 0 && At(wanted, i) != At(wanted, length))
            {
                length = borders[length - 1];
            }

            length += At(wanted, i) == At(wanted, length) ? 1 : 0;
            borders[i] = length;
        }

        for (int i = start, matched = 0; i < end; i++)
        {
            while (matched > 0 && At(text, i) != At(wanted, matched))
            {
                matched = borders[matched - 1];
            }

            matched += At(text, i) == At(wanted, matched) ? 1 : 0;
            if (matched == wanted.Length)
            {
                return i + 1 - matched;
            }
        }

        return -1;
    }
}
