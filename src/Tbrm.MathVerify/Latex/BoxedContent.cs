using System;
using System.Collections.Generic;
using System.Text.RegularExpressions;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Latex;

/// <summary>Which boxes of a text count.</summary>
internal enum BoxedMode
{
    /// <summary>The text is taken as it is.</summary>
    None,

    /// <summary>The last box, with the boxes that stand close before it.</summary>
    Last,

    /// <summary>The last box, with earlier boxes only where nothing but a separator stands between.</summary>
    Joined,

    /// <summary>Every box.</summary>
    All,
}

/// <summary>Finds the contents of <c>\boxed{...}</c> and <c>\fbox{...}</c>, from right to left.</summary>
internal static partial class BoxedContent
{
    private const int AlwaysTogether = 10;
    private const int TogetherWithSeparator = 70;

    [GeneratedRegex("and|or|,|;")]
    private static partial Regex Separator();

    [GeneratedRegex(@"^(?:[\s$,;]|\\[()\[\],;:! ]|\\q?quad|\\text\{[\s,;]*(?:(?:and|or)[\s,;]*)?\}|and|or)*\z")]
    private static partial Regex OnlySeparator();

    /// <summary>The boxes' contents joined by commas in written order; the text itself when it has no box.</summary>
    public static string Extract(string text, BoxedMode mode)
    {
        List<string> contents = Find(text, mode);
        if (contents.Count == 0)
        {
            return text;
        }

        contents.Reverse();
        return string.Join(',', contents);
    }

    /// <summary>The contents of the boxes that count, last one first.</summary>
    public static List<string> Find(string text, BoxedMode mode)
    {
        List<string> contents = [];
        int searchEnd = text.Length;
        int limit = text.Length;
        int nextStart = -1;
        while (mode != BoxedMode.None)
        {
            Budget.Charge(4 + searchEnd / 128);
            (int start, int commandEnd) = LastCommand(text, searchEnd);
            int open = start < 0 ? limit : SkipBlanks(text, commandEnd, limit);
            if (open >= limit)
            {
                break;
            }

            int close = text[open] == '{' ? ClosingBrace(text, open, limit) : -1;
            if (close < 0)
            {
                // A box that never closes takes the rest, but only if it is the last.
                if (contents.Count == 0)
                {
                    contents.Add(text[open..]);
                }

                break;
            }

            string content = text[(open + 1)..close].Trim();
            if (nextStart >= 0 && !Belongs(text, content, contents[^1], close, nextStart, mode))
            {
                break;
            }

            contents.Add(content);
            nextStart = limit = searchEnd = start;
        }

        return contents;
    }

    /// <summary>Where the last box ends, behind its brace; -1 when there is none or it never closes.</summary>
    public static int LastEnd(string text)
    {
        (int start, int commandEnd) = LastCommand(text, text.Length);
        int open = start < 0 ? text.Length : SkipBlanks(text, commandEnd, text.Length);
        return open < text.Length && text[open] == '{' && ClosingBrace(text, open, text.Length) is var close and >= 0
            ? close + 1 : -1;
    }

    private static (int Start, int CommandEnd) LastCommand(string text, int before)
    {
        int boxed = LastIndex(text, @"\boxed", before);
        int fbox = LastIndex(text, @"\fbox", before);
        return boxed > fbox ? (boxed, boxed + 6) : (fbox, fbox + 5);
    }

    private static int LastIndex(string text, string command, int before) =>
        before <= 0 ? -1 : text.LastIndexOf(command, before - 1, before, StringComparison.Ordinal);

    private static int SkipBlanks(string text, int at, int limit)
    {
        while (at < limit && char.IsWhiteSpace(text[at]))
        {
            at++;
        }

        return at;
    }

    private static int ClosingBrace(string text, int open, int limit)
    {
        int depth = 1;
        for (int i = open + 1; i < limit; i++)
        {
            depth += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
            if (depth == 0)
            {
                return i;
            }
        }

        return -1;
    }

    private static bool Belongs(string text, string content, string nextContent, int end, int nextStart, BoxedMode mode)
    {
        int gap = nextStart - end - 1;
        if (mode != BoxedMode.Last)
        {
            return mode == BoxedMode.All || OnlySeparator().IsMatch(text.AsSpan(end + 1, gap));
        }

        return gap < AlwaysTogether
            || (nextContent != content && gap < TogetherWithSeparator
                && Separator().IsMatch(text.AsSpan(end + 1, gap)));
    }
}
