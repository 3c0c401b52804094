using System;

namespace Tbrm.MathVerify.Extraction;

/// <summary>
/// An upper bound of what the patterns of <see cref="ExtractionPatterns"/> take on a text, in steps of a budget:
/// nothing can be counted inside a
/// regular expression, so what it could take is paid for before it runs. Texts as people and models write them cost
/// about their length.
/// </summary>
internal static class ExtractionCost
{
    /// <summary>How far behind the word "answer" a pattern looks for the beginning of one.</summary>
    private const int AnswerReach = 160;

    /// <summary>So many of them can stand so close together that all of them look at the same sign.</summary>
    private const int MostWithinReach = 6;

    public static long Of(string text)
    {
        long length = text.Length;
        long answers = CountAnswers(text);
        long boxes = text.AsSpan().Count(@"\boxed{");

        // An environment is looked for at every sign that opens one, in up to two patterns without an anchor and within
        // a reach of each "answer".
        return length / 2 + Environments(text) / 2 * (1 + 2 * Math.Min(answers, MostWithinReach)) + answers * 1024
            + Arithmetic(text) + boxes * length / 512;
    }

    /// <summary>Characters between every sign that may open an environment and the one that ends it, or the end of the
    /// text.</summary>
    private static long Environments(string text)
    {
        long total = 0;
        int end = text.Length, dollars = end, bracket = end, dollar = end, parenthesis = end, square = end;
        for (int i = end - 1; i >= 0; i--)
        {
            char c = text[i], next = i + 1 < end ? text[i + 1] : '\0';
            bool escaped = i > 0 && text[i - 1] == '\\';
            switch (c)
            {
                case '$':
                    total += escaped ? 0 : dollar - i + (next == '$' ? dollars - i : 0);
                    dollars = next == '$' ? i : dollars;
                    dollar = escaped ? dollar : i;
                    break;
                case '\\' when next is '[' or '(':
                    total += escaped ? 0 : (next == '[' ? bracket : parenthesis) - i;
                    break;
                case '\\' when next == ']':
                    bracket = i;
                    break;
                case '\\' when next == ')':
                    parenthesis = i;
                    break;
                case '[':
                    total += square - i;
                    square = i;
                    break;
                case ']':
                    square = i;
                    break;
                case '\n':
                    dollar = parenthesis = square = i;
                    break;
            }
        }

        return total;
    }

    /// <summary>For every run of characters of arithmetic: its length, as often as a pattern can begin in it or look at
    /// it from an "answer" before it.</summary>
    private static long Arithmetic(string text)
    {
        long total = 0;
        int start = 0, numbers = 0;
        for (int i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && IsArithmetic(text[i]))
            {
                numbers += char.IsDigit(text[i]) && (i == start || !char.IsDigit(text[i - 1])) ? 1 : 0;
                continue;
            }

            int run = i - start;
            if (run > 8)
            {
                long answers = CountAnswers(
                    text.AsSpan(Math.Max(0, start - AnswerReach), Math.Min(start, AnswerReach)));
                total += (numbers + answers * AnswerReach) * run / 32;
            }

            start = i + 1;
            numbers = 0;
        }

        return total;
    }

    private static bool IsArithmetic(char c) => char.IsDigit(c) || char.IsWhiteSpace(c)
        || c is '.' or '+' or '-' or '*' or '×' or '/' or '^' or '(' or ')' or '÷';

    private static int CountAnswers(ReadOnlySpan<char> text)
    {
        int count = 0;
        for (int at = text.IndexOf("answer", StringComparison.OrdinalIgnoreCase); at >= 0;)
        {
            count++;
            text = text[(at + 6)..];
            at = text.IndexOf("answer", StringComparison.OrdinalIgnoreCase);
        }

        return count;
    }
}
