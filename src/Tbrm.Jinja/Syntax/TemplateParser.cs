using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;

namespace Tbrm.Jinja.Syntax;

/// <summary>Jinja's statements.</summary>
internal sealed partial class TemplateParser : ExpressionParser
{
    private readonly Stack<string> _openTags = new();
    private readonly HashSet<string> _blockNames = [];
    private int _loops;

    private TemplateParser(TokenStream stream)
        : base(stream)
    {
    }

    /// <summary>The statements of a template.</summary>
    /// <exception cref="JinjaException">It is malformed.</exception>
    public static IReadOnlyList<Statement> Parse(string source)
    {
        try
        {
            return new TemplateParser(new TokenStream(Lexer.Tokenize(source))).ParseBody([]);
        }
        catch (InsufficientExecutionStackException e)
        {
            throw new JinjaException("the template is nested too deep", 1, e);
        }
    }

    /// <summary>Statements up to a tag with one of these names, which stays current; up to the end when there are
    /// none.</summary>
    private List<Statement> ParseBody(string[] endNames)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        List<Statement> body = [];
        while (true)
        {
            Token token = Stream.Next();
            switch (token.Kind)
            {
                case TokenKind.Data:
                    body.Add(new TextStatement(token.Text, token.Line));
                    break;
                case TokenKind.VariableBegin:
                    body.Add(new OutputStatement([ParseTuple()], token.Line));
                    Stream.Expect(TokenKind.VariableEnd);
                    break;
                case TokenKind.BlockBegin:
                    if (Stream.Current.Kind == TokenKind.Name && endNames.Contains(Stream.Current.Text))
                    {
                        return body;
                    }

                    body.Add(ParseStatement(endNames));
                    Stream.Expect(TokenKind.BlockEnd);
                    break;
                default:
                    return endNames.Length == 0
                        ? body
                        : throw new JinjaException(
                            $"the template ends inside '{_openTags.Peek()}'; expected {string.Join(" or ", endNames)}",
                                token.Line);
            }
        }
    }

    /// <summary>Closes the opening tag, reads its body, and takes the end tag's name.</summary>
    private List<Statement> ParseBlockBody(params string[] endNames)
    {
        Stream.Skip(":");
        Stream.Expect(TokenKind.BlockEnd);
        return ParseBody(endNames);
    }

    private List<Statement> ParseWholeBody(string endName)
    {
        List<Statement> body = ParseBlockBody(endName);
        Stream.Next();
        return body;
    }

    private Statement ParseStatement(string[] endNames)
    {
        Token token = Stream.Expect(TokenKind.Name);
        _openTags.Push(token.Text);
        Statement statement = token.Text switch
        {
            "for" => ParseFor(token.Line),
            "if" => ParseIf(token.Line),
            "set" => ParseSet(token.Line),
            "macro" => ParseMacro(token.Line),
            "call" => ParseCallBlock(token.Line),
            "filter" => ParseFilterBlock(token.Line),
            "with" => ParseWith(token.Line),
            "print" => ParsePrint(token.Line),
            "generation" => new GenerationStatement(ParseWholeBody("endgeneration"), token.Line),
            "block" => ParseNamedBlock(token.Line),
            "autoescape" => new AutoescapeStatement(ParseExpression(), ParseWholeBody("endautoescape"), token.Line),
            "break" => new BreakStatement(InLoop(token)),
            "continue" => new ContinueStatement(InLoop(token)),
            "include" or "import" or "from" or "extends" => ParseLoad(token),
            _ => throw UnknownTag(token, endNames),
        };
        _openTags.Pop();
        return statement;
    }

    /// <summary>The line of a break or continue, which needs a loop around it.</summary>
    private int InLoop(Token token) =>
        _loops > 0 ? token.Line
            : throw new JinjaException($"{{% {token.Text} %}} stands outside of every loop", token.Line);

    /// <summary>Parses what runs as a function of its own: loops around its definition are not around it.</summary>
    private List<Statement> Outside(Func<List<Statement>> parse)
    {
        int loops = _loops;
        _loops = 0;
        List<Statement> body = parse();
        _loops = loops;
        return body;
    }

    private JinjaException UnknownTag(Token token, string[] endNames)
    {
        _openTags.Pop();
        string inside = _openTags.Count == 0 ? ""
            : $"; inside '{_openTags.Peek()}' expected {string.Join(" or ", endNames)}";
        return new JinjaException($"unknown tag '{token.Text}'{inside}", token.Line);
    }

    private ForStatement ParseFor(int line)
    {
        AssignmentTarget target = ParseTarget(withNamespace: false, endName: "in");
        Stream.ExpectName("in");
        Expression items = ParseTuple(withConditional: false, endName: "recursive");
        Expression? filter = Stream.SkipName("if") ? ParseExpression() : null;
        bool recursive = Stream.SkipName("recursive");
        _loops++;
        List<Statement> body = ParseBlockBody("endfor", "else");
        _loops--;
        List<Statement> otherwise = Stream.Next().Text == "else" ? ParseWholeBody("endfor") : [];
        return new ForStatement(target, items, filter, recursive, body, otherwise, line);
    }

    private IfStatement ParseIf(int line)
    {
        List<(Expression, IReadOnlyList<Statement>)> branches = [];
        while (true)
        {
            Expression condition = ParseTuple(withConditional: false);
            branches.Add((condition, ParseBlockBody("elif", "else", "endif")));
            switch (Stream.Next().Text)
            {
                case "elif":
                    continue;
                case "else":
                    return new IfStatement(branches, ParseWholeBody("endif"), line);
                default:
                    return new IfStatement(branches, [], line);
            }
        }
    }

    private Statement ParseSet(int line)
    {
        AssignmentTarget target = ParseTarget(withNamespace: true, endName: null);
        if (Stream.Skip("="))
        {
            return new SetStatement(target, ParseTuple(), line);
        }

        FilterExpression? filter = ParseFilterChain(nameIsNext: false);
        return new SetBlockStatement(target, filter, ParseWholeBody("endset"), line);
    }

    private MacroStatement ParseMacro(int line)
    {
        string name = Stream.Expect(TokenKind.Name).Text;
        return new MacroStatement(name, ParseSignature(), ParseMacroBody("endmacro"), line);
    }

    private CallBlockStatement ParseCallBlock(int line)
    {
        Signature signature = Stream.Current.IsOperator("(") ? ParseSignature() : Signature.Empty;
        CallExpression call = ParseExpression() as CallExpression
            ?? throw new JinjaException("expected a call in 'call'", line);
        return new CallBlockStatement(call, signature, ParseMacroBody("endcall"), line);
    }

    private MacroBody ParseMacroBody(string endName)
    {
        List<Statement> body = Outside(() => ParseWholeBody(endName));
        return new MacroBody(
            body, NameSearch.Mentions(body, "caller"), NameSearch.Mentions(body, "varargs"),
                NameSearch.Mentions(body, "kwargs"));
    }

    private Signature ParseSignature()
    {
        List<string> parameters = [];
        List<Expression> defaults = [];
        Stream.Expect("(");
        while (!Stream.Current.IsOperator(")"))
        {
            if (parameters.Count > 0)
            {
                Stream.Expect(",");
            }

            Token name = Stream.Expect(TokenKind.Name);
            parameters.Add(name.Text);
            if (Stream.Skip("="))
            {
                defaults.Add(ParseExpression());
            }
            else if (defaults.Count > 0)
            {
                throw new JinjaException($"the parameter '{name.Text}' without a default follows one with a default",
                    name.Line);
            }
        }

        Stream.Expect(")");
        return new Signature(parameters, defaults);
    }

    private FilterBlockStatement ParseFilterBlock(int line)
    {
        FilterExpression filter = ParseFilterChain(nameIsNext: true)!;
        return new FilterBlockStatement(filter, ParseWholeBody("endfilter"), line);
    }

    private WithStatement ParseWith(int line)
    {
        List<(AssignmentTarget, Expression)> bindings = [];
        while (Stream.Current.Kind != TokenKind.BlockEnd)
        {
            if (bindings.Count > 0)
            {
                Stream.Expect(",");
            }

            AssignmentTarget target = ParseTarget(withNamespace: false, endName: null);
            Stream.Expect("=");
            bindings.Add((target, ParseExpression()));
        }

        return new WithStatement(bindings, ParseWholeBody("endwith"), line);
    }

    private OutputStatement ParsePrint(int line)
    {
        List<Expression> values = [];
        while (Stream.Current.Kind != TokenKind.BlockEnd)
        {
            if (values.Count > 0)
            {
                Stream.Expect(",");
            }

            values.Add(ParseExpression());
        }

        return new OutputStatement(values, line);
    }

    private BlockStatement ParseNamedBlock(int line)
    {
        string name = Stream.Expect(TokenKind.Name).Text;
        if (!_blockNames.Add(name))
        {
            throw new JinjaException($"the block '{name}' is defined twice", line);
        }

        bool isScoped = Stream.SkipName("scoped");
        if (Stream.SkipName("required"))
        {
            throw new JinjaException(
                $"the block '{name}' is required from another template, and a chat template has none", line);
        }

        List<Statement> body = Outside(() => ParseWholeBody("endblock"));
        Stream.SkipName(name);
        return new BlockStatement(name, isScoped, body, line);
    }

    private LoadStatement ParseLoad(Token tag)
    {
        while (Stream.Current.Kind is not (TokenKind.BlockEnd or TokenKind.End))
        {
            Stream.Next();
        }

        return new LoadStatement(tag.Text, tag.Line);
    }

    private AssignmentTarget ParseTarget(bool withNamespace, string? endName)
    {
        int line = Stream.Current.Line;
        if (withNamespace && Stream.Current.Kind == TokenKind.Name && Stream.Ahead.IsOperator("."))
        {
            string name = Stream.Next().Text;
            Stream.Next();
            return new NamespaceTarget(name, Stream.Expect(TokenKind.Name).Text, line);
        }

        return ToTarget(ParseTargetTuple(withNamespace, endName), line);
    }

    private Expression ParseTargetTuple(bool withNamespace, string? endName)
    {
        // Targets are names, tuples of them, and in 'set' attributes; reading them as primaries leaves '=' and 'in'
        // alone.
        int line = Stream.Current.Line;
        List<Expression> items = [];
        bool isTuple = false;
        while (Stream.Current.Kind == TokenKind.Name || Stream.Current.IsOperator("("))
        {
            if (endName != null && Stream.Current.IsName(endName))
            {
                break;
            }

            items.Add(ParseTargetItem(withNamespace));
            if (!Stream.Skip(","))
            {
                break;
            }

            isTuple = true;
        }

        return items.Count == 0 ? throw Stream.Unexpected("a name to assign to") : isTuple
            ? new TupleExpression(items, line) : items[0];
    }

    private Expression ParseTargetItem(bool withNamespace)
    {
        int line = Stream.Current.Line;
        if (Stream.Skip("("))
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            Expression inner = ParseTargetTuple(withNamespace, null);
            Stream.Expect(")");
            return inner;
        }

        NameExpression name = new(Stream.Next().Text, line);
        return withNamespace && Stream.Skip(".")
            ? new AttributeExpression(name, Stream.Expect(TokenKind.Name).Text, line) : name;
    }

    private static AssignmentTarget ToTarget(Expression expression, int line) => expression switch
    {
        NameExpression { Name: "true" or "false" or "none" or "True" or "False" or "None" } name =>
            throw new JinjaException($"cannot assign to '{name.Name}'", line),
        NameExpression name => new NameTarget(name.Name, name.Line),
        AttributeExpression { Target: NameExpression target } attribute =>
            new NamespaceTarget(target.Name, attribute.Name, line),
        TupleExpression tuple => new TupleTarget([.. tuple.Items.Select(item => ToTarget(item, line))], line),
        _ => throw new JinjaException("cannot assign to this expression", line),
    };
}
