using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Comparison;

/// <summary>Comparison of numbers and formulas: rounded where a number has a decimal point, exact or symbolic
/// otherwise.</summary>
internal sealed class NumberComparer(ComparisonOptions options, Budget budget)
{
    private const int EvaluationBits = 256;
    private const int FloatNoise = -49;

    public bool AreNumericallyEqual(Expr a, Expr b)
    {
        budget.Descend();
        if (Matrices.IsMatrix(a) && Matrices.IsMatrix(b))
        {
            return a is MatrixExpr left && b is MatrixExpr right && left.Rows == right.Rows
                && left.Columns == right.Columns
                && left.Arguments.Zip(right.Arguments).All(pair => AreNumericallyEqual(pair.First, pair.Second));
        }

        if (Matrices.IsMatrix(a) || Matrices.IsMatrix(b))
        {
            return false;
        }

        if (SetMath.InfinitySign(a) != 0 || SetMath.InfinitySign(b) != 0)
        {
            return Infinities.SignOf(a, budget) is { } sign && sign == Infinities.SignOf(b, budget);
        }

        if (IsNumber(a) || IsNumber(b))
        {
            return IsFloat(a) || IsFloat(b)
                ? FloatRounding.Round(a, options.FloatRounding, budget) is { } x
                    && x == FloatRounding.Round(b, options.FloatRounding, budget)
                : !HasFloat(a) && !HasFloat(b) && ZeroTest.AreEqual(a, b, budget);
        }

        return !options.Hardened && IsDifferenceNegligible(a, b);
    }

    /// <summary>Equality as formulas, at every value of the variables.</summary>
    public bool AreSymbolicallyEqual(Expr a, Expr b)
    {
        if (a is MatrixExpr left && b is MatrixExpr right)
        {
            return left.Rows == right.Rows && left.Columns == right.Columns
                && left.Arguments.Zip(right.Arguments).All(pair => AreSymbolicallyEqual(pair.First, pair.Second));
        }

        if (a is not (NumberExpr or FloatExpr or ConstantExpr or SymbolExpr or ApplyExpr)
            || b is not (NumberExpr or FloatExpr or ConstantExpr or SymbolExpr or ApplyExpr))
        {
            return false;
        }

        return HasFloat(a) || HasFloat(b) ? AreFloatsEqual(a, b) : ZeroTest.AreEqual(a, b, budget);
    }

    /// <summary>A number, or a number of percent in the one shape in which percents are read.</summary>
    private static bool IsNumber(Expr value) => IsAtomicNumber(Unpercented(value));

    private static bool IsFloat(Expr value) => Unpercented(value) is FloatExpr;

    private static bool IsAtomicNumber(Expr value) =>
        value is NumberExpr or FloatExpr or ConstantExpr { IsNumber: true };

    private static Expr Unpercented(Expr value) =>
        value is ApplyExpr { Head: Heads.Mul, Arguments: [{ } number, NumberExpr factor] }
            && factor == NumberExpr.Hundredth && IsAtomicNumber(number)
            ? number
            : value;

    private static bool HasFloat(Expr value)
    {
        System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
        Budget.Charge(1);
        return value is FloatExpr || value.Arguments.Any(HasFloat);
    }

    /// <summary>
    /// Numbers that differ by less than 2^-54 (at 15 digits: sympy's chop, at the four bits more with which it
    /// evaluates) count as equal, however
    /// small they are themselves; where a number has a decimal point, by less than 2^-49, for there sympy's difference
    /// is rounding noise.
    /// </summary>
    private bool IsDifferenceNegligible(Expr a, Expr b)
    {
        int precision = FloatExpr.BitsOf(options.NumericPrecision);
        int limit = HasFloat(a) || HasFloat(b) ? Math.Max(-precision, FloatNoise) : -precision;
        return Rewrite.SymbolsOf(new TupleExpr(a, b)).Count == 0
            && ZeroTest.TryEvaluate(Build.FlatAdd(a, Build.Negate(b)), EvaluationBits, budget) is { } difference
            && Math.Max(difference.Value.Magnitude, difference.ErrorBits) < limit;
    }

    /// <summary>Formulas with decimal numbers: equal when they agree to about 15 digits at every sample
    /// point.</summary>
    private bool AreFloatsEqual(Expr a, Expr b)
    {
        bool? product = b is NumberExpr whole ? FloatProduct.Equals(a, whole) : a is NumberExpr number
            ? FloatProduct.Equals(b, number) : null;
        if (product is bool equal)
        {
            return equal;
        }

        List<SymbolExpr> symbols = Rewrite.SymbolsOf(new TupleExpr(a, b));
        int agreed = 0;
        for (int i = 0; i < (symbols.Count == 0 ? 1 : 5); i++)
        {
            Random random = new(i + 1);
            Dictionary<SymbolExpr, BigComplex> point = [];
            foreach (SymbolExpr symbol in symbols)
            {
                BigFloat size = new((BigInteger)random.NextInt64(1L << 28, 3L << 30), -30);
                point[symbol] = random.Next(2) == 0 ? size : -size;
            }

            try
            {
                NumericEvaluator evaluator = new(EvaluationBits, budget, point);
                Ball left = evaluator.Evaluate(a);
                Ball right = evaluator.Evaluate(b);
                long scale = Math.Max(left.Value.Magnitude, right.Value.Magnitude);
                BigComplex difference = evaluator.Ball.Subtract(left, right).Value;
                if (!difference.IsZero && difference.Magnitude > scale - 51)
                {
                    return false;
                }

                agreed++;
            }
            catch (NotComputableException)
            {
                // Not defined there: the other points decide.
            }
        }

        return agreed > 0;
    }
}
