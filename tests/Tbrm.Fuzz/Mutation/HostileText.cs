using System;
using System.Linq;
using System.Text;

namespace Tbrm.Fuzz.Mutation;

/// <summary>Texts that break what reads them: long, deep, or not quite Unicode.</summary>
internal static class HostileText
{
    private static readonly string[] s_pieces =
    [
        "", " ", "\0", "a", "é", "e\u0301", "ﬀ", "\u200d", "\uFEFF", "\uFFFD", "数学", "𝒳", "👩‍👩‍👧", "\u202E", "ﷺ",
            "\u0315\u0300\u05AE\u0062", "\r\n", "\u2028", "<|im_end|>",
        "<|endoftext|>", "</s>", "Ġ", "▁", "<0x00>", "<0xFF>", "'", "\"", "\\", "{", "}", "%", "{{", "0", "-1", "1e309",
            "NaN", "٣", "null",
    ];

    /// <summary>A short one.</summary>
    public static string Piece(Random random) => random.Next(6) == 0 ? ((char)random.Next(0x20, 0x3000)).ToString()
        : s_pieces[random.Next(s_pieces.Length)];

    /// <summary>One of any length, seldom of a hundred thousand characters.</summary>
    public static string Text(Random random)
    {
        int pieces = random.Next(20) switch { 0 => 20_000, < 4 => random.Next(200), _ => random.Next(6) };
        if (random.Next(2) == 0)
        {
            return new StringBuilder().Insert(0, Piece(random), pieces).ToString();
        }

        return string.Concat(Enumerable.Range(0, Math.Min(pieces, 500)).Select(_ => Piece(random)));
    }

    /// <summary>A regular expression out of parts that tokenizers use and parts that explode.</summary>
    public static string Regex(Random random)
    {
        string[] parts =
        [
            "\\p{L}", "\\p{N}{1,3}", "[^\\s\\p{L}\\p{N}]", "\\s+(?!\\S)", "(?i:'s|'t)", "(a+)+", "(a|a)*", "(?=b)",
                "(?<=c)", "(?<!.{1,30})", "(?>x*)", ".", "$", "^", "\\b",
            "[a-z&&[^b]]", "x{1000}", "(x{100}){100}", "y*?", "z++", "(?x) # c\n", "\\R", "[[:alpha:]]", "\\x{10FFFF}",
                "|", "()", "(?:", ")", "[", "\\p{Han}", "\\1", "{2,1}", "{99999}",
        ];
        int count = random.Next(30) == 0 ? 3000 : random.Next(1, 8);
        string one = parts[random.Next(parts.Length)];
        return string.Concat(Enumerable.Range(0, count)
            .Select(_ => count > 100 ? one : parts[random.Next(parts.Length)]));
    }
}
