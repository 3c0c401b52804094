using System;
using System.Collections.Generic;
using System.Linq;

namespace Tbrm.MathVerify.Algebra;

/// <summary>Equations in several variables: whether they have the same solutions.</summary>
internal static class EquationSolver
{
    /// <summary>
    /// Whether two equations in at least two variables have the same solutions for the first variable, in the order of
    /// names,
    /// in which both are rational. The reference compares equations in one variable as written, so these never are
    /// equal here.
    /// </summary>
    public static bool HaveSameSolutions(RelationExpr first, RelationExpr second, Budget budget)
    {
        Expr a = Build.Subtract(first.Left, first.Right);
        Expr b = Build.Subtract(second.Left, second.Right);
        List<SymbolExpr> symbols = [.. Rewrite.SymbolsOf(a).OrderBy(s => s.Name, StringComparer.Ordinal)];
        List<SymbolExpr> others = Rewrite.SymbolsOf(b);
        if (symbols.Count < 2 || symbols.Count != others.Count || !symbols.TrueForAll(others.Contains))
        {
            return false;
        }

        foreach (SymbolExpr symbol in symbols)
        {
            if (RationalForm.Of(a, symbol, budget) is { } left && RationalForm.Of(b, symbol, budget) is { } right)
            {
                return RationalForm.HaveProportionalNumerators(left, right, budget);
            }
        }

        return false;
    }
}
