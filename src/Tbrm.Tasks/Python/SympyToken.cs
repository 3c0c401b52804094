using System;
using System.Collections.Generic;
using System.Globalization;
using System.Numerics;

namespace Tbrm.Tasks.Python;

/// <summary>What a <see cref="SympyToken"/> is.</summary>
internal enum SympyTokenKind
{
    Number,
    Name,
    Operator,
    End,
}

/// <summary>A token of Python's grammar, as far as expressions need it.</summary>
internal readonly record struct SympyToken(SympyTokenKind Kind, string Text, SympyValue Value)
{
    private const int MaxDecimalDigits = 4300;

    private static readonly string[] s_operators =
        ["**", "//", "<<", ">>", "<=", ">=", "==", "!=", "!!", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", "!",
            "~", "&", "|", "^", "<", ">"];

    /// <summary>Whether it is that operator or bracket.</summary>
    public bool IsOperator(string text) => Kind == SympyTokenKind.Operator && Text == text;

    /// <summary>Whether it is that name.</summary>
    public bool IsName(string text) => Kind == SympyTokenKind.Name && Text == text;

    /// <summary>The tokens of a text, an end after them.</summary>
    /// <exception cref="FormatException">A character or number that no expression has.</exception>
    public static List<SympyToken> Scan(string text)
    {
        string code = PythonText.Strip(text);
        List<SympyToken> tokens = [];
        int depth = 0;
        for (int i = 0; i < code.Length;)
        {
            char c = code[i];
            if (c is ' ' or '\t' or '\f' || (depth > 0 && c is '\n' or '\r'))
            {
                i++;
            }
            else if (c == '#' && tokens.Count > 0)
            {
                int end = code.AsSpan(i).IndexOfAny('\n', '\r');
                i = end < 0 ? code.Length : i + end;
            }
            else
            {
                SympyToken token = Next(code, i);
                depth += token.Text is "(" or "[" ? 1 : token.Text is ")" or "]" ? -1 : 0;
                tokens.Add(token);
                i += token.Text.Length;
            }
        }

        tokens.Add(new SympyToken(SympyTokenKind.End, "", default));
        return tokens;
    }

    private static SympyToken Next(string code, int at)
    {
        if (char.IsAsciiDigit(code[at]) || (code[at] == '.' && at + 1 < code.Length && char.IsAsciiDigit(code[at + 1])))
        {
            return Number(code, at);
        }

        int end = at;
        while (end < code.Length
            && (char.IsLetter(code[end]) || code[end] == '_' || (end > at && char.IsAsciiDigit(code[end]))))
        {
            end++;
        }

        if (end > at)
        {
            return new SympyToken(SympyTokenKind.Name, code[at..end], default);
        }

        string sign = Array.Find(s_operators, o => string.CompareOrdinal(code, at, o, 0, o.Length) == 0)
            ?? throw new FormatException($"an arithmetic expression was expected, found '{code[at]}'");
        return new SympyToken(SympyTokenKind.Operator, sign, default);
    }

    private static SympyToken Number(string code, int at)
    {
        int end = at;
        if (code[at] == '0' && at + 1 < code.Length && "xXoObB".Contains(code[at + 1], StringComparison.Ordinal))
        {
            end = Digits(code, at + 2, char.IsAsciiHexDigit);
            return PythonInteger.TryParse(code.AsSpan(at, end - at), 0, out BigInteger prefixed)
                ? new SympyToken(SympyTokenKind.Number, code[at..end], SympyValue.Integer(prefixed))
                : throw new FormatException($"a number was expected, found '{code[at..end]}'");
        }

        end = Digits(code, at, char.IsAsciiDigit);
        int whole = end;
        if (end < code.Length && code[end] == '.')
        {
            end = Digits(code, end + 1, char.IsAsciiDigit);
            if (RepeatingEnd(code, end) is int close)
            {
                return new SympyToken(SympyTokenKind.Number, code[at..close],
                    Repeating(code[at..whole], code[(whole + 1)..end], code[(end + 1)..(close - 1)]));
            }
        }

        end = Exponent(code, end);
        string text = code[at..end];
        bool imaginary = end < code.Length && code[end] is 'j' or 'J';
        return imaginary ? new SympyToken(SympyTokenKind.Number, code[at..(end + 1)], SympyValue.Opaque)
            : new SympyToken(SympyTokenKind.Number, text, end == whole ? Integer(text) : Float(text));
    }

    /// <summary>Where <c>[digits]</c> at this place ends; null when something else stands there.</summary>
    private static int? RepeatingEnd(string code, int at)
    {
        int end = at < code.Length && code[at] == '[' ? Digits(code, at + 1, char.IsAsciiDigit) : at;
        return end > at + 1 && end < code.Length && code[end] == ']' ? end + 1 : null;
    }

    /// <summary>SymPy's <c>0.2[1]</c>, which is 0.2111...</summary>
    private static SympyValue Repeating(string whole, string fraction, string repetend)
    {
        (string digits, string period) =
            (fraction.Replace("_", "", StringComparison.Ordinal), repetend.Replace("_", "", StringComparison.Ordinal));
        if (whole.Length + digits.Length + period.Length > MaxDecimalDigits || period.Trim('0').Length == 0)
        {
            throw new FormatException("a repeating decimal was expected");
        }

        BigInteger scale = BigInteger.Pow(10, digits.Length);
        SympyValue start = Integer(
            (whole.Replace("_", "", StringComparison.Ordinal) + digits).TrimStart('0') is { Length: > 0 } text ? text
            : "0");
        SympyValue tail = SympyValue.Integer(
            BigInteger.Parse(period, CultureInfo.InvariantCulture)) / SympyValue.Integer(BigInteger.Pow(
            10, period.Length) - 1);
        return (start + tail) / SympyValue.Integer(scale);
    }

    private static int Exponent(string code, int at)
    {
        if (at >= code.Length || code[at] is not ('e' or 'E'))
        {
            return at;
        }

        int digits = at + 1 < code.Length && code[at + 1] is '+' or '-' ? at + 2 : at + 1;
        int end = Digits(code, digits, char.IsAsciiDigit);
        return end > digits ? end : at;
    }

    /// <summary>The end of a run of digits with single underscores between them.</summary>
    private static int Digits(string code, int at, Func<char, bool> isDigit)
    {
        int end = at;
        while (end < code.Length
            && (isDigit(code[end])
            || (code[end] == '_' && end > at && code[end - 1] != '_' && end + 1 < code.Length
            && isDigit(code[end + 1]))))
        {
            end++;
        }

        return end;
    }

    private static SympyValue Integer(string text)
    {
        return text.Length <= MaxDecimalDigits + 1 && PythonInteger.TryParse(text, 0, out BigInteger value)
            ? SympyValue.Integer(value)
            : throw new FormatException($"an integer was expected, found '{text}'");
    }

    private static SympyValue Float(string text)
    {
        return SympyValue.Real(double.Parse(
            text.Replace("_", "", StringComparison.Ordinal), NumberStyles.Float, CultureInfo.InvariantCulture));
    }
}
