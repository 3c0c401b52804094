using System.Collections.Generic;
using System.Globalization;

namespace Tbrm.Jinja.Syntax;

/// <summary>What follows a value: attributes, items, slices, calls, filters and tests.</summary>
internal partial class ExpressionParser
{
    /// <summary>Arguments with their parentheses.</summary>
    protected ArgumentList ParseArguments()
    {
        Stream.Expect("(");
        List<Expression> positional = [];
        List<(string, Expression)> named = [];
        Expression? morePositional = null;
        Expression? moreNamed = null;
        for (bool first = true; !Stream.Current.IsOperator(")"); first = false)
        {
            if (!first)
            {
                Stream.Expect(",");
                if (Stream.Current.IsOperator(")"))
                {
                    break;
                }
            }

            if (Stream.Current.IsOperator("*"))
            {
                Require(morePositional == null && moreNamed == null);
                Stream.Next();
                morePositional = ParseExpression();
            }
            else if (Stream.Current.IsOperator("**"))
            {
                Require(moreNamed == null);
                Stream.Next();
                moreNamed = ParseExpression();
            }
            else if (Stream.Current.Kind == TokenKind.Name && Stream.Ahead.IsOperator("="))
            {
                Require(moreNamed == null);
                string name = Stream.Next().Text;
                Stream.Next();
                named.Add((name, ParseExpression()));
            }
            else
            {
                Require(named.Count == 0 && morePositional == null && moreNamed == null);
                positional.Add(ParseExpression());
            }
        }

        Stream.Expect(")");
        return new ArgumentList(positional, named, morePositional, moreNamed);
    }

    /// <summary>The filter whose name comes next, applied to a value.</summary>
    private FilterExpression ParseFilter(Expression? value)
    {
        (string name, int line) = DottedName();
        return new FilterExpression(value, name, Stream.Current.IsOperator("(") ? ParseArguments() : ArgumentList.Empty,
            line);
    }

    private Expression ParsePostfix(Expression value)
    {
        while (true)
        {
            if (Stream.Current.IsOperator("."))
            {
                value = ParseAttribute(value);
            }
            else if (Stream.Current.IsOperator("["))
            {
                value = ParseItem(value);
            }
            else if (Stream.Current.IsOperator("("))
            {
                int line = Stream.Current.Line;
                value = new CallExpression(value, ParseArguments(), line);
            }
            else
            {
                return value;
            }
        }
    }

    private Expression ParseFiltersAndTests(Expression value)
    {
        while (true)
        {
            if (Stream.Skip("|"))
            {
                value = ParseFilter(value);
            }
            else if (Stream.SkipName("is"))
            {
                value = ParseTest(value);
            }
            else if (Stream.Current.IsOperator("("))
            {
                int line = Stream.Current.Line;
                value = new CallExpression(value, ParseArguments(), line);
            }
            else
            {
                return value;
            }
        }
    }

    private Expression ParseTest(Expression value)
    {
        bool negated = Stream.SkipName("not");
        (string name, int line) = DottedName();
        ArgumentList arguments = ArgumentList.Empty;
        Token token = Stream.Current;
        if (token.IsOperator("("))
        {
            arguments = ParseArguments();
        }
        else if (StartsArgument(token))
        {
            if (token.IsName("is"))
            {
                throw new JinjaException("tests cannot be chained with is", token.Line);
            }

            arguments = new ArgumentList([ParsePostfix(ParsePrimary())], [], null, null);
        }

        Expression test = new TestExpression(value, name, arguments, line);
        return negated ? new NotExpression(test, line) : test;
    }

    private static bool StartsArgument(Token token) => token.Kind switch
    {
        TokenKind.Name => token.Text is not ("else" or "or" or "and"),
        TokenKind.String or TokenKind.Integer or TokenKind.Float => true,
        TokenKind.Operator => token.Text is "[" or "{",
        _ => false,
    };

    private (string Name, int Line) DottedName()
    {
        Token token = Stream.Expect(TokenKind.Name);
        string name = token.Text;
        while (Stream.Skip("."))
        {
            name += "." + Stream.Expect(TokenKind.Name).Text;
        }

        return (name, token.Line);
    }

    private Expression ParseAttribute(Expression value)
    {
        int line = Stream.Next().Line;
        Token token = Stream.Next();
        return token.Kind switch
        {
            TokenKind.Name => new AttributeExpression(value, token.Text, line),
            TokenKind.Integer =>
                new ItemExpression(value, new Constant(long.Parse(token.Text, CultureInfo.InvariantCulture), line),
                line),
            _ => throw new JinjaException($"expected a name or number after '.', found {token.Describe()}", token.Line),
        };
    }

    private Expression ParseItem(Expression value)
    {
        int line = Stream.Next().Line;
        List<Expression> keys = [];
        while (!Stream.Current.IsOperator("]"))
        {
            if (keys.Count > 0)
            {
                Stream.Expect(",");
            }

            Expression? start = Stream.Current.IsOperator(":") ? null : ParseExpression();
            if (Stream.Current.IsOperator(":"))
            {
                return keys.Count == 0
                    ? ParseSlice(value, start, line)
                    : throw new JinjaException("slices of several dimensions are not supported", line);
            }

            keys.Add(start!);
        }

        Stream.Expect("]");
        return keys.Count switch
        {
            0 => throw new JinjaException("expected a key between the brackets, found none", line),
            1 => new ItemExpression(value, keys[0], line),
            _ => new ItemExpression(value, new TupleExpression(keys, line), line),
        };
    }

    private SliceExpression ParseSlice(Expression value, Expression? start, int line)
    {
        Stream.Expect(":");
        Expression? stop = SlicePart();
        Expression? step = Stream.Skip(":") ? SlicePart() : null;
        Stream.Expect("]");
        return new SliceExpression(value, start, stop, step, line);
    }

    private Expression? SlicePart() => Stream.Current.IsOperator(":") || Stream.Current.IsOperator("]") ? null
        : ParseExpression();

    private void Require(bool condition)
    {
        if (!condition)
        {
            throw new JinjaException(
                "arguments are in the wrong order: positional ones first, then named ones, then **",
                Stream.Current.Line);
        }
    }
}
