using System.Globalization;
using System.Text;

namespace Tbrm.Cli;

/// <summary>
/// Text of data, models and graders as a terminal may have it: what would move the cursor, change colours or titles, or
/// turn the direction of
/// writing is shown as JSON writes it (<c>\u001b</c>), so that JSON on stdout keeps its meaning.
/// </summary>
internal static class VisibleText
{
    /// <summary>The text with its control characters made visible; line ends and tabs stay.</summary>
    public static string Of(string text)
    {
        StringBuilder? visible = null;
        int copied = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (IsHarmless(text, i))
            {
                continue;
            }

            (visible ??= new StringBuilder()).Append(text, copied, i - copied)
                .Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}");
            copied = i + 1;
        }

        return visible is null ? text : visible.Append(text, copied, text.Length - copied).ToString();
    }

    /// <summary>The same on one line: for cells of a table.</summary>
    public static string OnOneLine(string text) => Of(text).Replace("\n", "\\n", System.StringComparison.Ordinal)
        .Replace("\t", "\\t", System.StringComparison.Ordinal)
        .Replace("\r", "\\r", System.StringComparison.Ordinal);

    private static bool IsHarmless(string text, int at) => text[at] switch
    {
        '\n' or '\t' => true,
        '\r' => at + 1 < text.Length && text[at + 1] == '\n',
        < ' ' or (>= '\x7f' and <= '\x9f') => false,
        // Marks, embeddings, overrides and isolates of direction; separators of lines; annotations; a byte order mark
        // inside.
        '\u061c' or '\u200e' or '\u200f' or (>= '\u2028' and <= '\u202e') or (>= '\u2066' and <= '\u2069') or (
            >= '\ufff9' and <= '\ufffb') or '\ufeff' => false,
        // Half a surrogate pair, and the invisible tags of plane 14.
        var c when char.IsHighSurrogate(c) => at + 1 < text.Length && char.IsLowSurrogate(text[at + 1])
            && !IsTag(c, text[at + 1]),
        var c when char.IsLowSurrogate(c) => at > 0 && char.IsHighSurrogate(text[at - 1]) && !IsTag(text[at - 1], c),
        _ => true,
    };

    private static bool IsTag(char high, char low) => char.ConvertToUtf32(high, low) is >= 0xE0000 and <= 0xE007F;
}
