using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Tbrm.Text.Tests.Tokenizers.Formats;

/// <summary>Texts of every kind of character, the same for the same seed.</summary>
internal static class RandomTexts
{
    private static readonly string[] s_words =
        ["the", "theory", "answer", "we're", "They'LL", "12", "3.1415", "x^2", "élève", "数学", "問題", "Größe", "ﬁ",
        "naïve", "🙂", "👩‍🔬", "\U0001D465", "e\u0301", "\\frac", "don't", "I'm", "A", "(", ")", ",", "!?", "==",
        "한국"];

    private static readonly string[] s_blanks = [" ", " ", " ", "  ", "\n", "\n\n", "\t", "\u00A0", "   \n", "\u3000"];

    /// <summary>Texts of words, blanks and characters of all planes.</summary>
    /// <param name="count">How many.</param>
    /// <param name="seed">Which.</param>
    /// <param name="basicPlane">Only characters of one UTF-16 unit.</param>
    public static IEnumerable<string> Make(int count, int seed, bool basicPlane = false)
    {
        Random random = new(seed);
        return Enumerable.Range(0, count).Select(_ => Make(random, basicPlane));
    }

    private static string Make(Random random, bool basicPlane)
    {
        StringBuilder text = new();
        for (int parts = random.Next(12); parts > 0; parts--)
        {
            string part = random.Next(10) switch
            {
                < 5 => s_words[random.Next(s_words.Length)],
                < 8 => s_blanks[random.Next(s_blanks.Length)],
                8 => Letter(random, basicPlane ? 0xFFFE : 0x10FFFF),
                _ => new string((char)random.Next('!', '~'), random.Next(1, 9)),
            };
            text.Append(basicPlane && part.Any(char.IsSurrogate) ? "" : part);
        }

        return text.ToString();
    }

    /// <summary>A letter or mark that Unicode has long had, so that tables of any age agree on it.</summary>
    private static string Letter(Random random, int most)
    {
        int[] starts = [0x41, 0xC0, 0x300, 0x370, 0x400, 0x5D0, 0x621, 0x905, 0xE01, 0x3041, 0x4E00, 0xAC00, 0x10400,
            0x1D400, 0x1F300, 0x20000];
        int start = starts[random.Next(starts.Count(s => s <= most))];
        return char.ConvertFromUtf32(start + random.Next(24));
    }
}
