using System.Collections.Generic;

namespace Tbrm.MathVerify.Algebra;

/// <summary>
/// An expression as a quotient of two polynomials in one variable. Coefficients are expressions in the other variables,
/// lowest degree first.
/// </summary>
internal sealed record RationalForm(Expr[] Numerator, Expr[] Denominator)
{
    private const int MaxDegree = 8;

    /// <summary>The form; null when the expression is no rational function of the variable, or one of too high a
    /// degree.</summary>
    public static RationalForm? Of(Expr value, SymbolExpr variable, Budget budget)
    {
        budget.Descend();
        if (!Rewrite.SymbolsOf(value).Contains(variable))
        {
            return new RationalForm([value], [NumberExpr.One]);
        }

        if (value is SymbolExpr)
        {
            return new RationalForm([NumberExpr.Zero, NumberExpr.One], [NumberExpr.One]);
        }

        return value is not ApplyExpr apply ? null : apply.Head switch
        {
            Heads.Add => Fold(apply, variable, Add, budget),
            Heads.Mul => Fold(apply, variable, Multiply, budget),
            Heads.Pow => Power(apply, variable, budget),
            _ => null,
        };
    }

    /// <summary>Whether the numerators are multiples of each other, by a factor that is free of the variable.</summary>
    public static bool HaveProportionalNumerators(RationalForm a, RationalForm b, Budget budget)
    {
        Expr[] first = Trimmed(a.Numerator, budget);
        Expr[] second = Trimmed(b.Numerator, budget);
        if (first.Length != second.Length || first.Length < 2)
        {
            return false;
        }

        for (int i = 0; i + 1 < first.Length; i++)
        {
            if (!ZeroTest.AreEqual(Build.Mul(first[i], second[^1]), Build.Mul(second[i], first[^1]), budget))
            {
                return false;
            }
        }

        return true;
    }

    private static RationalForm? Fold(ApplyExpr apply, SymbolExpr variable,
        System.Func<RationalForm, RationalForm, RationalForm> operation, Budget budget)
    {
        RationalForm? result = null;
        foreach (Expr argument in apply.Arguments)
        {
            if (Of(argument, variable, budget) is not { } operand)
            {
                return null;
            }

            result = result is null ? operand : operation(result, operand);
            if (result.Numerator.Length > MaxDegree + 1 || result.Denominator.Length > MaxDegree + 1)
            {
                return null;
            }
        }

        return result;
    }

    private static RationalForm? Power(ApplyExpr power, SymbolExpr variable, Budget budget)
    {
        if (power.Arguments[1] is not NumberExpr { IsInteger: true } exponent || exponent.Value.IsZero
            || BigRational.Abs(exponent.Value) > MaxDegree
            || Of(power.Arguments[0], variable, budget) is not { } value)
        {
            return null;
        }

        RationalForm factor = exponent.Value.Sign > 0 ? value : new RationalForm(value.Denominator, value.Numerator);
        RationalForm result = factor;
        for (int i = 1; i < (int)BigRational.Abs(exponent.Value).Numerator; i++)
        {
            result = Multiply(result, factor);
        }

        return result.Numerator.Length > MaxDegree + 1 || result.Denominator.Length > MaxDegree + 1 ? null : result;
    }

    private static RationalForm Add(RationalForm a, RationalForm b) => new(
        Sum(Product(a.Numerator, b.Denominator), Product(b.Numerator, a.Denominator)),
            Product(a.Denominator, b.Denominator));

    private static RationalForm Multiply(RationalForm a, RationalForm b) =>
        new(Product(a.Numerator, b.Numerator), Product(a.Denominator, b.Denominator));

    private static Expr[] Sum(Expr[] a, Expr[] b)
    {
        List<Expr> sum = [];
        for (int i = 0; i < System.Math.Max(a.Length, b.Length); i++)
        {
            sum.Add(i >= a.Length || IsZero(a[i]) ? (i < b.Length ? b[i] : NumberExpr.Zero)
                : i >= b.Length || IsZero(b[i]) ? a[i]
                : Build.FlatAdd(a[i], b[i]));
        }

        return [.. sum];
    }

    private static Expr[] Product(Expr[] a, Expr[] b)
    {
        Expr[] product = new Expr[a.Length + b.Length - 1];
        System.Array.Fill(product, NumberExpr.Zero);
        for (int i = 0; i < a.Length; i++)
        {
            for (int j = 0; j < b.Length; j++)
            {
                if (!IsZero(a[i]) && !IsZero(b[j]))
                {
                    Expr term = a[i] == NumberExpr.One ? b[j] : b[j] == NumberExpr.One ? a[i]
                        : Build.FlatMul(a[i], b[j]);
                    product[i + j] = IsZero(product[i + j]) ? term : Build.FlatAdd(product[i + j], term);
                }
            }
        }

        return product;
    }

    // Terms that cancel leave a zero in front that only evaluation sees.
    private static Expr[] Trimmed(Expr[] coefficients, Budget budget)
    {
        int length = coefficients.Length;
        while (length > 0 && ZeroTest.AreEqual(coefficients[length - 1], NumberExpr.Zero, budget))
        {
            length--;
        }

        return coefficients[..length];
    }

    private static bool IsZero(Expr value) => value is NumberExpr { Value.IsZero: true };
}
