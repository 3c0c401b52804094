using System;
using System.Collections.Generic;
using System.Text.RegularExpressions;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Latex;

/// <summary>Turns a parse tree into an expression with latex2sympy2_extended's reading of it. This part: whole texts,
/// sets, relations.</summary>
internal sealed partial class LatexConverter(bool isReal, Budget budget)
{
    /// <summary>3,333 is a number, not a set of two.</summary>
    [GeneratedRegex(@"^\s*-?\d{1,3}(,\d{3})+(\.\d+)?\s*$")]
    private static partial Regex CommaNumber();

    /// <summary>Reads normalized LaTeX.</summary>
    /// <param name="text">The text.</param>
    /// <param name="isReal">Whether its variables stand for real numbers.</param>
    /// <param name="budget">The limit.</param>
    /// <exception cref="LatexException">The text is not an expression that is understood.</exception>
    public static Expr Convert(string text, bool isReal, Budget budget)
    {
        try
        {
            return new LatexConverter(isReal, budget).Parse(text);
        }
        catch (NotComputableException e)
        {
            throw new LatexException(e.Message);
        }
    }

    private Expr Parse(string text)
    {
        budget.Descend();
        ParseTree root = LatexGrammar.Parse(text, budget).Children[0];
        return root.Rule switch
        {
            "set_relation" => SetRelation(root),
            "set_elements" => CommaNumber().IsMatch(text) ? CommaSeparatedNumber(text)
                : SetOrTuple(SemicolonElements(root.Children[0])),
            _ => ElementsRelation(root),
        };
    }

    private static Expr CommaSeparatedNumber(string text)
    {
        string trimmed = text.Trim();
        string digits = trimmed.StartsWith('0') ? trimmed.Replace(',', '.') : trimmed;
        digits = digits.Replace(",", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal)
            .TrimStart('0');
        return NumberReader.Read(digits.Length == 0 ? "0" : digits);
    }

    private RelationExpr ElementsRelation(ParseTree tree)
    {
        Expr elements = SetOrTuple(SemicolonElements(tree.Find("semicolon_elements_no_relation")!));
        return new RelationExpr(RelationKind.Equal, AtomList(tree.Find("atom_expr_list")!), elements);
    }

    private Expr AtomList(ParseTree tree)
    {
        List<Expr> atoms = [];
        foreach (ParseTree atom in tree.All("atom_expr"))
        {
            atoms.Add(AtomExpression(atom));
        }

        return atoms.Count == 1 ? atoms[0] : new TupleExpr([.. atoms]);
    }

    private Expr SetRelation(ParseTree tree)
    {
        Expr result = SetRelationOperand(tree, 0, out int next);
        while (next < tree.Children.Length)
        {
            bool subset = tree.Children[next].Is(TokenKind.Subset);
            Expr right = SetRelationOperand(tree, next + 1, out next);
            (Expr inner, Expr outer) = subset ? (result, right) : (right, result);
            result = SetMath.IsSubset(RequireSet(inner), RequireSet(outer), budget) switch
            {
                true => ConstantExpr.True,
                false => ConstantExpr.False,
                null => throw new LatexException("whether one set is part of the other cannot be told"),
            };
        }

        return result;
    }

    private Expr SetRelationOperand(ParseTree tree, int at, out int next)
    {
        ParseTree first = tree.Children[at];
        if (first.Rule != "atom_expr_list")
        {
            next = at + 1;
            return SetMinus(first);
        }

        Expr left = AtomList(first);
        Expr right = SetRelation(tree.Children[at + 2]);
        next = at + 3;
        RelationExpr equation = new(RelationKind.Equal, left, right);
        return tree.Children[at + 1].Is(TokenKind.NotIn) ? new ApplyExpr(Heads.Not, equation) : equation;
    }

    private Expr SetMinus(ParseTree tree) =>
        Fold(tree, SetUnion, (left, right) => new SetOperationExpr(SetOperation.Complement, left, right));

