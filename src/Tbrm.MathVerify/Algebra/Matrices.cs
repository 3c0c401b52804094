using System;
using System.Collections.Generic;
using System.Linq;

namespace Tbrm.MathVerify.Algebra;

/// <summary>Matrix arithmetic on unevaluated entries.</summary>
internal static class Matrices
{
    private const int MaxDeterminant = 7;

    /// <summary>Whether a matrix is among the operands.</summary>
    public static bool Involves(Expr a, Expr b) => IsMatrix(a) || IsMatrix(b);

    /// <summary>Whether an expression is a matrix or an operation on matrices that could not be carried out.</summary>
    public static bool IsMatrix(Expr value) => value is MatrixExpr or ApplyExpr { Head: Heads.MatAdd or Heads.MatMul };

    private static bool HoldsMatrix(Expr value)
    {
        System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
        Budget.Charge(1);
        return IsMatrix(value) || value.Arguments.Any(HoldsMatrix);
    }

    public static Expr Add(Expr a, Expr b)
    {
        return a is MatrixExpr left && b is MatrixExpr right && left.Rows == right.Rows && left.Columns == right.Columns
            ? Combine(left, (i, j) => Build.FlatAdd(left[i, j], right[i, j]))
            : new ApplyExpr(Heads.MatAdd, a, b);
    }

    public static Expr Multiply(Expr a, Expr b)
    {
        if (a is MatrixExpr left && b is MatrixExpr right)
        {
            if (left.Columns != right.Rows)
            {
                throw new LatexException("the matrices' shapes do not fit");
            }

            Expr[] items = new Expr[left.Rows * right.Columns];
            for (int i = 0; i < items.Length; i++)
            {
                int row = i / right.Columns;
                int column = i % right.Columns;
                items[i] = Total(Enumerable.Range(0, left.Columns)
                    .Select(k => Build.FlatMul(left[row, k], right[k, column])));
            }

            return new MatrixExpr(left.Rows, right.Columns, items);
        }

        return (a, b) switch
        {
            (MatrixExpr matrix, _) when !HoldsMatrix(b) => Scale(matrix, b),
            (_, MatrixExpr matrix) when !HoldsMatrix(a) => Scale(matrix, a),
            _ => new ApplyExpr(Heads.MatMul, a, b),
        };
    }

    public static MatrixExpr Transpose(MatrixExpr matrix)
    {
        Budget.Charge(matrix.Arguments.Count);
        Expr[] items = new Expr[matrix.Arguments.Count];
        for (int i = 0; i < items.Length; i++)
        {
            items[i] = matrix[i % matrix.Rows, i / matrix.Rows];
        }

        return new MatrixExpr(matrix.Columns, matrix.Rows, items);
    }

    /// <summary>The Euclidean norm of a vector, the Frobenius norm of a matrix.</summary>
    public static Expr Norm(Expr value) => value is MatrixExpr matrix
        ? Build.Pow(Total(matrix.Arguments.Select(x => Build.Pow(new ApplyExpr(Heads.Abs, x), Build.Integer(2)))),
            NumberExpr.Half)
        : throw new LatexException("the norm of a vector was expected");

    /// <summary>The determinant by expansion along the first row.</summary>
    public static Expr Determinant(Expr value, Budget budget)
    {
        return value is MatrixExpr matrix && matrix.Rows == matrix.Columns && matrix.Rows <= MaxDeterminant
            ? Evaluated(Expand(matrix, [.. Enumerable.Range(0, matrix.Columns)], 0, budget), budget)
            : throw new LatexException("the determinant of a (not too large) square matrix was expected");
    }

    public static MatrixExpr ScaleLine(MatrixExpr matrix, bool row, int line, Expr factor) =>
        Combine(Checked(matrix, row, line),
            (i, j) => (row ? i : j) == line ? Build.FlatMul(factor, matrix[i, j]) : matrix[i, j]);

    public static MatrixExpr SwapLines(MatrixExpr matrix, bool row, int first, int second)
    {
        int Other(int i) => i == first ? second : i == second ? first : i;
        Checked(Checked(matrix, row, first), row, second);
        return Combine(matrix, (i, j) => row ? matrix[Other(i), j] : matrix[i, Other(j)]);
    }

    public static MatrixExpr AddLine(MatrixExpr matrix, bool row, int target, int source, Expr factor)
    {
        Checked(Checked(matrix, row, target), row, source);
        return Combine(matrix, (i, j) => (row ? i : j) != target
            ? matrix[i, j]
            : Build.FlatAdd(matrix[i, j], Build.FlatMul(factor, row ? matrix[source, j] : matrix[i, source])));
    }

