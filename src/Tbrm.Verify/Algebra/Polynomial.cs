namespace Tbrm.Verify.Algebra;

/// <summary>Polynomials in one variable with expressions as coefficients.</summary>
internal static class Polynomial
{
    /// <summary>
    /// The coefficients of degree 0 to <paramref name="maxDegree"/>; null when the expression is no polynomial of at most that
    /// degree in the variable.
    /// </summary>
    public static Expr[]? Coefficients(Expr value, SymbolExpr variable, int maxDegree, Budget budget)
    {
        budget.Descend();
        if (!Rewrite.SymbolsOf(value).Contains(variable))
        {
            return Constant(value, maxDegree);
        }

        if (value is SymbolExpr)
        {
            Expr[] identity = Constant(NumberExpr.Zero, maxDegree);
            identity[1] = NumberExpr.One;
            return identity;
        }

        if (value is not ApplyExpr { Head: Heads.Add or Heads.Mul or Heads.Pow } apply)
        {
            return null;
        }

        if (apply.Is(Heads.Pow))
        {
            return apply.Arguments[1] is NumberExpr { IsInteger: true } exponent && exponent.Value > 0 && exponent.Value <= maxDegree
                && Coefficients(apply.Arguments[0], variable, maxDegree, budget) is { } powerBase
                ? Power(powerBase, (int)exponent.Value.Numerator)
                : null;
        }

        Expr[]? result = null;
        foreach (Expr argument in apply.Arguments)
        {
            if (Coefficients(argument, variable, maxDegree, budget) is not { } operand)
            {
                return null;
            }

            result = result is null ? operand : apply.Is(Heads.Add) ? Add(result, operand) : Multiply(result, operand);
            if (result is null)
            {
                return null;
            }
        }

        return result;
    }

    private static Expr[] Constant(Expr value, int maxDegree)
    {
        Expr[] result = new Expr[maxDegree + 1];
        System.Array.Fill(result, NumberExpr.Zero);
        result[0] = value;
        return result;
    }

    private static Expr[]? Power(Expr[] value, int exponent)
    {
        Expr[]? result = value;
        for (int i = 1; i < exponent && result is not null; i++)
        {
            result = Multiply(result, value);
        }

        return result;
    }

    private static Expr[] Add(Expr[] a, Expr[] b)
    {
        Expr[] sum = new Expr[a.Length];
        for (int i = 0; i < a.Length; i++)
        {
            sum[i] = IsZero(a[i]) ? b[i] : IsZero(b[i]) ? a[i] : Build.FlatAdd(a[i], b[i]);
        }

        return sum;
    }

    private static Expr[]? Multiply(Expr[] a, Expr[] b)
    {
        Expr[] product = Constant(NumberExpr.Zero, a.Length - 1);
        for (int i = 0; i < a.Length; i++)
        {
            for (int j = 0; j < b.Length; j++)
            {
                if (IsZero(a[i]) || IsZero(b[j]))
                {
                    continue;
                }

                if (i + j >= product.Length)
                {
                    return null;
                }

                Expr term = Build.FlatMul(a[i], b[j]);
                product[i + j] = IsZero(product[i + j]) ? term : Build.FlatAdd(product[i + j], term);
            }
        }

        return product;
    }

    private static bool IsZero(Expr value) => value is NumberExpr { Value.IsZero: true };
}