    private Expr SetUnion(ParseTree tree) => Fold(tree, SetIntersection, (left, right) =>
        new SetOperationExpr(SetOperation.Union, TupleAsSet(left), TupleAsSet(right)));

    private Expr SetIntersection(ParseTree tree) => Fold(tree, SetGroup, (left, right) =>
        new SetOperationExpr(SetOperation.Intersection, TupleAsSet(left), TupleAsSet(right)));

    private static Expr TupleAsSet(Expr value) => value is TupleExpr tuple ? new FiniteSetExpr(tuple.Arguments) : value;

    private static Expr Fold(ParseTree tree, Func<ParseTree, Expr> operand, Func<Expr, Expr, Expr> join)
    {
        Expr result = operand(tree.Children[0]);
        for (int i = 2; i < tree.Children.Length; i += 2)
        {
            result = join(result, operand(tree.Children[i]));
        }

        return result;
    }

    private static SetExpr RequireSet(Expr value) => value switch
    {
        SetExpr set => set,
        TupleExpr tuple => new FiniteSetExpr(tuple.Arguments),
        _ => throw new LatexException("a set was expected"),
    };

    private Expr SetGroup(ParseTree tree) => tree.Find("set_atom") is { } atom ? SetAtom(atom)
        : SetMinus(tree.Find("minus_expr")!);

    private Expr SetAtom(ParseTree tree)
    {
        ParseTree child = tree.Children[0];
        return child.Rule switch
        {
            "interval" => Interval(child),
            "literal_set" => LiteralSet(child),
            "ordered_tuple" => OrderedTuple(child),
            _ => FiniteSet(child),
        };
    }

    private Expr Interval(ParseTree tree)
    {
        bool leftOpen = tree.Has(TokenKind.LeftParen) || tree.Has(TokenKind.LeftGroup)
            || tree.Has(TokenKind.LeftParenVisual);
        bool rightOpen = tree.Has(TokenKind.RightParen) || tree.Has(TokenKind.RightGroup)
            || tree.Has(TokenKind.RightParenVisual);
        Expr left = Expression(tree.Find("expr")!);
        Expr right = Expression(tree.Find("expr", 1)!);

        // What would be an empty interval is taken as a pair.
        int? order = leftOpen == rightOpen ? SetMath.Compare(right, left, budget) : null;
        return order < 0 || (leftOpen && order == 0)
            ? new TupleExpr(left, right)
            : SetMath.Interval(left, right, leftOpen, rightOpen, budget);
    }

    private Expr OrderedTuple(ParseTree tree)
    {
        List<List<Expr>> groups = SemicolonElements(tree.Find("semicolon_elements")!);
        List<Expr> items = [];
        groups.ForEach(items.AddRange);
        return items.Count == 1 ? items[0] : new TupleExpr([.. items]);
    }

    private Expr FiniteSet(ParseTree tree)
    {
        List<List<Expr>> groups = SemicolonElements(tree.Find("semicolon_elements")!);
        if (tree.Has(TokenKind.Boxed))
        {
            return SetOrTuple(groups);
        }

        List<Expr> items = [];
        groups.ForEach(items.AddRange);
        return new FiniteSetExpr(items);
    }

    private static NamedSetExpr LiteralSet(ParseTree tree)
    {
        return tree.Children[0].Token.Kind switch
        {
            TokenKind.Naturals => new NamedSetExpr(NamedSetKind.Naturals),
            TokenKind.Integers => new NamedSetExpr(NamedSetKind.Integers),
            TokenKind.Rationals => new NamedSetExpr(NamedSetKind.Rationals),
            TokenKind.Reals => new NamedSetExpr(NamedSetKind.Reals),
            TokenKind.Complexes => new NamedSetExpr(NamedSetKind.Complexes),
            TokenKind.EmptySet or TokenKind.LeftBrace => NamedSetExpr.Empty,
            _ => throw new LatexException("the set of primes is not understood"),
        };
    }

