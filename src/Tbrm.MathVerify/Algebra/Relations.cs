using System;
using System.Collections.Generic;

namespace Tbrm.MathVerify.Algebra;

/// <summary>How the two sides of a relation compare.</summary>
internal enum RelationKind
{
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// <summary>left kind right, as written.</summary>
internal sealed class RelationExpr(RelationKind kind, Expr left, Expr right) : Expr
{
    public RelationKind Kind { get; } = kind;

    public Expr Left { get; } = left;

    public Expr Right { get; } = right;

    public override IReadOnlyList<Expr> Arguments { get; } = [left, right];

    /// <summary>The kind that says the same with the sides exchanged; null for "unequal", which the reference does not
    /// flip.</summary>
    public RelationKind? Flipped => Kind switch
    {
        RelationKind.Equal => RelationKind.Equal,
        RelationKind.Less => RelationKind.Greater,
        RelationKind.LessOrEqual => RelationKind.GreaterOrEqual,
        RelationKind.Greater => RelationKind.Less,
        RelationKind.GreaterOrEqual => RelationKind.LessOrEqual,
        _ => null,
    };

    protected override bool EqualsCore(Expr other)
    {
        RelationExpr relation = (RelationExpr)other;
        return Kind == relation.Kind && Left.Equals(relation.Left) && Right.Equals(relation.Right);
    }

    protected override int HashCore() => HashItems((int)Kind + 100, Arguments);
}

/// <summary>A chain a &lt; b &lt; c, or a = b = c, as its single relations in written order.</summary>
internal sealed class ChainExpr(RelationExpr[] links) : Expr
{
    public IReadOnlyList<RelationExpr> Links { get; } = Paid(links);

    public override IReadOnlyList<Expr> Arguments { get; } = links;

    // The links are the arguments of an "and": equal in any order.
    protected override bool EqualsCore(Expr other)
    {
        Budget.Charge(2 * Links.Count);
        return new HashSet<Expr>(Links).SetEquals(((ChainExpr)other).Links);
    }

    private static RelationExpr[] Paid(RelationExpr[] links)
    {
        Budget.Charge(links.Length / 8);
        return links;
    }

    protected override int HashCore()
    {
        int hash = 3;
        foreach (Expr link in new HashSet<Expr>(Links))
        {
            hash ^= link.GetHashCode();
        }

        return hash;
    }
}

/// <summary>A set of numbers or of anything else.</summary>
internal abstract class SetExpr : Expr;

/// <summary>{a, b, c}: without repetitions, but with the written order kept beside.</summary>
internal sealed class FiniteSetExpr : SetExpr
{
    public FiniteSetExpr(IEnumerable<Expr> written)
    {
        Written = [.. written];
        Budget.Charge(Written.Count);
        List<Expr> distinct = [];
        HashSet<Expr> seen = [];
        foreach (Expr element in Written)
        {
            if (seen.Add(element))
            {
                distinct.Add(element);
            }
        }

        Elements = distinct;
    }

    /// <summary>The elements as written, repetitions included.</summary>
    public IReadOnlyList<Expr> Written { get; }

    public IReadOnlyList<Expr> Elements { get; }

    public override IReadOnlyList<Expr> Arguments => Elements;

    protected override bool EqualsCore(Expr other)
    {
        Budget.Charge(2 * Elements.Count);
        return new HashSet<Expr>(Elements).SetEquals(((FiniteSetExpr)other).Elements);
    }

    protected override int HashCore()
    {
        int hash = 5;
        foreach (Expr element in Elements)
        {
            hash ^= element.GetHashCode();
        }

        return hash;
    }
}

/// <summary>(a, b, c): ordered.</summary>
internal sealed class TupleExpr(params Expr[] items) : Expr
{
    public override IReadOnlyList<Expr> Arguments { get; } = items;

    protected override bool EqualsCore(Expr other) => SameItems(Arguments, other.Arguments);

    protected override int HashCore() => HashItems(7, Arguments);
}

/// <summary>All reals between two ends.</summary>
internal sealed class IntervalExpr(Expr start, Expr end, bool leftOpen, bool rightOpen) : SetExpr
{
    public Expr Start { get; } = start;

    public Expr End { get; } = end;

    public bool LeftOpen { get; } = leftOpen;

    public bool RightOpen { get; } = rightOpen;

    public bool IsOpen => LeftOpen && RightOpen;

    public override IReadOnlyList<Expr> Arguments { get; } = [start, end];

    protected override bool EqualsCore(Expr other)
    {
        IntervalExpr interval = (IntervalExpr)other;
        return LeftOpen == interval.LeftOpen && RightOpen == interval.RightOpen
            && SameItems(Arguments, interval.Arguments);
    }

    protected override int HashCore() => HashItems(HashCode.Combine(LeftOpen, RightOpen), Arguments);
}

/// <summary>Sets with a name.</summary>
internal enum NamedSetKind
{
    Empty,
    Naturals,
    Integers,
    Rationals,
    Reals,
    Complexes,
}

/// <summary>One of the <see cref="NamedSetKind"/>.</summary>
internal sealed class NamedSetExpr(NamedSetKind kind) : SetExpr
{
    public static readonly NamedSetExpr Empty = new(NamedSetKind.Empty);

    public NamedSetKind Kind { get; } = kind;

    protected override bool EqualsCore(Expr other) => Kind == ((NamedSetExpr)other).Kind;

    protected override int HashCore() => HashCode.Combine(11, Kind);
}

/// <summary>How a <see cref="SetOperationExpr"/> joins its parts.</summary>
internal enum SetOperation
{
    Union,
    Intersection,
    Complement,
}

/// <summary>A union, an intersection or a difference of two or more sets, as written.</summary>
internal sealed class SetOperationExpr(SetOperation operation, params Expr[] parts) : SetExpr
{
    public SetOperation Operation { get; } = operation;

    public override IReadOnlyList<Expr> Arguments { get; } = parts;

    protected override bool EqualsCore(Expr other) =>
        Operation == ((SetOperationExpr)other).Operation && SameItems(Arguments, other.Arguments);

    protected override int HashCore() => HashItems((int)Operation + 200, Arguments);
}
