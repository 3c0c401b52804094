using System;
using System.Text.RegularExpressions;
using Tbrm.MathVerify.Algebra;
using Tbrm.MathVerify.Latex;

namespace Tbrm.MathVerify.Extraction;

/// <summary>Arithmetic as Python reads it: + - * / // ** and parentheses over numbers, nothing evaluated but unary
/// minus.</summary>
internal sealed partial class PlainExpressionParser
{
    private readonly string _text;
    private readonly Budget _budget;
    private int _at;

    private PlainExpressionParser(string text, Budget budget)
    {
        _text = text;
        _budget = budget;
    }

    [GeneratedRegex(@"\G(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)")]
    private static partial Regex Number();

    [GeneratedRegex(@"^(?:[0-9]*\.[0-9]+|[0-9]+\.|0+|[1-9][0-9]*)\z")]
    private static partial Regex PythonNumber();

    /// <summary>The expression; null if the text is none.</summary>
    public static Expr? TryParse(string text, Budget budget)
    {
        try
        {
            PlainExpressionParser parser = new(text.Trim(), budget);
            Expr result = parser.Sum();
            parser.SkipBlanks();
            return parser._at == parser._text.Length ? result : null;
        }
        catch (LatexException)
        {
            return null;
        }
    }

    /// <summary>Whether Python accepts the digits as one number: an integer has no leading zeros.</summary>
    public static bool IsPythonNumber(string digits) => PythonNumber().IsMatch(digits);

    private Expr Sum()
    {
        _budget.Descend();
        Expr result = Product();
        while (true)
        {
            if (Take("+"))
            {
                result = Build.FlatAdd(result, Product());
            }
            else if (Take("-"))
            {
                result = Build.FlatAdd(result, Build.FlatMul(NumberExpr.MinusOne, Product()));
            }
            else
            {
                return result;
            }
        }
    }

    private Expr Product()
    {
        Expr result = Unary();
        while (true)
        {
            SkipBlanks();
            if (Ahead("**"))
            {
                return result;
            }

            if (Take("//"))
            {
                result = new ApplyExpr(Heads.Floor, Build.Divide(result, Unary()));
            }
            else if (Take("*"))
            {
                result = Build.FlatMul(result, Unary());
            }
            else if (Take("/"))
            {
                result = Build.FlatMul(result, Build.Pow(Unary(), NumberExpr.MinusOne));
            }
            else
            {
                return result;
            }
        }
    }

    private Expr Unary()
    {
        _budget.Descend();
        if (Take("-"))
        {
            return Build.Negate(Unary());
        }

        return Take("+") ? Unary() : Power();
    }

    private Expr Power()
    {
        Expr value = Atom();
        return Take("**") ? Build.Pow(value, Unary()) : value;
    }

    private Expr Atom()
    {
        if (Take("("))
        {
            Expr inner = Sum();
            return Take(")") ? inner : throw new LatexException("a closing parenthesis was expected");
        }

        Match match = Number().Match(_text, _at);
        if (!match.Success
            || !IsPythonNumber(match.Value.Contains('.', StringComparison.Ordinal) ? "0.5" : match.Value))
        {
            throw new LatexException("a number was expected");
        }

        _at += match.Length;
        return NumberReader.Read(match.Value.EndsWith('.') ? match.Value + "0" : match.Value);
    }

    private bool Take(string symbol)
    {
        SkipBlanks();
        if (!Ahead(symbol) || (symbol == "*" && Ahead("**")) || (symbol == "/" && Ahead("//")))
        {
            return false;
        }

        _at += symbol.Length;
        return true;
    }

    private bool Ahead(string symbol) => string.CompareOrdinal(_text, _at, symbol, 0, symbol.Length) == 0;

    private void SkipBlanks()
    {
        while (_at < _text.Length && char.IsWhiteSpace(_text[_at]))
        {
            _at++;
        }
    }
}
