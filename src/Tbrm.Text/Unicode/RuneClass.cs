using System;
using System.Globalization;
using System.Text;

namespace Tbrm.Text.Unicode;

/// <summary>
/// The character classes that pre-tokenizers ask for, over whole code points (an astral letter is a letter).
/// The general categories are those of Unicode 16.0, the version of both .NET 10 and the Oniguruma that Hugging Face
/// uses.
/// </summary>
internal static class RuneClass
{
    /// <summary>\p{L}</summary>
    public const byte Letter = 1;

    /// <summary>\p{N}</summary>
    public const byte Number = 2;

    /// <summary>\s, the property White_Space.</summary>
    public const byte Space = 4;

    /// <summary>Carriage return or line feed.</summary>
    public const byte LineEnd = 8;

    private static readonly byte[] s_plane0 = BuildPlane0();

    /// <summary>The class bits of the code point that starts at <paramref name="index"/>, and its length in UTF-16
    /// units.</summary>
    public static byte At(ReadOnlySpan<char> text, int index, out int length)
    {
        char unit = text[index];
        if (!char.IsSurrogate(unit))
        {
            length = 1;
            return s_plane0[unit];
        }

        return Astral(text[index..], out length);
    }

    /// <summary>The class bits of a code point.</summary>
    public static byte Of(int codePoint)
    {
        return codePoint < 0x10000 ? s_plane0[codePoint] : FromCategory(CharUnicodeInfo.GetUnicodeCategory(codePoint));
    }

    /// <summary>The property White_Space.</summary>
    public static bool IsSpace(int codePoint) => (Of(codePoint) & Space) != 0;

    /// <summary>\w of Rust's regex crate: alphabetic, mark, decimal digit, connector punctuation, join
    /// control.</summary>
    public static bool IsWord(int codePoint)
    {
        switch (CharUnicodeInfo.GetUnicodeCategory(codePoint))
        {
            case UnicodeCategory.UppercaseLetter:
            case UnicodeCategory.LowercaseLetter:
            case UnicodeCategory.TitlecaseLetter:
            case UnicodeCategory.ModifierLetter:
            case UnicodeCategory.OtherLetter:
            case UnicodeCategory.LetterNumber:
            case UnicodeCategory.NonSpacingMark:
            case UnicodeCategory.SpacingCombiningMark:
            case UnicodeCategory.EnclosingMark:
            case UnicodeCategory.DecimalDigitNumber:
            case UnicodeCategory.ConnectorPunctuation:
                return true;
            case UnicodeCategory.OtherSymbol:
                // The circled and squared letters are Other_Alphabetic.
                return codePoint is (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149)
                    or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);
            default:
                return codePoint is 0x200C or 0x200D;
        }
    }

    private static byte Astral(ReadOnlySpan<char> text, out int length)
    {
        Rune.DecodeFromUtf16(text, out Rune rune, out length);
        return rune.Value < 0x10000 ? s_plane0[rune.Value] : FromCategory(Rune.GetUnicodeCategory(rune));
    }

    private static byte FromCategory(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Number,
        _ => 0,
    };

    private static byte[] BuildPlane0()
    {
        byte[] classes = new byte[0x10000];
        for (int c = 0; c < classes.Length; c++)
        {
            classes[c] = FromCategory(CharUnicodeInfo.GetUnicodeCategory(c));
        }

        ReadOnlySpan<char> spaces =
            "\t\n\v\f\r \u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A"
                + "\u2028\u2029\u202F\u205F\u3000";
        foreach (char space in spaces)
        {
            classes[space] |= Space;
        }

        classes['\r'] |= LineEnd;
        classes['\n'] |= LineEnd;
        return classes;
    }
}
