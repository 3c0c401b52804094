using System.Collections.Generic;

namespace Tbrm.Verify.Algebra;

/// <summary>Equations in several variables: whether they have the same solutions.</summary>
internal static class EquationSolver
{
    /// <summary>
    /// Whether one equation is a constant multiple of the other. Only equations in at least two variables are compared this
    /// way; the reference compares equations in one variable as written.
    /// </summary>
    public static bool HaveSameSolutions(RelationExpr first, RelationExpr second, Budget budget)
    {
        Expr a = Build.Subtract(first.Left, first.Right);
        Expr b = Build.Subtract(second.Left, second.Right);
        List<SymbolExpr> symbols = Rewrite.SymbolsOf(a);
        if (symbols.Count < 2 || symbols.Count != Rewrite.SymbolsOf(b).Count)
        {
            return false;
        }

        // a / b is constant exactly when a(x) b(p) = b(x) a(p) for a fixed p.
        Expr atA = a;
        Expr atB = b;
        int value = 2;
        foreach (SymbolExpr symbol in symbols)
        {
            value += 3;
            atA = Rewrite.Substitute(atA, symbol, Build.Integer(value), budget);
            atB = Rewrite.Substitute(atB, symbol, Build.Integer(value), budget);
        }

        return !ZeroTest.AreEqual(atA, NumberExpr.Zero, budget) && !ZeroTest.AreEqual(atB, NumberExpr.Zero, budget)
            && ZeroTest.AreEqual(Build.Mul(a, atB), Build.Mul(b, atA), budget);
    }
}