    private static Expr SetOrTuple(List<List<Expr>> groups)
    {
        if (groups.Count == 1)
        {
            return groups[0].Count == 1 ? groups[0][0] : new FiniteSetExpr(groups[0]);
        }

        List<Expr> items = [];
        bool single = groups.TrueForAll(g => g.Count == 1);
        foreach (List<Expr> group in groups)
        {
            items.Add(single ? group[0] : new TupleExpr([.. group]));
        }

        return new FiniteSetExpr(items);
    }

    private List<List<Expr>> SemicolonElements(ParseTree tree)
    {
        List<List<Expr>> groups = [];
        foreach (ParseTree group in tree.Children)
        {
            if (group.Rule is not null)
            {
                groups.Add(CommaElements(group));
            }
        }

        return groups;
    }

    private List<Expr> CommaElements(ParseTree tree)
    {
        List<Expr> items = [];
        foreach (ParseTree element in tree.Children)
        {
            if (element.Rule is not null)
            {
                AddElement(element.Children[0], items);
            }
        }

        return items;
    }

    private void AddElement(ParseTree element, List<Expr> items)
    {
        switch (element.Rule)
        {
            case "plus_minus_expr" when element.Find("expr", 1) is { } second:
                Expr left = Expression(element.Find("expr")!);
                Expr right = Expression(second);
                items.Add(new ApplyExpr(Heads.Add, left, right));
                items.Add(new ApplyExpr(Heads.Add, left, UnaryMinus(right)));
                break;
            case "plus_minus_expr":
                Expr value = Expression(element.Find("expr")!);
                items.Add(UnaryMinus(value));
                items.Add(value);
                break;
            case "set_atom":
                items.Add(SetAtom(element));
                break;
            case "relation":
                items.Add(Relation(element));
                break;
            default:
                items.Add(Expression(element));
                break;
        }
    }

    private static Expr UnaryMinus(Expr value) =>
        value is NumberExpr number ? new NumberExpr(-number.Value) : Build.Mul(NumberExpr.MinusOne, value);

    private Expr Relation(ParseTree tree)
    {
        Expr left = Expression(tree.Children[0]);
        for (int i = 1; i + 1 < tree.Children.Length; i += 2)
        {
            Expr right = Expression(tree.Children[i + 1]);
            TokenKind operation = tree.Children[i].Token.Kind;
            if (operation == TokenKind.Approximately)
            {
                left = Symbols.IsOnlySymbols(left) ? right : left;
                continue;
            }

            RelationKind kind = operation switch
            {
                TokenKind.Assignment or TokenKind.Equal => RelationKind.Equal,
                TokenKind.Less => RelationKind.Less,
                TokenKind.LessOrEqual => RelationKind.LessOrEqual,
                TokenKind.Greater => RelationKind.Greater,
                TokenKind.GreaterOrEqual => RelationKind.GreaterOrEqual,
                TokenKind.Unequal => RelationKind.Unequal,
                _ => throw new LatexException("membership is not understood inside a longer relation"),
            };
            left = left switch
            {
                ChainExpr chain =>
                    new ChainExpr([.. chain.Links, new RelationExpr(kind, chain.Links[^1].Right, right)]),
                RelationExpr relation => Chain(relation, new RelationExpr(kind, relation.Right, right)),
                _ => new RelationExpr(kind, left, right),
            };
        }

        return left;
    }

    // a = b = a collapses to one relation, which the reference does not take for a chain.
    private static ChainExpr Chain(RelationExpr first, RelationExpr second)
    {
        bool same = first == second
            || (first.Flipped == second.Kind && first.Left == second.Right && first.Right == second.Left);
        return same ? throw new LatexException("a chain that says the same thing twice")
            : new ChainExpr([first, second]);
    }
}
