using System;
using System.Collections.Generic;
using System.Numerics;

namespace Tbrm.MathVerify.Algebra;

/// <summary>
/// Decides whether two expressions are equal: exactly where they are fractions, otherwise by evaluation with error
/// bounds at
/// several points. "Different" is proved by one point; "equal" holds with the confidence of 100 digits at every point.
/// </summary>
internal static class ZeroTest
{
    private const int FirstBits = 128;
    private const int LastBits = 400;
    private const int ZeroBits = 150;
    private const int MaxScale = 20_000;
    private const int PointsNeeded = 6;
    private const int PointsTried = 18;

    private enum Finding
    {
        Zero,
        NotZero,
        Unknown,
    }

    /// <summary>Whether two numeric expressions, possibly with variables, are equal; false also when it cannot be
    /// told.</summary>
    public static bool AreEqual(Expr a, Expr b, Budget budget)
    {
        if (a == b)
        {
            return true;
        }

        if (IntegerFunctions.TryExact(a, budget) is { } left && IntegerFunctions.TryExact(b, budget) is { } right)
        {
            return left == right;
        }

        Expr both = new TupleExpr(a, b);
        List<SymbolExpr> symbols = Rewrite.SymbolsOf(both);
        if (symbols.Count == 0)
        {
            return At(a, b, null, budget) == Finding.Zero;
        }

        bool integers = NeedsIntegers(both);
        int zeros = 0;
        for (int i = 0; i < PointsTried && zeros < PointsNeeded; i++)
        {
            switch (At(a, b, Point(symbols, i, integers), budget))
            {
                case Finding.Zero:
                    zeros++;
                    break;
                case Finding.NotZero:
                    return false;
            }
        }

        return zeros >= PointsNeeded;
    }

    /// <summary>The sign of a real expression that does not depend on its variables; null when there is none.</summary>
    public static int? SignOf(Expr value, Budget budget)
    {
        if (IntegerFunctions.TryExact(value, budget) is { } exact)
        {
            return exact.Sign;
        }

        List<SymbolExpr> symbols = Rewrite.SymbolsOf(value);
        Expr? constant = null;
        for (int i = 0; i < (symbols.Count == 0 ? 1 : 3); i++)
        {
            // A value that is the same everywhere has the same sign everywhere.
            if (TryEvaluate(value, Point(symbols, i, false), LastBits, budget) is not { IsReal: true } ball)
            {
                return null;
            }

            Expr here = new NumberExpr(ball.Value.Re.Round(FirstBits).ToRational());
            if (ball.ExcludesZero && ball.RelativeError < -FirstBits - 8)
            {
                constant ??= here;
                if (constant != here)
                {
                    return null;
                }
            }
            else if (ball.ExcludesZero || ball.ErrorBits > -ZeroBits)
            {
                return null;
            }
            else
            {
                constant ??= NumberExpr.Zero;
                if (constant != NumberExpr.Zero)
                {
                    return null;
                }
            }
        }

        return ((NumberExpr)constant!).Value.Sign;
    }

    /// <summary>The value of an expression without variables at a precision; null when it has none.</summary>
    public static Ball? TryEvaluate(Expr value, int bits, Budget budget) => TryEvaluate(value, null, bits, budget);

    private static Ball? TryEvaluate(Expr value, Dictionary<SymbolExpr, BigComplex>? point, int bits, Budget budget)
    {
        try
        {
            return new NumericEvaluator(bits, budget, point).Evaluate(value);
        }
        catch (NotComputableException)
        {
            return null;
        }
    }

    private static Finding At(Expr a, Expr b, Dictionary<SymbolExpr, BigComplex>? point, Budget budget)
    {
        // A constant has to agree absolutely; at a random point agreement in all leading digits is no accident.
        int bits = FirstBits;
        while (TryEvaluate(a, point, bits, budget) is { } left && TryEvaluate(b, point, bits, budget) is { } right)
        {
            Ball difference = new BallMath(bits, budget).Subtract(left, right);
            if (difference.ExcludesZero)
            {
                return Finding.NotZero;
            }

            long scale = Math.Max(0, Math.Max(left.Value.Magnitude, right.Value.Magnitude));
            if (bits >= LastBits && difference.ErrorBits <= (point is null ? 0 : scale) - ZeroBits)
            {
                return Finding.Zero;
            }

            if (bits >= LastBits && (point is not null || bits > LastBits || scale > MaxScale))
            {
                return Finding.Unknown;
            }

            bits = bits < LastBits ? LastBits : LastBits + (int)scale;
        }

        return Finding.Unknown;
    }

    /// <summary>
    /// A fixed sequence of sample points: all positive, all negative, alternating, then random signs; sizes from
    /// hundredths to thousands, so
    /// that every branch of a maximum or an absolute value is met.
    /// </summary>
    private static Dictionary<SymbolExpr, BigComplex>? Point(List<SymbolExpr> symbols, int index, bool integers)
    {
        if (symbols.Count == 0)
        {
            return null;
        }

        Random random = new(7919 * (index + 1));
        Dictionary<SymbolExpr, BigComplex> point = [];
        foreach (SymbolExpr symbol in symbols)
        {
            if (integers)
            {
                point[symbol] = (BigFloat)(random.Next(3, 30) + index);
                continue;
            }

            BigFloat size = Dyadic(random, index);
            bool negative = index switch
            {
                0 => false,
                1 => true,
                2 or 3 => (index + point.Count) % 2 != 0,
                _ => random.Next(2) == 0,
            };
            BigFloat re = negative ? -size : size;
            point[symbol] = symbol.IsReal ? re : new BigComplex(re, Dyadic(random, index));
        }

        return point;
    }

    // About 1 with 30 bits behind the point, times a power of two that changes from point to point.
    private static BigFloat Dyadic(Random random, int index)
    {
        ReadOnlySpan<int> scales = [0, 0, 5, 5, 10, -6];
        return new BigFloat((BigInteger)random.NextInt64(1L << 28, 3L << 30), scales[index % 6] - 30);
    }

    private static bool NeedsIntegers(Expr value)
    {
        System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
        Budget.Charge(1);
        if (value is ApplyExpr { Head: Heads.Factorial or Heads.Binomial or Heads.Sum or Heads.Product } apply
            && Rewrite.SymbolsOf(apply).Count > 0)
        {
            return true;
        }

        foreach (Expr argument in value.Arguments)
        {
            if (NeedsIntegers(argument))
            {
                return true;
            }
        }

        return false;
    }
}
