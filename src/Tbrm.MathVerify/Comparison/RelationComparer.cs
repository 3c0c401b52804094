using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Comparison;

/// <summary>Comparison of equations and inequalities: as written, turned around, or by their solutions.</summary>
internal sealed class RelationComparer(ExpressionComparer expressions, Budget budget)
{
    public bool AreEqual(Expr gold, Expr answer)
    {
        if (gold is ChainExpr goldChain && answer is ChainExpr answerChain)
        {
            if (goldChain.Links.Count != answerChain.Links.Count)
            {
                return false;
            }

            for (int i = 0; i < goldChain.Links.Count; i++)
            {
                if (!AreEqual(goldChain.Links[i], answerChain.Links[i]))
                {
                    return false;
                }
            }

            return true;
        }

        return gold is RelationExpr a && answer is RelationExpr b && AreEqual(a, b);
    }

    private bool AreEqual(RelationExpr gold, RelationExpr answer)
    {
        if (gold.Kind == answer.Kind && HaveSameDifference(gold.Left, gold.Right, answer.Left, answer.Right))
        {
            return true;
        }

        if (gold.Flipped is null)
        {
            return false;
        }

        return (gold.Flipped == answer.Kind && HaveSameDifference(gold.Left, gold.Right, answer.Right, answer.Left))
            || (gold.Kind == RelationKind.Equal && answer.Kind == RelationKind.Equal
                && EquationSolver.HaveSameSolutions(gold, answer, budget));
    }

    private bool HaveSameDifference(Expr left, Expr right, Expr otherLeft, Expr otherRight)
    {
        if (!IsArithmetic(left) || !IsArithmetic(right) || !IsArithmetic(otherLeft) || !IsArithmetic(otherRight))
        {
            return false;
        }

        return expressions.ArePartsEqual(Difference(left, right), Difference(otherLeft, otherRight));
    }

    private static bool IsArithmetic(Expr value) =>
        value is NumberExpr or FloatExpr or ConstantExpr or SymbolExpr or ApplyExpr or MatrixExpr;

    private static Expr Difference(Expr left, Expr right)
    {
        if (Matrices.Involves(left, right))
        {
            return Matrices.Add(left, Matrices.Multiply(NumberExpr.MinusOne, right));
        }

        return right is NumberExpr { Value.IsZero: true } ? left : Build.Subtract(left, right);
    }
}
