using System;
using System.Collections.Generic;
using System.Linq;

namespace Tbrm.Verify.Algebra;

/// <summary>The set of real numbers that satisfies a relation in one variable.</summary>
internal static class RelationSets
{
    /// <summary>
    /// The solution set; null when the relation is not one of polynomials of degree one or two (with absolute values) in a single
    /// variable. A function f(x) that is not known counts as a variable.
    /// </summary>
    public static Expr? AsSet(Expr relation, Budget budget) => AsSetOfVariable(Rewrite.Map(relation, AsVariable, budget), budget);

    private static Expr AsVariable(Expr part) => part is ApplyExpr apply && apply.Head.StartsWith(Heads.Undefined, StringComparison.Ordinal)
        ? new SymbolExpr(apply.Head, true)
        : part;

    private static Expr? AsSetOfVariable(Expr relation, Budget budget)
    {
        if (FindAbs(relation) is { } abs)
        {
            return SplitAbs(relation, abs, budget);
        }

        if (relation is ChainExpr chain)
        {
            Expr[] parts = new Expr[chain.Links.Count];
            for (int i = 0; i < parts.Length; i++)
            {
                if (AsSetOfVariable(chain.Links[i], budget) is not SetExpr part)
                {
                    return null;
                }

                parts[i] = part;
            }

            return Simplified(new SetOperationExpr(SetOperation.Intersection, parts), budget);
        }

        List<SymbolExpr> symbols = Rewrite.SymbolsOf(relation);
        if (relation is not RelationExpr single || symbols.Count != 1)
        {
            return null;
        }

        Expr difference = Build.Subtract(single.Left, single.Right);
        return Polynomial.Coefficients(difference, symbols[0], 2, budget) is { } coefficients ? Solve(single.Kind, coefficients, budget) : null;
    }

    private static Expr? FindAbs(Expr value)
    {
        foreach (Expr argument in value.Arguments)
        {
            if (FindAbs(argument) is { } inner)
            {
                return inner;
            }
        }

        return value is ApplyExpr { Head: Heads.Abs } && Rewrite.SymbolsOf(value).Count > 0 ? value : null;
    }

    /// <summary>|u| is u where u is at least 0, and -u where it is less.</summary>
    private static SetOperationExpr? SplitAbs(Expr relation, Expr abs, Budget budget)
    {
        Expr inside = abs.Arguments[0];
        Expr? positive = AsSetOfVariable(Rewrite.Substitute(relation, abs, inside, budget), budget);
        Expr? negative = AsSetOfVariable(Rewrite.Substitute(relation, abs, Build.Negate(inside), budget), budget);
        Expr? right = AsSetOfVariable(new RelationExpr(RelationKind.GreaterOrEqual, inside, NumberExpr.Zero), budget);
        Expr? left = AsSetOfVariable(new RelationExpr(RelationKind.Less, inside, NumberExpr.Zero), budget);
        return positive is null || negative is null || right is null || left is null ? null : new SetOperationExpr(
            SetOperation.Union, new SetOperationExpr(SetOperation.Intersection, positive, right), new SetOperationExpr(SetOperation.Intersection, negative, left));
    }

    private static SetExpr? Solve(RelationKind kind, Expr[] coefficients, Budget budget)
    {
        int?[] signs = [.. coefficients.Select(c => ZeroTest.SignOf(c, budget))];
        if (signs.Contains(null))
        {
            return null;
        }

        Expr[] roots = Roots(coefficients, signs, budget);

        // Signs of the polynomial from left to right: outside left, between the roots, outside right.
        int leading = signs[2] != 0 ? signs[2]!.Value : signs[1] != 0 ? signs[1]!.Value : signs[0]!.Value;
        int left = signs[2] == 0 && signs[1] != 0 ? -leading : leading;
        int middle = roots.Length == 2 ? -leading : 0;
        List<Expr> pieces = [];
        Expr start = ConstantExpr.NegativeInfinity;
        int[] pieceSigns = roots.Length switch { 0 => [leading], 1 => [left, leading], _ => [left, middle, leading] };
        for (int i = 0; i < pieceSigns.Length; i++)
        {
            Expr end = i < roots.Length ? roots[i] : ConstantExpr.Infinity;
            if (Holds(kind, pieceSigns[i]))
            {
                pieces.Add(new IntervalExpr(start, end, true, true));
            }

            if (i < roots.Length && Holds(kind, 0))
            {
                pieces.Add(new FiniteSetExpr([end]));
            }

            start = end;
        }

        if (roots.Length == 0 && signs.All(s => s == 0))
        {
            pieces = Holds(kind, 0) ? [new NamedSetExpr(NamedSetKind.Reals)] : [];
        }

        return Joined(pieces);
    }

