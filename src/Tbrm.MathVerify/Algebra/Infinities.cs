using System.Linq;

namespace Tbrm.MathVerify.Algebra;

/// <summary>Arithmetic with infinity, as far as it has an answer.</summary>
internal static class Infinities
{
    /// <summary>1 or -1 for an expression that is plus or minus infinity; null for everything else, also for oo - oo
    /// and 0 * oo.</summary>
    public static int? SignOf(Expr value, Budget budget)
    {
        budget.Descend();
        if (SetMath.InfinitySign(value) is var plain and not 0)
        {
            return plain;
        }

        return value switch
        {
            ApplyExpr { Head: Heads.Add } sum => OfSum(sum, budget),
            ApplyExpr { Head: Heads.Mul } product => OfProduct(product, budget),
            ApplyExpr { Head: Heads.Pow } power when SignOf(power.Arguments[0], budget) == 1
                && ZeroTest.SignOf(power.Arguments[1], budget) == 1 => 1,
            ApplyExpr { Head: Heads.Abs or Heads.Exp or Heads.Log or Heads.Factorial } growing when SignOf(
                growing.Arguments[0], budget) == 1 => 1,
            _ => null,
        };
    }

    private static int? OfSum(ApplyExpr sum, Budget budget)
    {
        int?[] infinite = [.. sum.Arguments.Select(a => SignOf(a, budget)).Where(s => s is not null)];
        return infinite.Length > 0 && infinite.All(s => s == infinite[0]) ? infinite[0] : null;
    }

    private static int? OfProduct(ApplyExpr product, Budget budget)
    {
        int sign = 1;
        bool infinite = false;
        foreach (Expr factor in product.Arguments)
        {
            int? own = SignOf(factor, budget);
            infinite |= own is not null;
            own ??= ZeroTest.SignOf(factor, budget);
            if (own is null or 0)
            {
                return null;
            }

            sign *= own.Value;
        }

        return infinite ? sign : null;
    }
}
