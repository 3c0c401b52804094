using System;
using System.Numerics;

namespace Tbrm.MathVerify.Algebra;

/// <summary>Exact evaluation of what is rational, and gcd and lcm.</summary>
internal static class IntegerFunctions
{
    /// <summary>The gcd or lcm of fractions (decimals count as the fraction they are written as); for anything else the
    /// function is left standing.</summary>
    public static Expr GcdOrLcm(string name, Expr[] arguments, Budget budget)
    {
        BigRational? result = null;
        if (!System.Array.Exists(arguments, a => a is NumberExpr or FloatExpr || TryExact(a, budget) is not null))
        {
            return new ApplyExpr(Heads.Undefined + name, arguments);
        }

        foreach (Expr argument in arguments)
        {
            if ((argument is FloatExpr decimals ? Written(decimals) : TryExact(argument, budget)
                ?? Content(name, argument)) is not { } value)
            {
                return new ApplyExpr(Heads.Undefined + name, arguments);
            }

            BigRational next = BigRational.Abs(value);
            result = result is { } before ? Combine(name, before, next) : next;
        }

        return new ApplyExpr(Heads.Held, new NumberExpr(result!.Value));
    }

    /// <summary>What a monomial shares with numbers: its coefficient. Only a gcd, and one with a number in it, is
    /// decided by that.</summary>
    private static BigRational? Content(string name, Expr argument)
    {
        if (name != "gcd")
        {
            return null;
        }

        return argument switch
        {
            SymbolExpr => BigRational.One,
            ApplyExpr { Head: Heads.Mul, Arguments: [NumberExpr number, SymbolExpr] } => number.Value,
            _ => null,
        };
    }

    // gcd(a/b, c/d) = gcd(ad, bc) / bd, and gcd * lcm is the product.
    private static BigRational Combine(string name, BigRational a, BigRational b)
    {
        BigInteger common = BigInteger.GreatestCommonDivisor(a.Numerator * b.Denominator, b.Numerator * a.Denominator);
        BigRational divisor = new(common, a.Denominator * b.Denominator);
        return name == "gcd" ? divisor : divisor.IsZero ? 0 : a / divisor * b;
    }

    /// <summary>The decimal fraction of 15 digits that a binary number was written as.</summary>
    private static BigRational Written(FloatExpr number)
    {
        string text = BigFloat.FromRational(number.Value, 53).ToDouble()
            .ToString("E14", System.Globalization.CultureInfo.InvariantCulture);
        return BigRational.ParseDecimal(text);
    }

    /// <summary>The exact value of an expression made of fractions; null when it is none or would be too long to write
    /// out.</summary>
    public static BigRational? TryExact(Expr value, Budget budget)
    {
        budget.Descend();
        if (value is NumberExpr number)
        {
            return number.Value;
        }

        if (value is not ApplyExpr apply)
        {
            return null;
        }

        BigRational[] arguments = new BigRational[apply.Arguments.Count];
        for (int i = 0; i < arguments.Length; i++)
        {
            if (TryExact(apply.Arguments[i], budget) is not { } argument || argument.BitLength > IntegerMath.MaxBits)
            {
                return null;
            }

            arguments[i] = argument;
        }

        return Apply(apply.Head, arguments, budget);
    }

    /// <summary>value^exponent when it is a fraction.</summary>
    public static BigRational? TryPow(BigRational value, BigRational exponent, Budget budget)
    {
        if (exponent.Sign < 0)
        {
            return value.IsZero ? null : TryPow(1 / value, -exponent, budget);
        }

        if (exponent.Denominator > 64)
        {
            return null;
        }

        int degree = (int)exponent.Denominator;
        if (degree > 1 && value.Sign < 0)
        {
            return null; // the principal root is not real
        }

        if (!IntegerMath.TryRoot(value.Numerator, degree, out BigInteger numerator)
            || !IntegerMath.TryRoot(value.Denominator, degree, out BigInteger denominator))
        {
            return null;
        }

        return IntegerMath.Pow(numerator, exponent.Numerator, budget) is { } n
            && IntegerMath.Pow(denominator, exponent.Numerator, budget) is { } d
            ? new BigRational(n, d)
            : null;
    }

    private static BigRational? Apply(string head, BigRational[] arguments, Budget budget)
    {
        BigRational x = arguments[0];
        switch (head)
        {
            case Heads.Add:
                return Fold(arguments, (a, b) => a + b, budget);
            case Heads.Mul:
                return Fold(arguments, (a, b) => a * b, budget);
            case Heads.Pow:
                return TryPow(x, arguments[1], budget);
            case Heads.Held:
                return x;
            case Heads.Abs:
                return BigRational.Abs(x);
            case Heads.Factorial:
                return x.IsInteger && IntegerMath.Factorial(x.Numerator, budget) is { } factorial
                    ? (BigRational)factorial : null;
            case Heads.Binomial:
                return x.IsInteger && arguments[1].IsInteger
                    && IntegerMath.Binomial(x.Numerator, arguments[1].Numerator, budget) is { } binomial
                    ? (BigRational)binomial
                    : null;
            case Heads.Floor:
                return x.Floor();
            case Heads.Ceiling:
                return -(-x).Floor();
            case Heads.Mod:
                return arguments[1].IsZero ? null : x - arguments[1] * (x / arguments[1]).Floor();
            case Heads.Max:
                return Fold(arguments, (a, b) => a > b ? a : b, budget);
            case Heads.Min:
                return Fold(arguments, (a, b) => a < b ? a : b, budget);
            default:
                return null;
        }
    }

    private static BigRational? Fold(BigRational[] arguments, Func<BigRational, BigRational, BigRational> operation,
        Budget budget)
    {
        BigRational result = arguments[0];
        for (int i = 1; i < arguments.Length; i++)
        {
            if (result.BitLength + arguments[i].BitLength > IntegerMath.MaxBits)
            {
                return null;
            }

            budget.Spend(2 + result.BitLength / 256);
            result = operation(result, arguments[i]);
        }

        return result;
    }
}
