using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Tbrm.Text.Unicode;

namespace Tbrm.Text.Patterns;

/// <summary>The names in \p{...}: general categories and scripts.</summary>
internal static class UnicodeProperties
{
    private static readonly string[] s_codes =
    [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co",
            "Pc", "Pd", "Ps", "Pe",
        "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Cn",
    ];

    private static readonly Dictionary<string, string> s_longNames = new()
    {
        ["letter"] = "L",
        ["mark"] = "M",
        ["number"] = "N",
        ["punctuation"] = "P",
        ["symbol"] = "S",
        ["separator"] = "Z",
        ["other"] = "C",
        ["uppercaseletter"] = "Lu",
        ["lowercaseletter"] = "Ll",
        ["titlecaseletter"] = "Lt",
        ["modifierletter"] = "Lm",
        ["otherletter"] = "Lo",
        ["decimalnumber"] = "Nd",
        ["letternumber"] = "Nl",
        ["othernumber"] = "No",
        ["nonspacingmark"] = "Mn",
        ["spacingmark"] = "Mc",
        ["digit"] = "Nd",
        ["lower"] = "Ll",
        ["upper"] = "Lu",
    };

    private static readonly Lazy<Dictionary<string, RuneSet>> s_scripts = new(ReadScripts);

    /// <summary>White_Space.</summary>
    public static RuneSet Space { get; } = new(RuneClass.IsSpace);

    /// <summary>Oniguruma's \w: without the join controls, with the Latin-1 superscripts and fractions.</summary>
    public static RuneSet Word { get; } = new(static rune => rune is 0xB2 or 0xB3 or 0xB9 or (>= 0xBC and <= 0xBE)
        || (RuneClass.IsWord(rune) && rune is not (0x200C or 0x200D)));

    /// <summary>The set of a name, without regard to case, blanks, '_' and '-'; null when the name is not
    /// known.</summary>
    public static RuneSet? Find(string name)
    {
        string key = name.ToLowerInvariant().Replace("_", "", StringComparison.Ordinal)
            .Replace(" ", "", StringComparison.Ordinal)
            .Replace("-", "", StringComparison.Ordinal);
        switch (key)
        {
            case "any":
                return RuneSet.All;
            case "space" or "whitespace":
                return Space;
            case "word":
                return Word;
            case "ascii":
                return RuneSet.Range(0, 0x7F);
            default:
                string code = s_longNames.GetValueOrDefault(key, key);
                HashSet<UnicodeCategory> categories = [.. Enumerable.Range(0, s_codes.Length)
                    .Where(i => s_codes[i].Equals(code, StringComparison.OrdinalIgnoreCase)
                        || (code.Length == 1 && s_codes[i].StartsWith(code, StringComparison.OrdinalIgnoreCase)))
                    .Select(i => (UnicodeCategory)i)];
                return categories.Count > 0 ? RuneSet.Categories(categories) : s_scripts.Value.GetValueOrDefault(key);
        }
    }

    private static Dictionary<string, RuneSet> ReadScripts()
    {
        using Stream stream =
            typeof(UnicodeProperties).Assembly.GetManifestResourceStream("Tbrm.Text.Unicode.scripts.txt")!;
        using StreamReader reader = new(stream);
        Dictionary<string, RuneSet> scripts = [];
        while (reader.ReadLine() is string line)
        {
            string[] parts = line.Split(' ');
            if (parts[0] != "#")
            {
                (int First, int Last)[] ranges = [.. parts.Skip(1).Select(ParseRange)];
                scripts[parts[0].ToLowerInvariant()] =
                    new RuneSet(rune => Array.Exists(ranges, range => rune >= range.First && rune <= range.Last));
            }
        }

        return scripts;
    }

    private static (int First, int Last) ParseRange(string text)
    {
        int[] ends = [.. text.Split('-')
            .Select(end => int.Parse(end, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
        return (ends[0], ends[^1]);
    }
}
