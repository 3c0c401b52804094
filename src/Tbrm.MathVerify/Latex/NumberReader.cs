using System;
using System.Globalization;
using System.Numerics;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Latex;

/// <summary>Reads written numbers as sympy does: digits are an integer, anything with a point or an exponent a
/// Float.</summary>
internal static class NumberReader
{
    /// <summary>Exponents beyond this are refused.</summary>
    private const int MaxExponent = 100_000;

    /// <summary>Reads an optional sign, digits, an optional fraction and an optional exponent.</summary>
    /// <exception cref="LatexException">The text is no such number.</exception>
    public static Expr Read(string text)
    {
        int exponentAt = text.AsSpan().IndexOfAny('e', 'E');
        string mantissa = exponentAt < 0 ? text : text[..exponentAt];
        if (mantissa.Length == 0 || mantissa is "-" or "." or "-." || mantissa.Length > 100_000)
        {
            throw new LatexException("a number was expected");
        }

        if (exponentAt >= 0
            && (!int.TryParse(text.AsSpan(exponentAt + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
            out int exponent)
            || Math.Abs(exponent) > MaxExponent))
        {
            throw new LatexException("the number's exponent is out of range");
        }

        if (exponentAt < 0 && !mantissa.Contains('.', StringComparison.Ordinal))
        {
            return BigInteger.TryParse(mantissa, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
                out BigInteger integer)
                ? new NumberExpr(integer)
                : throw new LatexException("a number was expected");
        }

        string digits = mantissa.Replace("-", "", StringComparison.Ordinal).Replace(".", "", StringComparison.Ordinal)
            .TrimStart('0');
        return FloatExpr.Create(BigRational.ParseDecimal(text), Math.Max(15, digits.Length));
    }
}