    /// <summary>The operators that take one matrix (or, for eye, one number); null for names that are none.</summary>
    public static Expr? TryOperator(string name, Expr argument, Budget budget)
    {
        switch (name)
        {
            case "eye":
                int size = Dimension(argument);
                return Filled(size, size, (i, j) => i == j ? NumberExpr.One : NumberExpr.Zero);
            case "trace" or "tr":
                MatrixExpr matrix = Require(argument);
                return matrix.Rows == matrix.Columns
                    ? Evaluated(Total(Enumerable.Range(0, matrix.Rows).Select(i => matrix[i, i])), budget)
                    : throw new LatexException("the trace of a square matrix was expected");
            case "norm":
                return Norm(argument);
            case "rank":
                return Build.Integer(Elimination.Rank(Require(argument), budget));
            case "rref":
                return Elimination.Reduce(Require(argument), budget);
            case "nullspace" or "cols" or "rows" or "svd" or "SVD" or "diagonalize":
                throw new LatexException($"{name} gives a list of matrices, which is no answer");
            default:
                return name.StartsWith("eig", StringComparison.Ordinal)
                    ? throw new LatexException("eigenvalue problems are not understood") : null;
        }
    }

    /// <summary>zeros, ones, diag, hstack and vstack.</summary>
    public static Expr Construct(string name, Expr[] arguments)
    {
        switch (name)
        {
            case "zeros" or "ones":
                Expr entry = name == "ones" ? NumberExpr.One : NumberExpr.Zero;
                return Filled(Dimension(arguments[0]), Dimension(arguments[^1]), (_, _) => entry);
            case "diag":
                return Filled(arguments.Length, arguments.Length, (i, j) => i == j ? arguments[i] : NumberExpr.Zero);
            case "hstack" or "vstack":
                return arguments.Select(a => name == "vstack" ? Require(a) : Transpose(Require(a)))
                    .Aggregate(Stack) is var stacked && name == "vstack"
                    ? stacked
                    : Transpose(stacked);
            default:
                throw new LatexException($"{name} is not understood");
        }
    }

    /// <summary>a + b + ..., 0 for no terms.</summary>
    public static Expr Total(IEnumerable<Expr> terms) =>
        terms.Aggregate((Expr?)null, (sum, term) => sum is null ? term : Build.FlatAdd(sum, term)) ?? NumberExpr.Zero;

    // Determinants and traces are carried out, unlike everything else that is read.
    private static Expr Evaluated(Expr value, Budget budget) => IntegerFunctions.TryExact(value, budget) is { } exact
        ? Build.Number(exact) : value;

    private static MatrixExpr Require(Expr value) => value as MatrixExpr
        ?? throw new LatexException("a matrix was expected");

    private static int Dimension(Expr value) =>
        value is NumberExpr { IsInteger: true } number && number.Value > 0 && number.Value <= 20
            ? (int)number.Value.Numerator
            : throw new LatexException("the matrix's size must be between 1 and 20");

    private static MatrixExpr Stack(MatrixExpr upper, MatrixExpr lower) => upper.Columns == lower.Columns
        ? new MatrixExpr(upper.Rows + lower.Rows, upper.Columns, [.. upper.Arguments, .. lower.Arguments])
        : throw new LatexException("the matrices' shapes do not fit");

    private static MatrixExpr Scale(MatrixExpr matrix, Expr factor) =>
        Combine(matrix, (i, j) => Build.FlatMul(factor, matrix[i, j]));

    private static MatrixExpr Combine(MatrixExpr shape, Func<int, int, Expr> entry) =>
        Filled(shape.Rows, shape.Columns, entry);

    private static MatrixExpr Filled(int rows, int columns, Func<int, int, Expr> entry)
    {
        Budget.Charge(rows * columns);
        Expr[] items = new Expr[rows * columns];
        for (int i = 0; i < items.Length; i++)
        {
            items[i] = entry(i / columns, i % columns);
        }

        return new MatrixExpr(rows, columns, items);
    }

    private static MatrixExpr Checked(MatrixExpr matrix, bool row, int line) =>
        line < (row ? matrix.Rows : matrix.Columns)
        ? matrix
        : throw new LatexException("the matrix has no such row or column");

    private static Expr Expand(MatrixExpr matrix, int[] columns, int row, Budget budget)
    {
        budget.Descend();
        budget.Spend(16);
        if (columns.Length == 1)
        {
            return matrix[row, columns[0]];
        }

        return Total(columns.Select((column, i) =>
        {
            Expr minor = Expand(matrix, [.. columns.Where(c => c != column)], row + 1, budget);
            Expr term = Build.FlatMul(matrix[row, column], minor);
            return i % 2 == 0 ? term : Build.Negate(term);
        }));
    }
}
