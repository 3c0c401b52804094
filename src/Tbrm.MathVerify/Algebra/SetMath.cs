using System;
using System.Collections.Generic;
using System.Linq;

namespace Tbrm.MathVerify.Algebra;

/// <summary>Sets on the real line: comparison of ends, equality and inclusion of unions of intervals and
/// points.</summary>
internal static class SetMath
{
    /// <summary>The order of two real numbers or infinities; null when it cannot be told.</summary>
    public static int? Compare(Expr a, Expr b, Budget budget)
    {
        if (a == b)
        {
            return 0;
        }

        int left = InfinitySign(a);
        int right = InfinitySign(b);
        if (left != 0 || right != 0)
        {
            return left.CompareTo(right);
        }

        return a is SetExpr or TupleExpr or RelationExpr or ChainExpr
            || b is SetExpr or TupleExpr or RelationExpr or ChainExpr
            ? null
            : ZeroTest.SignOf(Build.Subtract(a, b), budget);
    }

    /// <summary>An interval, or what is left of it: the empty set, a single point; infinite ends are open.</summary>
    public static Expr Interval(Expr start, Expr end, bool leftOpen, bool rightOpen, Budget budget)
    {
        int? order = Compare(end, start, budget);
        if (order < 0 || InfinitySign(start) > 0 || InfinitySign(end) < 0 || (order == 0 && (leftOpen || rightOpen)))
        {
            return NamedSetExpr.Empty;
        }

        if (order == 0)
        {
            return new FiniteSetExpr([start]);
        }

        return new IntervalExpr(start, end, leftOpen || InfinitySign(start) < 0, rightOpen || InfinitySign(end) > 0);
    }

    /// <summary>Whether two sets hold the same numbers; null when it cannot be told.</summary>
    public static bool? SameSet(SetExpr a, SetExpr b, Budget budget)
    {
        if (a == b)
        {
            return true;
        }

        return Members(a, b, budget) is { } members ? members.All(m => m.First == m.Second) : null;
    }

    /// <summary>Whether every member of one set is a member of the other; null when it cannot be told.</summary>
    public static bool? IsSubset(SetExpr inner, SetExpr outer, Budget budget)
    {
        if (inner == outer || inner is NamedSetExpr { Kind: NamedSetKind.Empty })
        {
            return true;
        }

        if (inner is NamedSetExpr { Kind: { } small } && outer is NamedSetExpr { Kind: { } large })
        {
            return small <= large && large != NamedSetKind.Empty;
        }

        return Members(inner, outer, budget) is { } members ? members.All(m => !m.First || m.Second) : null;
    }

    /// <summary>The set as a union of points and intervals that do not touch; null when it is none.</summary>
    public static SetExpr? Canonical(SetExpr set, Budget budget)
    {
        List<Expr> points = [];
        if (!CollectPoints(set, points, budget))
        {
            return null;
        }

        List<Expr> pieces = [];
        Expr? start = null;
        bool startOpen = false;
        for (int place = 0; place <= 2 * points.Count; place++)
        {
            bool inside = Contains(set, points, place, budget);
            if (place % 2 == 0)
            {
                if (inside && start is null)
                {
                    (start, startOpen) = (place == 0 ? ConstantExpr.NegativeInfinity : points[place / 2 - 1], true);
                }

                continue;
            }

            Expr point = points[place / 2];
            bool goesOn = Contains(set, points, place + 1, budget);
            if (start is not null && !(inside && goesOn))
            {
                pieces.Add(new IntervalExpr(start, point, startOpen, !inside));
                start = null;
            }
            else if (start is null && inside && goesOn)
            {
                (start, startOpen) = (point, false);
            }
            else if (start is null && inside)
            {
                pieces.Add(new FiniteSetExpr([point]));
            }
        }

        if (start is not null)
        {
            pieces.Add(new IntervalExpr(start, ConstantExpr.Infinity, startOpen, true));
        }

        return Union(pieces);
    }

    private static SetExpr Union(List<Expr> pieces)
    {
        if (pieces.Count > 0 && pieces.TrueForAll(p => p is FiniteSetExpr))
        {
            return new FiniteSetExpr(pieces.SelectMany(p => p.Arguments));
        }

        return pieces.Count switch
        {
            0 => NamedSetExpr.Empty,
            1 => (SetExpr)pieces[0],
            _ => new SetOperationExpr(SetOperation.Union, [.. pieces]),
        };
    }

