using System;
using System.Collections.Generic;
using System.Linq;

namespace Tbrm.MathVerify.Algebra;

/// <summary>The set of real numbers that satisfies a relation in one variable.</summary>
internal static class RelationSets
{
    private const int SampleBits = 128;

    /// <summary>
    /// The solution set; null when the relation is not one of rational functions (with absolute values) in a single
    /// variable
    /// whose zeros and poles are roots of degree two or less. A function f(x) that is not known counts as a variable.
    /// </summary>
    public static Expr? AsSet(Expr relation, Budget budget)
    {
        Expr plain = Rewrite.Map(relation, AsVariable, budget);
        return AsSetOfVariable(plain, budget) is { } set ? SetMath.Canonical(set, budget) : null;
    }

    private static Expr AsVariable(Expr part) => part is ApplyExpr apply
        && apply.Head.StartsWith(Heads.Undefined, StringComparison.Ordinal)
        ? new SymbolExpr(apply.Head, true)
        : part;

    private static SetExpr? AsSetOfVariable(Expr relation, Budget budget)
    {
        budget.Descend();
        if (FindAbs(relation) is { } abs)
        {
            return SplitAbs(relation, abs, budget);
        }

        if (relation is ChainExpr chain)
        {
            SetExpr?[] parts = [.. chain.Links.Select(link => AsSetOfVariable(link, budget))];
            return parts.Contains(null) ? null : new SetOperationExpr(SetOperation.Intersection, [.. parts!]);
        }

        List<SymbolExpr> symbols = Rewrite.SymbolsOf(relation);
        return relation is RelationExpr single && symbols.Count == 1 ? Solve(single, symbols[0], budget) : null;
    }

    private static Expr? FindAbs(Expr value)
    {
        System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
        Budget.Charge(1);
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
        SetExpr? positive = AsSetOfVariable(Rewrite.Substitute(relation, abs, inside, budget), budget);
        SetExpr? negative = AsSetOfVariable(Rewrite.Substitute(relation, abs, Build.Negate(inside), budget), budget);
        SetExpr? right = AsSetOfVariable(
            new RelationExpr(RelationKind.GreaterOrEqual, inside, NumberExpr.Zero), budget);
        SetExpr? left = AsSetOfVariable(new RelationExpr(RelationKind.Less, inside, NumberExpr.Zero), budget);
        return positive is null || negative is null || right is null || left is null ? null : new SetOperationExpr(
            SetOperation.Union, new SetOperationExpr(SetOperation.Intersection, positive, right),
                new SetOperationExpr(SetOperation.Intersection, negative, left));
    }

    private static SetExpr? Solve(RelationExpr relation, SymbolExpr variable, Budget budget)
    {
        if (RationalForm.Of(Build.Subtract(relation.Left, relation.Right), variable, budget) is not { } form
            || Roots(form.Numerator, budget) is not { } zeros || Roots(form.Denominator, budget) is not { } poles)
        {
            return null;
        }

        List<Expr> points = [];
        foreach (Expr point in poles.Concat(zeros))
        {
            if (!SetMath.Insert(point, points, budget))
            {
                return null;
            }
        }

        List<Expr> pieces = [];
        for (int i = 0; i <= points.Count; i++)
        {
            Expr start = i == 0 ? ConstantExpr.NegativeInfinity : points[i - 1];
            Expr end = i == points.Count ? ConstantExpr.Infinity : points[i];
            if (Sample(start, end, budget) is not { } sample
                || Holds(relation, Rewrite.Substitute(relation, variable, sample, budget), budget) is not { } holds)
            {
                return null;
            }

            if (holds)
            {
                pieces.Add(new IntervalExpr(start, end, true, true));
            }

            // The list holds poles where a zero coincides with one: they were inserted first.
            if (i < points.Count && !poles.Contains(points[i]) && Holds(relation.Kind, 0))
            {
                pieces.Add(new FiniteSetExpr([points[i]]));
            }
        }

        return points.Count == 0 && pieces.Count > 0 && IsEvidentlyTrue(form) ? null
            : pieces.Count == 0 ? NamedSetExpr.Empty
            : new SetOperationExpr(SetOperation.Union, [.. pieces]);
    }

    /// <summary>x^2 + 1 > 0 says nothing; the reference does not turn it into a set of numbers.</summary>
    private static bool IsEvidentlyTrue(RationalForm form) =>
        form.Numerator.Length == 3 && form.Denominator.Length == 1
            && form.Numerator[1] is NumberExpr { Value.IsZero: true };

    private static NumberExpr? Sample(Expr start, Expr end, Budget budget)
    {
        BigRational? low = SetMath.InfinitySign(start) != 0 ? null : Value(start, budget);
        BigRational? high = SetMath.InfinitySign(end) != 0 ? null : Value(end, budget);
        return (low, high) switch
        {
            ({ } a, { } b) => new NumberExpr((a + b) / 2),
            ({ } a, null) => new NumberExpr(a + 1),
            (null, { } b) => new NumberExpr(b - 1),
            _ => NumberExpr.One,
        };
    }

    private static BigRational? Value(Expr point, Budget budget) =>
        IntegerFunctions.TryExact(point, budget)
            ?? ZeroTest.TryEvaluate(point, SampleBits, budget)?.Value.Re.ToRational();

    private static bool? Holds(RelationExpr relation, Expr atSample, Budget budget) =>
        SetMath.Compare(((RelationExpr)atSample).Left, ((RelationExpr)atSample).Right, budget) is { } sign
            ? Holds(relation.Kind, sign) : null;

    private static bool Holds(RelationKind kind, int sign) => kind switch
    {
        RelationKind.Equal => sign == 0,
        RelationKind.Unequal => sign != 0,
        RelationKind.Less => sign < 0,
        RelationKind.LessOrEqual => sign <= 0,
        RelationKind.Greater => sign > 0,
        _ => sign >= 0,
    };

    /// <summary>The real roots; null when the degree, powers of the variable apart, is above two.</summary>
    private static Expr[]? Roots(Expr[] coefficients, Budget budget)
    {
        int?[] signs = [.. coefficients.Select(c => ZeroTest.SignOf(c, budget))];
        int low = Array.FindIndex(signs, s => s != 0);
        int high = Array.FindLastIndex(signs, s => s != 0);
        if (signs.Contains(null) || low < 0 || high - low > 2)
        {
            return null;
        }

        IEnumerable<Expr> atZero = low > 0 ? [NumberExpr.Zero] : [];
        return (high - low) switch
        {
            0 => [.. atZero],
            1 => [.. atZero, Build.Negate(Build.Divide(coefficients[low], coefficients[high]))],
            _ => [.. atZero, .. Quadratic(coefficients[low], coefficients[low + 1], coefficients[high], budget)],
        };
    }

    private static Expr[] Quadratic(Expr c, Expr b, Expr a, Budget budget)
    {
        Expr discriminant = Build.Subtract(
            Build.Pow(b, Build.Integer(2)), Build.FlatMul(Build.Integer(4), Build.FlatMul(a, c)));
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
}
