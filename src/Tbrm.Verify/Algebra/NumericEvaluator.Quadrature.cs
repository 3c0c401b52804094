using System;

namespace Tbrm.Verify.Algebra;

/// <summary>This part: definite integrals over finite ranges by tanh-sinh quadrature.</summary>
internal sealed partial class NumericEvaluator
{
    private const int MaxLevel = 8;

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
        Ball half = Half(_ball.Subtract(upper, lower));
        Ball middle = Half(_ball.Add(upper, lower));
        Ball previous = default;
        for (int level = 3; level <= MaxLevel; level++)
        {
            Ball sum = _ball.Multiply(half, Trapezoid(integral.Arguments[0], variable, middle, half, level));
            long change = _ball.Subtract(sum, previous).Value.Magnitude;

            // Each level doubles the correct bits, so the last change bounds the error generously.
            if (level > 3 && change < sum.Value.Magnitude - bits / 2)
            {
                return sum with { ErrorBits = Math.Max(change, sum.ErrorBits) - (change < sum.Value.Magnitude - bits + 20 ? 0 : bits / 4) };
            }

            previous = sum;
        }

        throw new NotComputableException("the integral does not converge fast enough");
    }

    // x = tanh(pi/2 sinh t), dx = pi/2 cosh t / cosh^2(pi/2 sinh t) dt, t in steps of 2^-level.
    private Ball Trapezoid(Expr integrand, SymbolExpr variable, Ball middle, Ball half, int level)
    {
        Ball step = _ball.FromRational(new BigRational(1, 1 << level));
        Ball halfPi = Half(_ball.Pi);
        Ball total = _ball.FromRational(0);
        int reach = (int)(Math.Log(bits * 0.6931 * 2 / Math.PI) * (1 << level)) + 1;
        for (int k = -reach; k <= reach; k++)
        {
            Ball t = _ball.Multiply(step, _ball.FromRational(k));
            Ball inner = _ball.Multiply(halfPi, Function("sinh", [t]));
            Ball cosh = Function("cosh", [inner]);
            Ball node = _ball.Divide(Function("sinh", [inner]), cosh);
            Ball weight = _ball.Divide(_ball.Multiply(halfPi, Function("cosh", [t])), _ball.Multiply(cosh, cosh));
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
        return _ball.Multiply(step, total);
    }
}