    public static int InfinitySign(Expr value) => value switch
    {
        ConstantExpr { Kind: ConstantKind.Infinity } => 1,
        ConstantExpr { Kind: ConstantKind.NegativeInfinity } => -1,
        ApplyExpr
        {
            Head: Heads.Mul,
            Arguments: [NumberExpr { Value.Sign: not 0 } factor, ConstantExpr { Kind: ConstantKind.Infinity }]
        } =>
            factor.Value.Sign,
        _ => 0,
    };

    /// <summary>Membership of both sets at every point where one of them can change, in every gap between two of these,
    /// and at the infinities.</summary>
    private static List<(bool First, bool Second)>? Members(SetExpr a, SetExpr b, Budget budget)
    {
        List<Expr> points = [];
        if (!CollectPoints(a, points, budget) || !CollectPoints(b, points, budget))
        {
            return null;
        }

        List<(bool First, bool Second)> members = [];
        for (int place = -1; place <= 2 * points.Count + 1; place++)
        {
            members.Add((Contains(a, points, place, budget), Contains(b, points, place, budget)));
        }

        return members;
    }

    /// <summary>Inserts the set's ends and elements into a sorted list; false when one of them is no real
    /// number.</summary>
    private static bool CollectPoints(Expr set, List<Expr> points, Budget budget)
    {
        switch (set)
        {
            case NamedSetExpr named:
                return named.Kind is NamedSetKind.Empty or NamedSetKind.Reals;
            case SetOperationExpr operation:
                return operation.Arguments.All(part => CollectPoints(part, points, budget));
            case IntervalExpr or FiniteSetExpr:
                return set.Arguments.All(point => InfinitySign(point) != 0 || Insert(point, points, budget));
            default:
                return false;
        }
    }

    /// <summary>Inserts a point into a sorted list unless it is there; false when its place cannot be told.</summary>
    public static bool Insert(Expr point, List<Expr> points, Budget budget)
    {
        if (Compare(point, point is SymbolExpr ? NumberExpr.Zero : point, budget) is null)
        {
            return false;
        }

        int at = 0;
        while (at < points.Count)
        {
            budget.Spend();
            int? order = Compare(point, points[at], budget);
            if (order is null)
            {
                return false;
            }

            if (order <= 0)
            {
                break;
            }

            at++;
        }

        if (at == points.Count || Compare(point, points[at], budget) != 0)
        {
            points.Insert(at, point);
        }

        return true;
    }

    // Places 1, 3, 5, ... are the points in order, places 0, 2, 4, ... the gaps around them; before and after all of
    // these lie the infinities.
    private static bool Contains(Expr set, List<Expr> points, int place, Budget budget)
    {
        budget.Descend();
        switch (set)
        {
            case NamedSetExpr named:
                return named.Kind == NamedSetKind.Reals && place >= 0 && place <= 2 * points.Count;
            case FiniteSetExpr finite:
                return finite.Elements.Any(element => PlaceOf(element, points, budget) == place);
            case IntervalExpr interval:
                int start = PlaceOf(interval.Start, points, budget);
                int end = PlaceOf(interval.End, points, budget);
                return (place > start || (place == start && !interval.LeftOpen))
                    && (place < end || (place == end && !interval.RightOpen));
            case SetOperationExpr operation:
                bool[] parts = [.. operation.Arguments.Select(part => Contains(part, points, place, budget))];
                return operation.Operation switch
                {
                    SetOperation.Union => parts.Contains(true),
                    SetOperation.Intersection => !parts.Contains(false),
                    _ => parts[0] && !parts[1],
                };
            default:
                throw new InvalidOperationException("the set was checked before");
        }
    }

    private static int PlaceOf(Expr point, List<Expr> points, Budget budget)
    {
        budget.Spend(1 + points.Count / 4);
        int infinity = InfinitySign(point);
        return infinity != 0
            ? infinity > 0 ? 2 * points.Count + 1 : -1
            : 2 * points.FindIndex(p => Compare(p, point, budget) == 0) + 1;
    }
}
