using System;
using System.Globalization;
using System.Text;

namespace Tbrm.Verify;

/// <summary>
/// Half a surrogate pair in JSON escapes: <c>json.dumps</c> writes it for a token cut in the middle of a character, and
/// no Unicode text can hold it.
/// </summary>
internal static class LoneSurrogates
{
    private const int EscapeLength = 6;

    /// <summary>The JSON text with each lone surrogate escape replaced by the replacement character's, as decoders do
    /// with broken text.</summary>
    public static string Replace(string json)
    {
        StringBuilder? replaced = null;
        int copied = 0;
        for (int i = json.IndexOf('\\', StringComparison.Ordinal); i >= 0 && i < json.Length; i = json.IndexOf('\\', i))
        {
            char unit = UnitAt(json, i);
            if (!char.IsSurrogate(unit))
            {
                i = Math.Min(i + 2, json.Length);
            }
            else if (char.IsSurrogatePair(unit, UnitAt(json, i + EscapeLength)))
            {
                i += 2 * EscapeLength;
            }
            else
            {
                (replaced ??= new StringBuilder()).Append(json, copied, i - copied).Append("\\ufffd");
                i += EscapeLength;
                copied = i;
            }
        }

        return replaced is null ? json : replaced.Append(json, copied, json.Length - copied).ToString();
    }

    /// <summary>The UTF-16 unit that the escape at <paramref name="at"/> stands for; NUL when there is no such
    /// escape.</summary>
    private static char UnitAt(string json, int at)
    {
        return at + EscapeLength <= json.Length && json[at] == '\\' && json[at + 1] == 'u'
            && ushort.TryParse(json.AsSpan(at + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                out ushort unit)
            ? (char)unit : '\0';
    }
}
