using System;
using System.Collections.Generic;

namespace Tbrm.Data.Prompts;

/// <summary>Finds the content of the last <c>\boxed{...}</c> (or <c>\fbox{...}</c>, or <c>\boxed 2$</c>) of a worked
/// solution.</summary>
internal static class LastBoxed
{
    private const string Boxed = "\\boxed";
    private const string Framed = "\\fbox";

    /// <summary>What stands in the box that begins last; null when there is no complete box. One pass.</summary>
    public static string? Find(string solution)
    {
        Stack<(int Open, bool IsBox)> braces = new();
        (int Start, int End) last = (-1, -1);
        for (int i = 0; i < solution.Length; i++)
        {
            switch (solution[i])
            {
                case '\\' when CommandLength(solution, i) is int length:
                    int content = SkipBlanks(solution, i + length);
                    if (content < solution.Length && solution[content] == '{')
                    {
                        braces.Push((content, true));
                    }
                    else if (BareContent(solution, content) is (int, int) bare && bare.Start > last.Start)
                    {
                        last = bare;
                    }

                    i = Math.Max(i, content - (content < solution.Length && solution[content] == '{' ? 0 : 1));
                    break;
                case '\\':
                    i++;
                    break;
                case '{':
                    braces.Push((i, false));
                    break;
                case '}' when braces.TryPop(out (int Open, bool IsBox) brace) && brace.IsBox && brace.Open > last.Start:
                    last = (brace.Open + 1, i);
                    break;
            }
        }

        return last.Start < 0 ? null : solution[last.Start..last.End].Trim();
    }

    /// <summary>The length of the box command at this place; null when another one stands there.</summary>
    private static int? CommandLength(string text, int at)
    {
        foreach (string command in (ReadOnlySpan<string>)[Boxed, Framed])
        {
            int end = at + command.Length;
            if (string.CompareOrdinal(text, at, command, 0, command.Length) == 0
                && !(end < text.Length && char.IsAsciiLetter(text[end])))
            {
                return command.Length;
            }
        }

        return null;
    }

    private static int SkipBlanks(string text, int at)
    {
        while (at < text.Length && text[at] == ' ')
        {
            at++;
        }

        return at;
    }

    /// <summary>A box without braces holds what follows up to the end of the formula.</summary>
    private static (int Start, int End)? BareContent(string text, int at)
    {
        const int LongestAnswer = 64;
        int length = text.AsSpan(at, Math.Min(LongestAnswer, text.Length - at)).IndexOf('$');
        return length > 0 ? (at, at + length) : null;
    }
}
