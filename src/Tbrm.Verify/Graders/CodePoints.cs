using System.Globalization;

namespace Tbrm.Verify.Graders;

/// <summary>Texts as the reference graders index them: by code point, not by UTF-16 unit.</summary>
internal static class CodePoints
{
    /// <summary>The last <paramref name="count"/> code points of a text, a lone surrogate counting as one; all of it
    /// when it is shorter.</summary>
    public static string Last(string text, int count)
    {
        int start = text.Length;
        for (int i = 0; i < count && start > 0; i++)
        {
            start -= start > 1 && char.IsSurrogatePair(text[start - 2], text[start - 1]) ? 2 : 1;
        }

        return text[start..];
    }

    /// <summary>How many UTF-16 units the code point at <paramref name="index"/> takes: 1 or 2.</summary>
    public static int UnitsAt(string text, int index) =>
        index + 1 < text.Length && char.IsSurrogatePair(text[index], text[index + 1]) ? 2 : 1;

    /// <summary>Whether a text is not empty and all digits: decimal digits of any script, superscripts and circled
    /// digits.</summary>
    public static bool AreDigits(string text)
    {
        for (int i = 0; i < text.Length; i += UnitsAt(text, i))
        {
            if (CharUnicodeInfo.GetDigitValue(text, i) < 0)
            {
                return false;
            }
        }

        return text.Length > 0;
    }

    /// <summary>The text without white space at both ends, the separators U+001C to U+001F included.</summary>
    public static string Strip(string text)
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

    private static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';
}
