using System;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Latex;

/// <summary>A named rule: its matches become one tree. Its pattern is set after all rules exist, since rules refer to
/// each other.</summary>
internal sealed class ParseRule(string name, int index) : Pattern
{
    private static readonly int s_kinds = Enum.GetValues<TokenKind>().Length;
    private Pattern? _body;
    private bool[]? _starts;

    public string Name => name;

    public int Index => index;

    /// <summary>What the rule stands for.</summary>
    public Pattern Body
    {
        get => _body ?? throw new InvalidOperationException($"rule {name} has no body");
        set => _body = value;
    }

    public override bool IsNullable => false;

    public override bool CanStart(TokenKind kind)
    {
        if (_starts is null)
        {
            bool[] starts = new bool[s_kinds];
            for (int i = 0; i < s_kinds; i++)
            {
                starts[i] = Body.CanStart((TokenKind)i);
            }

            _starts = starts;
        }

        return _starts[(int)kind];
    }

    public override void Match(ParseRun run, Success from, SuccessList into)
    {
        foreach (Success success in run.MatchRule(this, from.End))
        {
            AddNew(into, new Success(success.End, new TreeList(from.Trees, success.Trees!.Last)));
        }
    }
}

/// <summary>One parse: the tokens, the limit, and what each rule matched at each position.</summary>
internal sealed class ParseRun(Token[] tokens, int rules, Budget budget)
{
    /// <summary>Nested groups beyond this are refused; the reference parser runs out of stack far earlier.</summary>
    private const int MaxDepth = 1500;

    private const long RuleCost = 8;

    private readonly SuccessList?[] _memo = new SuccessList?[rules * tokens.Length];
    private int _depth;

    public Token[] Tokens => tokens;

    public Budget Budget => budget;

    public SuccessList MatchRule(ParseRule rule, int position)
    {
        int key = rule.Index * tokens.Length + position;
        if (_memo[key] is { } known)
        {
            return known;
        }

        budget.Descend();
        budget.Spend(RuleCost);
        if (++_depth > MaxDepth)
        {
            throw new LatexException("the expression is nested too deeply");
        }

        SuccessList result = new();
        if (rule.CanStart(tokens[position].Kind))
        {
            SuccessList matches = new();
            rule.Body.Match(this, new Success(position, null), matches);
            foreach (Success match in matches)
            {
                ParseTree tree = new(rule.Name, tokens[position], position, match.End, match.Trees);
                result.Add(new Success(match.End, new TreeList(null, tree)));
            }
        }

        _depth--;
        _memo[key] = result;
        return result;
    }
}
