using System;
using System.Collections.Generic;
using System.Numerics;

namespace Tbrm.MathVerify.Algebra;

/// <summary>
/// Evaluates an expression at a point with an error bound. Functions without a meaning (f in f(x)) get a value that
/// depends
/// on their name and arguments only, so that identities that hold for every f are seen.
/// </summary>
internal sealed partial class NumericEvaluator(int bits, Budget budget,
    IReadOnlyDictionary<SymbolExpr, BigComplex>? point = null)
{
    private readonly BallMath _ball = new(bits, budget);
    private readonly Dictionary<SymbolExpr, Ball> _bound = [];

    public BallMath Ball => _ball;

    /// <summary>The value.</summary>
    /// <exception cref="NotComputableException">The expression has no (finite, known) value at this point.</exception>
    public Ball Evaluate(Expr value)
    {
        budget.Descend();
        budget.Spend(4);
        return value switch
        {
            NumberExpr number => _ball.FromRational(number.Value),
            FloatExpr number => _ball.FromRational(number.Value),
            ConstantExpr constant => Constant(constant.Kind),
            SymbolExpr symbol => Symbol(symbol),
            ApplyExpr apply => Apply(apply),
            _ => throw new NotComputableException("this is not a number"),
        };
    }

    private Ball Constant(ConstantKind kind) => kind switch
    {
        ConstantKind.Pi => _ball.Pi,
        ConstantKind.E => _ball.Exp(_ball.FromRational(1)),
        ConstantKind.ImaginaryUnit => new Ball(BigComplex.ImaginaryUnit, Algebra.Ball.Exact),
        _ => throw new NotComputableException("infinity is not a number to calculate with"),
    };

    private Ball Symbol(SymbolExpr symbol)
    {
        if (_bound.TryGetValue(symbol, out Ball bound))
        {
            return bound;
        }

        return point is not null && point.TryGetValue(symbol, out BigComplex value)
            ? new Ball(value, Algebra.Ball.Exact)
            : throw new NotComputableException($"the variable {symbol.Name} has no value");
    }

    private Ball Apply(ApplyExpr apply)
    {
        IReadOnlyList<Expr> arguments = apply.Arguments;
        switch (apply.Head)
        {
            case Heads.Add:
                return Fold(arguments, _ball.Add);
            case Heads.Mul:
                return Fold(arguments, _ball.Multiply);
            case Heads.Pow:
                return Power(arguments[0], arguments[1]);
            case Heads.Sum or Heads.Product:
                return Series(apply);
            case Heads.Integral:
                return Quadrature(apply);
            case Heads.Derivative:
                return Evaluate(Rewrite.Differentiate(arguments[0], (SymbolExpr)arguments[1], budget));
            case Heads.Limit:
                return Limit(apply);
        }

        Ball[] values = new Ball[arguments.Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Evaluate(arguments[i]);
        }

        return apply.Head.StartsWith(Heads.Undefined, StringComparison.Ordinal)
            ? Undefined(apply.Head, values)
            : Function(apply.Head, values);
    }

    private Ball Fold(IReadOnlyList<Expr> arguments, Func<Ball, Ball, Ball> operation)
    {
        Ball result = Evaluate(arguments[0]);
        for (int i = 1; i < arguments.Count; i++)
        {
            result = operation(result, Evaluate(arguments[i]));
        }

        return result;
    }

    private Ball Power(Expr value, Expr exponent)
    {
        if (exponent is NumberExpr { Value: { } power } && power == BigRational.One / 2)
        {
            return _ball.Sqrt(Evaluate(value));
        }

        Ball at = Evaluate(value);
        if (exponent == NumberExpr.MinusOne)
        {
            return _ball.Divide(_ball.FromRational(1), at);
        }

        return _ball.Pow(at, Evaluate(exponent));
    }

    private Ball Undefined(string head, Ball[] values)
    {
        HashCode hash = default;
        hash.Add(StableHash(head));
        foreach (Ball value in values)
        {
            hash.Add(Coarse(value.Value.Re));
            hash.Add(Coarse(value.Value.Im));
        }

        return Opaque(hash.ToHashCode());
    }

    private Ball Opaque(int hash) => _ball.FromRational(new BigRational(hash | 1, 1 << 29));

    // Equal arguments computed along different paths differ in their last bits, which must not matter.
    private static BigInteger Coarse(BigFloat value)
    {
        Budget.Charge(64);
        BigFloat shifted = new(value.Mantissa, value.Exponent + 60);
        return BigFloat.Add(shifted, new BigFloat(1, -1), 4096).Floor();
    }

    private static int StableHash(string text)
    {
        int hash = 17;
        foreach (char c in text)
        {
            hash = unchecked(hash * 31 + c);
        }

        return hash;
    }

    private Ball Series(ApplyExpr series)
    {
        SymbolExpr variable = (SymbolExpr)series.Arguments[1];
        BigInteger start = RequireInteger(Evaluate(series.Arguments[2]));
        BigInteger end = RequireInteger(Evaluate(series.Arguments[3]));
        bool sum = series.Is(Heads.Sum);
        if (end - start > 20_000)
        {
            throw new NotComputableException("the sum has too many terms");
        }

        Ball result = _ball.FromRational(sum ? 0 : 1);
        bool shadowed = _bound.TryGetValue(variable, out Ball outer);
        for (BigInteger i = start; i <= end; i++)
        {
            _bound[variable] = _ball.FromRational(i);
            Ball term = Evaluate(series.Arguments[0]);
            result = sum ? _ball.Add(result, term) : _ball.Multiply(result, term);
        }

        _bound.Remove(variable);
        if (shadowed)
        {
            _bound[variable] = outer;
        }

        return result;
    }

    private BigInteger RequireInteger(Ball value)
    {
        BigInteger nearest = BigFloat.Add(value.Value.Re, new BigFloat(1, -1), 2 * bits).Floor();
        Ball distance = _ball.Subtract(value, _ball.FromRational(nearest));
        return value.IsReal && !distance.ExcludesZero && distance.ErrorBits < -8
            ? nearest
            : throw new NotComputableException("an integer was expected");
    }
}