    private static bool Holds(RelationKind kind, int sign) => kind switch
    {
        RelationKind.Equal => sign == 0,
        RelationKind.Unequal => sign != 0,
        RelationKind.Less => sign < 0,
        RelationKind.LessOrEqual => sign <= 0,
        RelationKind.Greater => sign > 0,
        _ => sign >= 0,
    };

    /// <summary>The real roots in ascending order.</summary>
    private static Expr[] Roots(Expr[] coefficients, int?[] signs, Budget budget)
    {
        (Expr c, Expr b, Expr a) = (coefficients[0], coefficients[1], coefficients[2]);
        if (signs[2] == 0)
        {
            return signs[1] == 0 ? [] : [Build.Negate(Build.Divide(c, b))];
        }

        Expr discriminant = Build.Subtract(Build.Pow(b, Build.Integer(2)), Build.FlatMul(Build.Integer(4), Build.FlatMul(a, c)));
        int sign = ZeroTest.SignOf(discriminant, budget) ?? -1;
        if (sign < 0)
        {
            return [];
        }

        Expr twice = Build.FlatMul(Build.Integer(2), a);
        Expr middle = Build.Divide(Build.Negate(b), twice);
        if (sign == 0)
        {
            return [middle];
        }

        Expr half = Build.Divide(Build.Pow(discriminant, NumberExpr.Half), new ApplyExpr(Heads.Abs, twice));
        return [Build.Subtract(middle, half), Build.FlatAdd(middle, half)];
    }

    /// <summary>Merges the pieces that touch into intervals.</summary>
    private static SetExpr Joined(List<Expr> pieces)
    {
        List<Expr> merged = [];
        foreach (Expr piece in pieces)
        {
            Expr? last = merged.Count > 0 ? merged[^1] : null;
            switch (last, piece)
            {
                case (IntervalExpr interval, FiniteSetExpr point) when ReferenceEquals(interval.End, point.Elements[0]):
                    merged[^1] = new IntervalExpr(interval.Start, interval.End, interval.LeftOpen, false);
                    break;
                case (FiniteSetExpr point, IntervalExpr interval) when ReferenceEquals(interval.Start, point.Elements[0]):
                    merged[^1] = new IntervalExpr(interval.Start, interval.End, false, interval.RightOpen);
                    break;
                case (IntervalExpr { RightOpen: false } before, IntervalExpr after) when ReferenceEquals(before.End, after.Start):
                    merged[^1] = new IntervalExpr(before.Start, after.End, before.LeftOpen, after.RightOpen);
                    break;
                default:
                    merged.Add(piece);
                    break;
            }
        }

        return merged.Count switch
        {
            0 => NamedSetExpr.Empty,
            1 => (SetExpr)merged[0],
            _ => new SetOperationExpr(SetOperation.Union, [.. merged]),
        };
    }

    /// <summary>An intersection of intervals as one interval, where it is one.</summary>
    private static Expr Simplified(SetOperationExpr intersection, Budget budget)
    {
        Expr result = intersection.Arguments[0];
        foreach (Expr next in intersection.Arguments.Skip(1))
        {
            if (result is not IntervalExpr a || next is not IntervalExpr b
                || SetMath.Compare(a.Start, b.Start, budget) is not { } starts || SetMath.Compare(a.End, b.End, budget) is not { } ends)
            {
                return intersection;
            }

            bool leftOpen = starts == 0 ? a.LeftOpen || b.LeftOpen : starts > 0 ? a.LeftOpen : b.LeftOpen;
            bool rightOpen = ends == 0 ? a.RightOpen || b.RightOpen : ends < 0 ? a.RightOpen : b.RightOpen;
            result = SetMath.Interval(starts >= 0 ? a.Start : b.Start, ends <= 0 ? a.End : b.End, leftOpen, rightOpen, budget);
        }

        return result;
    }
}
