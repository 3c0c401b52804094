using System;
using System.Collections.Concurrent;
using System.Threading;

namespace Tbrm.MathVerify.Algebra;

/// <summary>This part: definite integrals, exactly for polynomials, by tanh-sinh quadrature for everything
/// else.</summary>
internal sealed partial class NumericEvaluator
{
    private const int FirstLevel = 4;
    private const int LastLevel = 8;
    private const int MaxBits = 1536;
    private const int BitsOfTables = 128;

    /// <summary>Nodes and weights on [-1, 1] by precision and level; the same for every integrand.</summary>
    private static readonly ConcurrentDictionary<(int Bits, int Level), (Ball Node, Ball Weight)[]> s_nodes = new();

    private Ball Quadrature(ApplyExpr integral)
    {
        if (integral.Arguments.Count != 4)
        {
            // Without limits it stands for itself: the same integral has the same (made-up) value everywhere.
            return Opaque(integral.GetHashCode());
        }

        SymbolExpr variable = (SymbolExpr)integral.Arguments[1];
        Ball lower = Evaluate(integral.Arguments[2]);
        Ball upper = Evaluate(integral.Arguments[3]);
        if (RationalForm.Of(integral.Arguments[0], variable, budget) is { Denominator.Length: 1 } polynomial)
        {
            return _ball.Subtract(Antiderivative(polynomial, upper), Antiderivative(polynomial, lower));
        }

        if (bits > MaxBits)
        {
            throw new NotComputableException("the integral is too large for its error to be known");
        }

        Ball half = Half(_ball.Subtract(upper, lower));
        Ball middle = Half(_ball.Add(upper, lower));
        Ball previous = default;
        for (int level = FirstLevel; level <= LastLevel; level++)
        {
            Ball sum = _ball.Multiply(half, Trapezoid(integral.Arguments[0], variable, middle, half, level));
            BigComplex change = _ball.Subtract(sum, previous).Value;

            // Each level doubles the correct bits, so that the last change bounds the error generously.
            if (level > FirstLevel && change.Magnitude < sum.Value.Magnitude - bits / 2)
            {
                double error = change.IsZero ? Algebra.Ball.Exact : change.Magnitude - bits / 4;
                return sum with { ErrorBits = Math.Max(error, sum.ErrorBits) };
            }

            previous = sum;
        }

        throw new NotComputableException("the integral does not converge fast enough");
    }

    private Ball Antiderivative(RationalForm polynomial, Ball at)
    {
        Ball total = _ball.FromRational(0);
        for (int i = polynomial.Numerator.Length - 1; i >= 0; i--)
        {
            Ball coefficient = _ball.Divide(Evaluate(polynomial.Numerator[i]), _ball.FromRational(i + 1));
            total = _ball.Add(_ball.Multiply(total, at), coefficient);
        }

        return _ball.Divide(_ball.Multiply(total, at), Evaluate(polynomial.Denominator[0]));
    }

    private Ball Trapezoid(Expr integrand, SymbolExpr variable, Ball middle, Ball half, int level)
    {
        Ball total = _ball.FromRational(0);
        int tableBits = (bits + BitsOfTables - 1) / BitsOfTables * BitsOfTables;
        foreach ((Ball node, Ball weight) in s_nodes.GetOrAdd((tableBits, level), key => Nodes(key.Bits, key.Level)))
        {
            _bound[variable] = _ball.Add(middle, _ball.Multiply(half, node));
            try
            {
                total = _ball.Add(total, _ball.Multiply(weight, Evaluate(integrand)));
            }
            catch (NotComputableException) when (weight.Value.Magnitude < -bits / 3)
            {
                // An integrable singularity at an end: its node carries next to no weight.
            }
        }

        _bound.Remove(variable);
        return total;
    }

    // x = tanh(pi/2 sinh t), dx = pi/2 cosh t / cosh^2(pi/2 sinh t) dt, t in steps of 2^-level until the weights
    // vanish.
    private static (Ball Node, Ball Weight)[] Nodes(int bits, int level)
    {
        // Tables are kept, and not paid for by whoever asks first: a grade does not depend on what was graded before.
        Budget free = new(CancellationToken.None, long.MaxValue);
        return free.Run(() => Nodes(new NumericEvaluator(bits, free), bits, level));
    }

    private static (Ball Node, Ball Weight)[] Nodes(NumericEvaluator evaluator, int bits, int level)
    {
        BallMath ball = evaluator.Ball;
        Ball step = ball.FromRational(new BigRational(1, 1 << level));
        Ball halfPi = evaluator.Half(ball.Pi);
        int reach = (int)(Math.Log(bits * 0.6931 * 2 / Math.PI) * (1 << level)) + 1;
        (Ball Node, Ball Weight)[] nodes = new (Ball Node, Ball Weight)[2 * reach + 1];
        for (int k = 0; k <= reach; k++)
        {
            (Ball sinh, Ball cosh) = evaluator.SinhCosh(ball.Multiply(step, ball.FromRational(k)));
            (Ball innerSinh, Ball innerCosh) = evaluator.SinhCosh(ball.Multiply(halfPi, sinh));
            Ball weight = ball.Multiply(
                step, ball.Divide(ball.Multiply(halfPi, cosh), ball.Multiply(innerCosh, innerCosh)));
            Ball node = ball.Divide(innerSinh, innerCosh);
            nodes[reach + k] = (node, weight);
            nodes[reach - k] = (BallMath.Negate(node), weight);
        }

        return nodes;
    }

    /// <summary>Both by one exponential: e^x and 1/e^x.</summary>
    private (Ball Sinh, Ball Cosh) SinhCosh(Ball x)
    {
        Ball grown = _ball.Exp(x);
        Ball shrunk = Inverse(grown);
        return (Half(_ball.Subtract(grown, shrunk)), Half(_ball.Add(grown, shrunk)));
    }
}
