using System.Collections.Generic;
using System.Globalization;
using System.Text.RegularExpressions;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Latex;

/// <summary>Cuts normalized LaTeX into tokens: the longest match wins, then the rule that the grammar lists
/// first.</summary>
internal static partial class LatexLexer
{
    /// <summary>The tokens of <paramref name="text"/>, closed by one of kind <see cref="TokenKind.End"/>.</summary>
    /// <exception cref="LatexException">A character or command is not part of the grammar.</exception>
    public static Token[] Tokenize(string text, Budget budget)
    {
        List<Token> tokens = [];
        int at = 0;
        while (at < text.Length)
        {
            budget.Spend(4);
            if (IsBlank(text[at]))
            {
                at++;
                continue;
            }

            (TokenKind kind, int length) = Longest(text, at);
            if (length == 0)
            {
                throw new LatexException(
                    string.Create(CultureInfo.InvariantCulture,
                        $"'{text[at]}' at position {at} is not part of the LaTeX that is understood"));
            }

            if (kind != TokenKind.Skip)
            {
                tokens.Add(new Token(kind, text.Substring(at, length), at));
            }

            budget.Spend(length / 16);
            at += length;
        }

        tokens.Add(new Token(TokenKind.End, "", text.Length));
        return [.. tokens];
    }

    private static (TokenKind Kind, int Length) Longest(string text, int at)
    {
        char c = text[at];
        if (char.IsAsciiDigit(c) || (c == '.' && at + 1 < text.Length && char.IsAsciiDigit(text[at + 1])))
        {
            return Number(text, at);
        }

        TokenKind kind = TokenKind.Skip;
        int length = 0;
        if (TokenTable.ByFirstCharacter.TryGetValue(c, out (string Text, TokenKind Kind)[]? spellings))
        {
            foreach ((string spelling, TokenKind spellingKind) in spellings)
            {
                if (string.CompareOrdinal(text, at, spelling, 0, spelling.Length) == 0)
                {
                    (kind, length) = (spellingKind, spelling.Length);
                    break;
                }
            }
        }

        if (c == '\\')
        {
            TakeLonger(Accent(text, at), TokenKind.Accent, ref kind, ref length);
            TakeLonger(ArrayStart(text, at), TokenKind.ArrayStart, ref kind, ref length);
            TakeLonger(Variable().Match(text, at).Length, TokenKind.Variable, ref kind, ref length);
        }
        else if (c == 'd')
        {
            TakeLonger(Differential(text, at), TokenKind.Differential, ref kind, ref length);
        }

        if (length == 0 && char.IsAsciiLetter(c))
        {
            return (TokenKind.Letter, 1);
        }

        // A blank after a Greek letter or a symbol belongs to its token.
        if (kind is TokenKind.Greek or TokenKind.OtherSymbol && at + length < text.Length && text[at + length] == ' ')
        {
            length++;
        }

        return (kind, length);
    }

    [GeneratedRegex(
        @"\G\\variable\{(?>(?:[a-zA-Z0-9\u0370-\u03FF ]|\\[a-zA-Z]+)+)(?:_(?:\{[^{}]+\}|[a-zA-Z0-9]))?\}(?:\\?%)?")]
    private static partial Regex Variable();

    private static void TakeLonger(int candidate, TokenKind candidateKind, ref TokenKind kind, ref int length)
    {
        if (candidate > length)
        {
            (kind, length) = (candidateKind, candidate);
        }
    }

    private static (TokenKind Kind, int Length) Number(string text, int at)
    {
        int end = at;
        SkipDigits(text, ref end);
        if (end + 1 < text.Length && text[end] == '.' && char.IsAsciiDigit(text[end + 1]))
        {
            end++;
            SkipDigits(text, ref end);
        }

        int percent = end;
        if (percent < text.Length && IsBlank(text[percent]))
        {
            percent++;
        }

        if (string.CompareOrdinal(text, percent, @"\%", 0, 2) == 0)
        {
            return (TokenKind.PercentNumber, percent + 2 - at);
        }

        if (percent < text.Length && text[percent] == '%')
        {
            return (TokenKind.PercentNumber, percent + 1 - at);
        }

        int exponent = end;
        if (exponent < text.Length && text[exponent] == 'E')
        {
            exponent++;
            if (exponent < text.Length && text[exponent] is '+' or '-' or '−' or '∸' or '∔' or '⊕' or '⊞')
            {
                exponent++;
            }

            int digits = exponent;
            SkipDigits(text, ref exponent);
            if (exponent > digits)
            {
                return (TokenKind.ScientificNumber, exponent - at);
            }
        }

        return (TokenKind.Number, end - at);
    }

    private static void SkipDigits(string text, ref int at)
    {
        while (at < text.Length && char.IsAsciiDigit(text[at]))
        {
            at++;
        }
    }

    /// <summary>The length of <c>\command{text}</c>; a closing brace may be escaped when another one follows. 0 if
    /// there is none.</summary>
    private static int Accent(string text, int at)
    {
        foreach (string command in TokenTable.AccentCommands)
        {
            if (string.CompareOrdinal(text, at, command, 0, command.Length) != 0)
            {
                continue;
            }

            int open = at + command.Length;
            if (open < text.Length && IsBlank(text[open]))
            {
                open++;
            }

            if (open < text.Length && text[open] == '{')
            {
                return ClosingBrace(text, open) + 1 - at;
            }
        }

        return 0;
    }

    private static int ClosingBrace(string text, int open)
    {
        int escaped = open - 1_000_000_000;
        for (int i = open + 1; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 1 < text.Length && text[i + 1] == '}')
            {
                escaped = ++i;
            }
            else if (text[i] == '}')
            {
                return i;
            }
        }

        return escaped;
    }

    private static int ArrayStart(string text, int at)
    {
        const string Start = @"\begin{array}{";
        if (string.CompareOrdinal(text, at, Start, 0, Start.Length) != 0)
        {
            return 0;
        }

        int end = at + Start.Length;
        while (end < text.Length && text[end] is 'c' or 'l' or 'r')
        {
            end++;
        }

        return end < text.Length && text[end] == '}' ? end + 1 - at : 0;
    }

    private static int Differential(string text, int at)
    {
        int end = at + 1;
        while (end < text.Length && IsBlank(text[end]))
        {
            end++;
        }

        if (end < text.Length && char.IsAsciiLetter(text[end]))
        {
            return end + 1 - at;
        }

        if (end + 1 < text.Length && text[end] == '\\' && char.IsAsciiLetter(text[end + 1]))
        {
            end++;
            while (end < text.Length && char.IsAsciiLetter(text[end]))
            {
                end++;
            }

            return end - at;
        }

        return 0;
    }

    private static bool IsBlank(char c) => c is ' ' or '\t' or '\r' or '\n';
}
