using System.Numerics;

namespace Tbrm.MathVerify.Algebra;

/// <summary>Gaussian elimination for matrices of fractions.</summary>
internal static class Elimination
{
    /// <summary>The number of linearly independent rows.</summary>
    public static BigInteger Rank(MatrixExpr matrix, Budget budget) => Run(matrix, budget).Rank;

    /// <summary>The reduced row echelon form.</summary>
    public static MatrixExpr Reduce(MatrixExpr matrix, Budget budget)
    {
        BigRational[,] values = Run(matrix, budget).Values;
        Expr[] items = new Expr[matrix.Arguments.Count];
        for (int i = 0; i < items.Length; i++)
        {
            items[i] = Build.Number(values[i / matrix.Columns, i % matrix.Columns]);
        }

        return new MatrixExpr(matrix.Rows, matrix.Columns, items);
    }

    private static (BigRational[,] Values, int Rank) Run(MatrixExpr matrix, Budget budget)
    {
        BigRational[,] values = new BigRational[matrix.Rows, matrix.Columns];
        for (int i = 0; i < matrix.Arguments.Count; i++)
        {
            values[i / matrix.Columns, i % matrix.Columns] = IntegerFunctions.TryExact(matrix.Arguments[i], budget)
                ?? throw new LatexException("elimination needs a matrix of fractions");
        }

        int rank = 0;
        for (int column = 0; column < matrix.Columns && rank < matrix.Rows; column++)
        {
            int pivot = rank;
            while (pivot < matrix.Rows && values[pivot, column].IsZero)
            {
                pivot++;
            }

            if (pivot < matrix.Rows)
            {
                Eliminate(values, rank++, pivot, column, budget);
            }
        }

        return (values, rank);
    }

    private static void Eliminate(BigRational[,] values, int target, int pivot, int column, Budget budget)
    {
        int columns = values.GetLength(1);
        BigRational scale = values[pivot, column];
        for (int j = 0; j < columns; j++)
        {
            BigRational scaled = values[pivot, j] / scale;
            values[pivot, j] = values[target, j];
            values[target, j] = scaled;
        }

        for (int i = 0; i < values.GetLength(0); i++)
        {
            BigRational factor = values[i, column];
            for (int j = 0; i != target && !factor.IsZero && j < columns; j++)
            {
                budget.Spend();
                values[i, j] -= factor * values[target, j];
            }
        }
    }
}
