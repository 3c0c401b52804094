using System;
using System.Collections.Generic;
using System.Globalization;
using System.Net;
using System.Text;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Library;

/// <summary>The filter striptags: MarkupSafe's Markup.striptags (3.0).</summary>
internal static class HtmlText
{
    private const string CommentStart = "<!--", CommentEnd = "-->";

    /// <summary>What Windows-1252 has at 0x80 to 0x9F, which is what such numbers mean in HTML.</summary>
    private const string Windows1252 =
        "\u20AC\u0081\u201A\u0192\u201E\u2026\u2020\u2021\u02C6\u2030\u0160\u2039\u0152\u008D\u017D\u008F"
        + "\u0090\u2018\u2019\u201C\u201D\u2022\u2013\u2014\u02DC\u2122\u0161\u203A\u0153\u009D\u017E\u0178";

    /// <summary>HTML 5's capitals; HTML 4 has none of them, but the characters below 256 otherwise.</summary>
    private static readonly Dictionary<string, string> s_capitals = new()
    {
        ["AMP"] = "&",
        ["COPY"] = "\u00A9",
        ["GT"] = ">",
        ["LT"] = "<",
        ["QUOT"] = "\"",
        ["REG"] = "\u00AE",
    };

    /// <summary>The text without comments and tags, blanks collapsed, references replaced.</summary>
    public static string StripTags(string text)
    {
        string bare = WithoutTags(WithoutComments(text));
        return Unescape(string.Join(' ', StringSplitting.Split(bare, CallArguments.Of(), fromEnd: false)));
    }

    /// <summary>What is left around a comment may make the start of another one, and an end may share its hyphens with
    /// the start.</summary>
    private static string WithoutComments(string text)
    {
        StringBuilder kept = new(text.Length);
        int next = 0;
        while (true)
        {
            // The last units that are kept, with what follows: a start across the gap.
            int back = Math.Min(CommentStart.Length - 1, kept.Length);
            string gap = kept.ToString(kept.Length - back, back)
                + text.AsSpan(next, Math.Min(CommentStart.Length + CommentEnd.Length, text.Length - next)).ToString();
            int start = gap.IndexOf(CommentStart, StringComparison.Ordinal), end;
            if (start >= 0 && start < back)
            {
                end = gap.IndexOf(CommentEnd, start, StringComparison.Ordinal);
                end = end >= 0 ? end - back + next : TextSearch.IndexOf(text, CommentEnd, next);
                start = kept.Length - back + start;
            }
            else
            {
                int found = TextSearch.IndexOf(text, CommentStart, next);
                end = found < 0 ? -1 : TextSearch.IndexOf(text, CommentEnd, found);
                start = kept.Length + found - next;
                if (end >= 0)
                {
                    kept.Append(text, next, found - next);
                }
            }

            if (end < 0)
            {
                return kept.Append(text, next, text.Length - next).ToString();
            }

            kept.Length = start;
            next = end + CommentEnd.Length;
        }
    }

    /// <summary>A first &lt; without a &gt; behind it stays, with all that follows.</summary>
    private static string WithoutTags(string text)
    {
        StringBuilder output = new(text.Length);
        int done = 0;
        for (int start; (start = text.IndexOf('<', done)) >= 0;)
        {
            int end = text.IndexOf('>', start);
            if (end < 0)
            {
                break;
            }

            output.Append(text, done, start - done);
            done = end + 1;
        }

        return output.Append(text, done, text.Length - done).ToString();
    }

    /// <summary>html.unescape for numbers and for the names of HTML 4.</summary>
    private static string Unescape(string text)
    {
        StringBuilder output = new(text.Length);
        int done = 0;
        for (int at; (at = text.IndexOf('&', done)) >= 0;)
        {
            output.Append(text, done, at - done);
            done = at + 1;
            bool number = done < text.Length && text[done] == '#';
            string? value = number ? Number(text, ref done) : Name(text, ref done);
            output.Append(value ?? "&");
        }

        return output.Append(text, done, text.Length - done).ToString();
    }

    private static string? Number(string text, ref int at)
    {
        bool hexadecimal = at + 1 < text.Length && text[at + 1] is 'x' or 'X';
        int first = at + (hexadecimal ? 2 : 1), end = first, value = 0;
        for (; end < text.Length
            && (hexadecimal ? char.IsAsciiHexDigit(text[end]) : char.IsAsciiDigit(text[end])); end++)
        {
            int digit = int.Parse(text.AsSpan(end, 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            value = Math.Min(0x110000, (value * (hexadecimal ? 16 : 10)) + digit);
        }

        if (end == first)
        {
            return null;
        }

        at = end < text.Length && text[end] == ';' ? end + 1 : end;
        return value switch
        {
            0 or > 0x10FFFF or (>= 0xD800 and <= 0xDFFF) => "\uFFFD",
            >= 0x80 and <= 0x9F => Windows1252[value - 0x80].ToString(),
            (>= 1 and <= 8) or 0xB or (>= 0xE and <= 0x1F) or 0x7F or (>= 0xFDD0 and <= 0xFDEF) => "",
            _ => (value & 0xFFFE) == 0xFFFE ? "" : char.ConvertFromUtf32(value),
        };
    }

    /// <summary>A name with its semicolon; or the longest beginning that is one of the old names, which need
    /// none.</summary>
    private static string? Name(string text, ref int at)
    {
        const int longest = 32;
        int end = at;
        while (end < text.Length && end - at < longest
            && text[end] is not ('\t' or '\n' or '\f' or ' ' or '<' or '&' or '#' or ';'))
        {
            end++;
        }

        if (end > at && end < text.Length && text[end] == ';' && Meaning(text[at..end]) is { } meant)
        {
            at = end + 1;
            return meant;
        }

        for (int length = end - at; length >= 2; length--)
        {
            if (Meaning(text.Substring(at, length)) is { } old && IsOld(text.Substring(at, length), old))
            {
                at += length;
                return old;
            }
        }

        return null;
    }

    private static string? Meaning(string name)
    {
        string reference = $"&{name};", decoded = WebUtility.HtmlDecode(reference);
        return decoded != reference ? decoded : s_capitals.GetValueOrDefault(name);
    }

    private static bool IsOld(string name, string meaning) => meaning[0] >= 0xA0 ? meaning[0] <= 0xFF : name != "apos";
}
