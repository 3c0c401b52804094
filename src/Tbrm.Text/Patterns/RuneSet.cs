using System;
using System.Collections.Generic;
using System.Globalization;

namespace Tbrm.Text.Patterns;

/// <summary>A set of characters, by a predicate over code points; membership below U+10000 is tabulated on first
/// use.</summary>
internal sealed class RuneSet(Func<int, bool> contains)
{
    private ulong[]? _plane0;

    /// <summary>Everything.</summary>
    public static RuneSet All { get; } = new(static _ => true);

    /// <summary>Nothing.</summary>
    public static RuneSet None { get; } = new(static _ => false);

    /// <summary>One character.</summary>
    public static RuneSet Of(int rune) => new(candidate => candidate == rune);

    /// <summary>All from first to last.</summary>
    public static RuneSet Range(int first, int last) => new(rune => rune >= first && rune <= last);

    /// <summary>Some general categories.</summary>
    public static RuneSet Categories(IReadOnlySet<UnicodeCategory> categories)
    {
        return new(rune => categories.Contains(CharUnicodeInfo.GetUnicodeCategory(rune)));
    }

    /// <summary>The character is in the set.</summary>
    public bool Contains(int rune)
    {
        if (rune >= 0x10000)
        {
            return contains(rune);
        }

        ulong[] table = _plane0 ?? Tabulate();
        return (table[rune >> 6] >> (rune & 63) & 1) != 0;
    }

    /// <summary>What is in either.</summary>
    public RuneSet Union(RuneSet other) => new(rune => Predicate(rune) || other.Predicate(rune));

    /// <summary>What is in both.</summary>
    public RuneSet Intersect(RuneSet other) => new(rune => Predicate(rune) && other.Predicate(rune));

    /// <summary>What is not in it.</summary>
    public RuneSet Negate() => new(rune => !Predicate(rune));

    /// <summary>With every character also those that differ from it by case only.</summary>
    public RuneSet IgnoreCase() => new(rune =>
    {
        foreach (int variant in CaseFolding.Variants(rune))
        {
            if (Predicate(variant))
            {
                return true;
            }
        }

        return false;
    });

    private bool Predicate(int rune) => contains(rune);

    private ulong[] Tabulate()
    {
        ulong[] table = new ulong[0x10000 / 64];
        for (int rune = 0; rune < 0x10000; rune++)
        {
            table[rune >> 6] |= contains(rune) ? 1UL << (rune & 63) : 0;
        }

        return _plane0 = table;
    }
}

/// <summary>Simple case folding: which characters count as equal without regard to case.</summary>
internal static class CaseFolding
{
    /// <summary>Characters that fold together although neither is the other's upper or lower case.</summary>
    private static readonly int[][] s_groups =
    [
        ['s', 'S', 0x17F], ['k', 'K', 0x212A], [0xE5, 0xC5, 0x212B], [0xB5, 0x3BC, 0x39C], [0x3C3, 0x3A3, 0x3C2],
            [0x3C9, 0x3A9, 0x2126],
        [0x3B8, 0x398, 0x3D1, 0x3F4], [0x3B2, 0x392, 0x3D0], [0x3B5, 0x395, 0x3F5], [0x3BA, 0x39A, 0x3F0],
            [0x3C0, 0x3A0, 0x3D6],
        [0x3C1, 0x3A1, 0x3F1], [0x3C6, 0x3A6, 0x3D5], [0x1E61, 0x1E60, 0x1E9B],
    ];

    /// <summary>The character itself and its equals.</summary>
    public static IEnumerable<int> Variants(int rune)
    {
        yield return rune;
        if (rune is >= 0xD800 and < 0xE000)
        {
            yield break;
        }

        foreach (int[] group in s_groups)
        {
            if (Array.IndexOf(group, rune) >= 0)
            {
                foreach (int member in group)
                {
                    yield return member;
                }

                yield break;
            }
        }

        yield return System.Text.Rune.ToLowerInvariant(new System.Text.Rune(rune)).Value;
        yield return System.Text.Rune.ToUpperInvariant(new System.Text.Rune(rune)).Value;
    }
}
