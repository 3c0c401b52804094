using System;
using System.Collections.Generic;
using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Syntax;

/// <summary>Jinja's expression grammar, by recursive descent; from the loosest to the tightest binding.</summary>
internal partial class ExpressionParser(TokenStream stream)
{
    /// <summary>The names that stand for constants.</summary>
    private static readonly Dictionary<string, object?> s_constants = new()
    {
        ["true"] = true,
        ["True"] = true,
        ["false"] = false,
        ["False"] = false,
        ["none"] = null,
        ["None"] = null,
    };

    /// <summary>The template's tokens.</summary>
    protected TokenStream Stream { get; } = stream;

    /// <summary>then if condition else otherwise; without a condition when <paramref name="withConditional"/> is
    /// off.</summary>
    public Expression ParseExpression(bool withConditional = true)
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new JinjaException("expressions are nested too deep", Stream.Current.Line);
        }

        return withConditional ? ParseConditional() : ParseOr();
    }

    /// <summary>One expression, or several with commas between them, which are a tuple.</summary>
    /// <param name="withConditional">Allow a conditional expression.</param>
    /// <param name="endName">A keyword that ends the tuple after a comma; null for none.</param>
    /// <param name="parenthesized">Inside parentheses, where nothing at all is the empty tuple.</param>
    protected Expression ParseTuple(bool withConditional = true, string? endName = null, bool parenthesized = false)
    {
        int line = Stream.Current.Line;
        List<Expression> items = [];
        bool isTuple = false;
        while (true)
        {
            if (items.Count > 0)
            {
                if (!Stream.Skip(","))
                {
                    break;
                }

                isTuple = true;
            }

            if (IsTupleEnd(endName))
            {
                break;
            }

            items.Add(ParseExpression(withConditional));
        }

        if (isTuple || items.Count == 0)
        {
            return isTuple || parenthesized ? new TupleExpression(items, line)
                : throw Stream.Unexpected("an expression");
        }

        return items[0];
    }

    /// <summary>A filter chain without a value: of a filter block or a block assignment.</summary>
    /// <param name="nameIsNext">The first filter's name comes without a bar before it.</param>
    protected FilterExpression? ParseFilterChain(bool nameIsNext)
    {
        Expression? value = null;
        while (Stream.Current.IsOperator("|") || nameIsNext)
        {
            if (!nameIsNext)
            {
                Stream.Next();
            }

            nameIsNext = false;
            value = ParseFilter(value);
        }

        return (FilterExpression?)value;
    }

    private bool IsTupleEnd(string? endName)
    {
        Token token = Stream.Current;
        return token.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd or TokenKind.End || token.IsOperator(")")
            || (endName != null && token.IsName(endName));
    }

    private Expression ParseConditional()
    {
        int line = Stream.Current.Line;
        Expression value = ParseOr();
        while (Stream.SkipName("if"))
        {
            Expression condition = ParseOr();
            Expression? otherwise = Stream.SkipName("else") ? ParseExpression() : null;
            value = new ConditionalExpression(condition, value, otherwise, line);
        }

        return value;
    }

    private Expression ParseOr()
    {
        Expression left = ParseAnd();
        while (Stream.Current.IsName("or"))
        {
            int line = Stream.Next().Line;
            left = new LogicExpression(false, left, ParseAnd(), line);
        }

        return left;
    }

    private Expression ParseAnd()
    {
        Expression left = ParseNot();
        while (Stream.Current.IsName("and"))
        {
            int line = Stream.Next().Line;
            left = new LogicExpression(true, left, ParseNot(), line);
        }

        return left;
    }

    private Expression ParseNot()
    {
        if (!Stream.Current.IsName("not"))
        {
            return ParseCompare();
        }

        int line = Stream.Next().Line;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        return new NotExpression(ParseNot(), line);
    }

    private Expression ParseCompare()
    {
        int line = Stream.Current.Line;
        Expression first = ParseSum();
        List<(string, Expression)> rest = [];
        while (true)
        {
            Token token = Stream.Current;
            if (token.Kind == TokenKind.Operator && token.Text is "==" or "!=" or "<" or "<=" or ">" or ">=")
            {
                Stream.Next();
                rest.Add((token.Text, ParseSum()));
            }
            else if (Stream.SkipName("in"))
            {
                rest.Add(("in", ParseSum()));
            }
            else if (token.IsName("not") && Stream.Ahead.IsName("in"))
            {
                Stream.Next();
                Stream.Next();
                rest.Add(("not in", ParseSum()));
            }
            else
            {
                return rest.Count == 0 ? first : new CompareExpression(first, rest, line);
            }
        }
    }

    private Expression ParseSum()
    {
        Expression left = ParseConcat();
        while (Stream.Current.Kind == TokenKind.Operator && Stream.Current.Text is "+" or "-")
        {
            Token token = Stream.Next();
            left = new BinaryExpression(token.Text, left, ParseConcat(), token.Line);
        }

        return left;
    }

    private Expression ParseConcat()
    {
        int line = Stream.Current.Line;
        List<Expression> parts = [ParseProduct()];
        while (Stream.Skip("~"))
        {
            parts.Add(ParseProduct());
        }

        return parts.Count == 1 ? parts[0] : new ConcatExpression(parts, line);
    }

    private Expression ParseProduct()
    {
        Expression left = ParsePower();
        while (Stream.Current.Kind == TokenKind.Operator && Stream.Current.Text is "*" or "/" or "//" or "%")
        {
            Token token = Stream.Next();
            left = new BinaryExpression(token.Text, left, ParsePower(), token.Line);
        }

        return left;
    }

    private Expression ParsePower()
    {
        Expression left = ParseUnary(withFilter: true);
        while (Stream.Current.IsOperator("**"))
        {
            int line = Stream.Next().Line;
            left = new BinaryExpression("**", left, ParseUnary(withFilter: true), line);
        }

        return left;
    }

    private Expression ParseUnary(bool withFilter)
    {
        Token token = Stream.Current;
        Expression value;
        if (token.Kind == TokenKind.Operator && token.Text is "-" or "+")
        {
            Stream.Next();
            RuntimeHelpers.EnsureSufficientExecutionStack();
            value = new SignExpression(token.Text == "-", ParseUnary(withFilter: false), token.Line);
        }
        else
        {
            value = ParsePrimary();
        }

        value = ParsePostfix(value);
        return withFilter ? ParseFiltersAndTests(value) : value;
    }

    private Expression ParsePrimary()
    {
        Token token = Stream.Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                Stream.Next();
                return s_constants.TryGetValue(token.Text, out object? constant)
                    ? new Constant(constant, token.Line)
                    : new NameExpression(token.Text, token.Line);
            case TokenKind.String:
                return new Constant(AdjacentStrings(), token.Line);
            case TokenKind.Integer:
                Stream.Next();
                return new Constant(ParseInteger(token), token.Line);
            case TokenKind.Float:
                Stream.Next();
                return new Constant(double.Parse(token.Text, NumberStyles.Float, CultureInfo.InvariantCulture),
                    token.Line);
            case TokenKind.Operator when token.Text == "(":
                Stream.Next();
                Expression inner = ParseTuple(parenthesized: true);
                Stream.Expect(")");
                return inner;
            case TokenKind.Operator when token.Text == "[":
                return ParseList();
            case TokenKind.Operator when token.Text == "{":
                return ParseDict();
            default:
                throw Stream.Unexpected("an expression");
        }
    }

    private string AdjacentStrings()
    {
        StringBuilder text = new();
        while (Stream.Current.Kind == TokenKind.String)
        {
            text.Append(Stream.Next().Text);
        }

        return text.ToString();
    }

    private static object ParseInteger(Token token)
    {
        string text = token.Text;
        int radix = text.Length > 1 && text[0] == '0'
            ? char.ToLowerInvariant(text[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 } : 10;
        if (radix == 10)
        {
            return text.Length <= 4300
                ? PyNumber.Normalize(BigInteger.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture))
                : throw new JinjaException("an integer has more than 4300 digits", token.Line);
        }

        BigInteger value = BigInteger.Zero;
        foreach (char digit in text.AsSpan(2))
        {
            value = (value * radix) + Convert.ToInt32(digit.ToString(), 16);
        }

        return PyNumber.Normalize(value);
    }

    private ListExpression ParseList()
    {
        int line = Stream.Next().Line;
        List<Expression> items = [];
        while (!Stream.Current.IsOperator("]"))
        {
            if (items.Count > 0)
            {
                Stream.Expect(",");
            }

            if (Stream.Current.IsOperator("]"))
            {
                break;
            }

            items.Add(ParseExpression());
        }

        Stream.Expect("]");
        return new ListExpression(items, line);
    }

    private DictExpression ParseDict()
    {
        int line = Stream.Next().Line;
        List<(Expression, Expression)> items = [];
        while (!Stream.Current.IsOperator("}"))
        {
            if (items.Count > 0)
            {
                Stream.Expect(",");
            }

            if (Stream.Current.IsOperator("}"))
            {
                break;
            }

            Expression key = ParseExpression();
            Stream.Expect(":");
            items.Add((key, ParseExpression()));
        }

        Stream.Expect("}");
        return new DictExpression(items, line);
    }
}
