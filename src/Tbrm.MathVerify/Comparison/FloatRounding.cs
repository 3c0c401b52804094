using System;
using System.Numerics;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Comparison;

/// <summary>A number after sympy's <c>round(n)</c>: integers stay integers, anything else becomes a binary number of
/// few digits.</summary>
internal readonly record struct RoundedNumber(bool IsInteger, BigRational Re, BigRational Im);

/// <summary>sympy's <c>Expr.round</c>.</summary>
internal static class FloatRounding
{
    private const int WorkingBits = 512;

    /// <summary>The value rounded to <paramref name="decimals"/>; null when it is no number.</summary>
    public static RoundedNumber? Round(Expr value, int decimals, Budget budget)
    {
        if (IntegerFunctions.TryExact(value, budget) is { IsInteger: true } integer)
        {
            // Negative decimals round integers too; others leave them alone.
            return new RoundedNumber(true, decimals >= 0 ? integer : RoundToEven(integer, decimals), 0);
        }

        if (Rewrite.SymbolsOf(value).Count > 0 || ZeroTest.TryEvaluate(value, WorkingBits, budget) is not { } ball)
        {
            return null;
        }

        int? digits = FloatDigits(value);
        BigRational re = RoundReal(ball.Value.Re, decimals, digits);
        return new RoundedNumber(false, re, ball.IsReal ? 0 : RoundReal(ball.Value.Im, decimals, digits));
    }

    /// <summary>The most precise decimal number among the parts; null when there is none.</summary>
    private static int? FloatDigits(Expr value)
    {
        int? digits = value is FloatExpr number ? number.Digits : null;
        foreach (Expr argument in value.Arguments)
        {
            int? inner = FloatDigits(argument);
            digits = inner > (digits ?? 0) ? inner : digits;
        }

        return digits;
    }

    private static BigRational RoundReal(BigFloat number, int decimals, int? floatDigits)
    {
        if (number.IsZero)
        {
            return 0;
        }

        BigRational value = number.ToRational();
        int magnitude = DecimalMagnitude(value);
        int allowed = magnitude + decimals;
        int digits = floatDigits ?? Math.Max(15, allowed);
        allowed = floatDigits is null ? allowed : Math.Min(allowed, digits);

        // First to the known digits, then to the asked ones: the two roundings are not the same as one.
        BigRational known = RoundToEven(value, digits - magnitude);
        BigRational result = RoundToEven(known, decimals);
        if (result.IsInteger)
        {
            return BigFloat.FromRational(result, FloatExpr.BitsOf(digits)).ToRational();
        }

        if (allowed == 0 && result > value)
        {
            allowed++;
        }

        return BigFloat.FromRational(result, FloatExpr.BitsOf(Math.Max(allowed, 0))).ToRational();
    }

    /// <summary>The i with 0.1 &lt;= |x| / 10^i &lt; 1.</summary>
    private static int DecimalMagnitude(BigRational value)
    {
        BigRational absolute = BigRational.Abs(value);
        int guess = (int)Math.Floor(
            (absolute.Numerator.GetBitLength() - absolute.Denominator.GetBitLength()) * 0.30103) - 1;
        while (absolute >= BigRational.Pow(10, guess))
        {
            guess++;
        }

        return guess;
    }

    private static BigRational RoundToEven(BigRational value, int decimals)
    {
        BigRational scale = BigRational.Pow(10, decimals);
        BigRational scaled = value * scale;
        BigInteger below = scaled.Floor();
        BigRational rest = scaled - below;
        BigRational half = new(1, 2);
        BigInteger rounded = rest > half || (rest == half && !below.IsEven) ? below + 1 : below;
        return rounded / scale;
    }
}
