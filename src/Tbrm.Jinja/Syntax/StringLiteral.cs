using System;
using System.Globalization;
using System.Text;

namespace Tbrm.Jinja.Syntax;

/// <summary>Python's escapes in string literals.</summary>
internal static class StringLiteral
{
    /// <summary>The value of the text between the quotes.</summary>
    public static string Unescape(string text, int line)
    {
        int backslash = text.IndexOf('\\', StringComparison.Ordinal);
        if (backslash < 0)
        {
            return text;
        }

        StringBuilder value = new(text.Length);
        for (int i = 0; i < text.Length;)
        {
            if (text[i] != '\\' || i + 1 == text.Length)
            {
                value.Append(text[i++]);
                continue;
            }

            i = AppendEscape(text, i + 1, value, line);
        }

        return value.ToString();
    }

    /// <summary>Reads the escape whose letter stands at <paramref name="i"/>; returns where the text goes on.</summary>
    private static int AppendEscape(string text, int i, StringBuilder value, int line)
    {
        char letter = text[i];
        switch (letter)
        {
            case '\n':
                return i + 1;
            case 'x':
                return AppendCode(text, i + 1, 2, value, line);
            case 'u':
                return AppendCode(text, i + 1, 4, value, line);
            case 'U':
                return AppendCode(text, i + 1, 8, value, line);
            case 'N':
                throw new JinjaException("character names (\\N{...}) are not supported in strings; write \\u....",
                    line);
            case >= '0' and <= '7':
                int code = 0;
                int end = Math.Min(i + 3, text.Length);
                for (; i < end && text[i] is >= '0' and <= '7'; i++)
                {
                    code = (8 * code) + text[i] - '0';
                }

                value.Append((char)code);
                return i;
            default:
                value.Append(Simple(letter));
                return i + 1;
        }
    }

    /// <summary>An unknown escape stands for itself, backslash and all.</summary>
    private static string Simple(char letter) => letter switch
    {
        '\\' => "\\",
        '\'' => "'",
        '"' => "\"",
        'a' => "\a",
        'b' => "\b",
        'f' => "\f",
        'n' => "\n",
        'r' => "\r",
        't' => "\t",
        'v' => "\v",
        _ => "\\" + letter,
    };

    private static int AppendCode(string text, int start, int digits, StringBuilder value, int line)
    {
        if (start + digits > text.Length
            || !uint.TryParse(text.AsSpan(start, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture,
                out uint code)
            || code > 0x10FFFF)
        {
            throw new JinjaException(
                $"a string has a malformed \\{text[start - 1]} escape: {digits} hexadecimal digits must follow", line);
        }

        if (code < 0x10000)
        {
            value.Append((char)code);
        }
        else
        {
            value.Append(char.ConvertFromUtf32((int)code));
        }

        return start + digits;
    }
}
