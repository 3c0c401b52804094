using System;
using System.Collections.Generic;
using System.Text;

namespace Tbrm.Text.Unicode;

/// <summary>The four normalization forms of UAX #15, over the tables of <see cref="NormalizationData"/>.</summary>
internal static class UnicodeNormalization
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28,
        HangulCount = LeadCount * VowelCount * TrailCount;

    /// <summary>No code point below this one has a canonical decomposition or a combining class, or composes with what
    /// precedes it.</summary>
    private const char FirstCanonical = '\u00C0', FirstCombining = '\u0300', FirstCompatibility = '\u00A0';

    /// <summary>Form C.</summary>
    public static string Nfc(string text)
    {
        // Below U+0300 everything is already composed.
        return text.AsSpan().IndexOfAnyExceptInRange('\0', (char)(FirstCombining - 1)) < 0 ? text
            : Compose(Decompose(text, false));
    }

    /// <summary>Form D.</summary>
    public static string Nfd(string text)
    {
        return text.AsSpan().IndexOfAnyExceptInRange('\0', (char)(FirstCanonical - 1)) < 0 ? text
            : ToText(Decompose(text, false));
    }

    /// <summary>Form KC.</summary>
    public static string Nfkc(string text)
    {
        return text.AsSpan().IndexOfAnyExceptInRange('\0', (char)(FirstCompatibility - 1)) < 0 ? text
            : Compose(Decompose(text, true));
    }

    /// <summary>Form KD.</summary>
    public static string Nfkd(string text)
    {
        return text.AsSpan().IndexOfAnyExceptInRange('\0', (char)(FirstCompatibility - 1)) < 0 ? text
            : ToText(Decompose(text, true));
    }

    private static List<int> Decompose(string text, bool compatibility)
    {
        NormalizationData data = NormalizationData.Instance;
        List<int> codes = new(text.Length + 16);
        foreach (Rune rune in text.EnumerateRunes())
        {
            int code = rune.Value;
            if (code < FirstCompatibility)
            {
                codes.Add(code);
            }
            else if (code is >= HangulBase and < HangulBase + HangulCount)
            {
                AddHangul(code - HangulBase, codes);
            }
            else if (data.Decomposition(code, compatibility) is int[] parts)
            {
                codes.AddRange(parts);
            }
            else
            {
                codes.Add(code);
            }
        }

        Reorder(codes, data);
        return codes;
    }

    private static void AddHangul(int index, List<int> codes)
    {
        codes.Add(LeadBase + (index / (VowelCount * TrailCount)));
        codes.Add(VowelBase + (index % (VowelCount * TrailCount) / TrailCount));
        if (index % TrailCount > 0)
        {
            codes.Add(TrailBase + (index % TrailCount));
        }
    }

    /// <summary>Sorts every run of combining marks by class, keeping the order of equals.</summary>
    private static void Reorder(List<int> codes, NormalizationData data)
    {
        for (int start = 0; start < codes.Count; start++)
        {
            if (data.CombiningClass(codes[start]) == 0)
            {
                continue;
            }

            int end = start + 1;
            bool sorted = true;
            while (end < codes.Count && data.CombiningClass(codes[end]) is byte next and > 0)
            {
                sorted &= data.CombiningClass(codes[end - 1]) <= next;
                end++;
            }

            if (!sorted)
            {
                SortRun(codes, start, end, data);
            }

            start = end;
        }
    }

    private static void SortRun(List<int> codes, int start, int end, NormalizationData data)
    {
        (byte Class, int Order, int Code)[] run = new (byte, int, int)[end - start];
        for (int i = 0; i < run.Length; i++)
        {
            run[i] = (data.CombiningClass(codes[start + i]), i, codes[start + i]);
        }

        Array.Sort(run);
        for (int i = 0; i < run.Length; i++)
        {
            codes[start + i] = run[i].Code;
        }
    }

    /// <summary>Joins each character with the last starter unless something of its class or a higher one stands
    /// between.</summary>
    private static string Compose(List<int> codes)
    {
        NormalizationData data = NormalizationData.Instance;
        int starter = -1;
        int lastClass = -1;
        int count = 0;
        for (int i = 0; i < codes.Count; i++)
        {
            int code = codes[i];
            int combiningClass = data.CombiningClass(code);
            if (starter >= 0 && lastClass < combiningClass
                && Pair(codes[starter], code, data) is int composite and >= 0)
            {
                codes[starter] = composite;
                continue;
            }

            if (combiningClass == 0)
            {
                starter = count;
                lastClass = -1;
            }
            else
            {
                lastClass = combiningClass;
            }

            codes[count++] = code;
        }

        codes.RemoveRange(count, codes.Count - count);
        return ToText(codes);
    }

    private static int Pair(int first, int second, NormalizationData data)
    {
        if (first is >= LeadBase and < LeadBase + LeadCount && second is >= VowelBase and < VowelBase + VowelCount)
        {
            return HangulBase + ((((first - LeadBase) * VowelCount) + second - VowelBase) * TrailCount);
        }

        if (first is >= HangulBase and < HangulBase + HangulCount && (first - HangulBase) % TrailCount == 0
            && second is > TrailBase and < TrailBase + TrailCount)
        {
            return first + second - TrailBase;
        }

        return data.Composition(first, second);
    }

    private static string ToText(List<int> codes)
    {
        StringBuilder text = new(codes.Count + 16);
        Span<char> units = stackalloc char[2];
        foreach (int code in codes)
        {
            text.Append(units[..new Rune(code).EncodeToUtf16(units)]);
        }

        return text.ToString();
    }
}
