using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Comparison;

/// <summary>
/// Products and quotients of numbers, a decimal one among them, as sympy works them out: factor by factor, each rounded
/// to the decimal number's
/// precision. So 3/5.0 is 3 * 0.2, which is not the float nearest to 3/5, and the reference calls the two unequal.
/// </summary>
internal static class FloatProduct
{
    private const int MaxPowerBits = 1 << 16;

    private readonly record struct Factor(BigRational Value, int? Bits);

    /// <summary>Whether the product equals the number; null when <paramref name="product"/> is no product of this
    /// kind.</summary>
    public static bool? Equals(Expr product, NumberExpr number)
    {
        List<Factor> factors = [];
        if (product is not ApplyExpr { Head: Heads.Mul } || !TryCollect(product, factors)
            || factors.All(factor => factor.Bits is null))
        {
            return null;
        }

        Factor value = factors.Aggregate(Multiply);
        return value.Value == Round(number.Value, value.Bits!.Value);
    }

    private static bool TryCollect(Expr value, List<Factor> factors)
    {
        switch (value)
        {
            case NumberExpr number:
                factors.Add(new Factor(number.Value, null));
                return true;
            case FloatExpr real:
                factors.Add(new Factor(real.Value, FloatExpr.BitsOf(real.Digits)));
                return true;
            case ApplyExpr { Head: Heads.Mul } product:
                return product.Arguments.All(argument => TryCollect(argument, factors));
            case ApplyExpr
            {
                Head: Heads.Pow,
                Arguments: [NumberExpr number, NumberExpr { Value.IsInteger: true } exponent]
            }
                when number.Value != 0
                    && number.Value.BitLength * BigInteger.Abs(exponent.Value.Numerator) <= MaxPowerBits:
                factors.Add(new Factor(BigRational.Pow(number.Value, (int)exponent.Value.Numerator), null));
                return true;
            case ApplyExpr
            {
                Head: Heads.Pow,
                Arguments: [{ } number, { } exponent]
            } when exponent == NumberExpr.MinusOne:
                List<Factor> inner = [];
                if (!TryCollect(number, inner) || inner.Count != 1 || inner[0].Value == 0)
                {
                    return false;
                }

                BigRational reciprocal = new(inner[0].Value.Denominator, inner[0].Value.Numerator);
                factors.Add(new Factor(
                    inner[0].Bits is int bits ? Round(reciprocal, bits) : reciprocal, inner[0].Bits));
                return true;
            default:
                return false;
        }
    }

    private static Factor Multiply(Factor a, Factor b)
    {
        if (a.Bits is null && b.Bits is null)
        {
            return new Factor(a.Value * b.Value, null);
        }

        int bits = Math.Max(a.Bits ?? 0, b.Bits ?? 0);
        return new Factor(Round(Round(a.Value, bits) * Round(b.Value, bits), bits), bits);
    }

    private static BigRational Round(BigRational value, int bits) => BigFloat.FromRational(value, bits).ToRational();
}
