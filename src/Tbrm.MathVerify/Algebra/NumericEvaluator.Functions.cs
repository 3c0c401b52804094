using System;
using System.Numerics;

namespace Tbrm.MathVerify.Algebra;

/// <summary>This part: the functions that have a meaning.</summary>
internal sealed partial class NumericEvaluator
{
    private Ball Function(string head, Ball[] values)
    {
        Ball x = values[0];
        ComplexMath math = _ball.Math;
        switch (head)
        {
            case Heads.Abs:
                return x.IsReal ? x with { Value = BigFloat.Abs(x.Value.Re) }
                    : _ball.Rounded(math.Abs(x.Value), x.ErrorBits);
            case Heads.Held:
                return x;
            case Heads.Exp:
                return _ball.Exp(x);
            case Heads.Log:
                return values.Length == 2 && !IsE(values[1]) ? _ball.Divide(_ball.Log(x), _ball.Log(values[1]))
                    : _ball.Log(x);
            case "sin":
                return _ball.SinCos(x).Sin;
            case "cos":
                return _ball.SinCos(x).Cos;
            case "tan":
                (Ball sin, Ball cos) = _ball.SinCos(x);
                return _ball.Divide(sin, cos);
            case "cot":
                (sin, cos) = _ball.SinCos(x);
                return _ball.Divide(cos, sin);
            case "sec":
                return Inverse(_ball.SinCos(x).Cos);
            case "csc":
                return Inverse(_ball.SinCos(x).Sin);
            case "asin":
                return InverseSine(x, math.Asin(x.Value));
            case "acos":
                return InverseSine(x, math.Acos(x.Value));
            case "asec":
                return Function("acos", [Inverse(x)]);
            case "acsc":
                return Function("asin", [Inverse(x)]);
            case "atan":
                return _ball.Smooth(x, math.Atan(x.Value), x.IsReal ? 0 : 8);
            case "acot":
                return x.ExcludesZero ? Function("atan", [Inverse(x)]) : _ball.Divide(_ball.Pi, _ball.FromRational(2));
            case "sinh":
                return Half(_ball.Subtract(_ball.Exp(x), _ball.Exp(BallMath.Negate(x))));
            case "cosh":
                return Half(_ball.Add(_ball.Exp(x), _ball.Exp(BallMath.Negate(x))));
            case "tanh":
                return _ball.Divide(Function("sinh", [x]), Function("cosh", [x]));
            case "asinh":
                return _ball.Smooth(x, math.Asinh(x.Value), 4);
            case "acosh":
                return InverseSine(x, math.Acosh(x.Value));
            case "atanh":
                return InverseSine(x, math.Atanh(x.Value));
            default:
                return IntegerFunction(head, values);
        }
    }

    private Ball IntegerFunction(string head, Ball[] values)
    {
        Ball x = values[0];
        switch (head)
        {
            case Heads.Factorial:
                return Factorial(x);
            case Heads.Binomial:
                return Binomial(x, values[1]);
            case Heads.Floor:
                return Floor(x);
            case Heads.Ceiling:
                return BallMath.Negate(Floor(BallMath.Negate(x)));
            case Heads.Mod:
                return _ball.Subtract(x, _ball.Multiply(values[1], Floor(_ball.Divide(x, values[1]))));
            case Heads.Max or Heads.Min:
                return Extreme(values, head == Heads.Max ? 1 : -1);
            default:
                throw new NotComputableException($"the function {head} has no numeric value");
        }
    }

    private bool IsE(Ball value) => !_ball.Subtract(value, _ball.Exp(_ball.FromRational(1))).ExcludesZero;

    private Ball Inverse(Ball x) => _ball.Divide(_ball.FromRational(1), x);

    private Ball Half(Ball x) => _ball.Divide(x, _ball.FromRational(2));

    /// <summary>Functions with slope 1/sqrt(1 - x^2), 1/sqrt(x^2 - 1) or 1/(1 - x^2).</summary>
    private Ball InverseSine(Ball x, BigComplex value)
    {
        Ball distance = _ball.Subtract(_ball.FromRational(1), _ball.Multiply(x, x));
        long slope = distance.ExcludesZero ? Math.Max(0, 1 - distance.Value.Magnitude) : bits / 2;
        return distance.ExcludesZero || x.ErrorBits == Algebra.Ball.Exact
            ? _ball.Smooth(x, value, slope + 2)
            : new Ball(value, Math.Max(x.ErrorBits, -bits) / 2 + 2);
    }

    private Ball Floor(Ball x)
    {
        if (!x.IsReal)
        {
            throw new NotComputableException("floor of a complex number");
        }

        // A value that cannot be told from an integer is that integer.
        BigInteger nearest = BigFloat.Add(x.Value.Re, new BigFloat(1, -1), 2 * bits).Floor();
        Ball distance = _ball.Subtract(x, _ball.FromRational(nearest));
        if (!distance.ExcludesZero)
        {
            return distance.ErrorBits < -bits / 4 ? _ball.FromRational(nearest)
                : throw new NotComputableException("floor of an uncertain number");
        }

        return _ball.FromRational(distance.Value.Re.Sign < 0 ? nearest - 1 : nearest);
    }

    private static Ball Extreme(Ball[] values, int sign)
    {
        Ball best = values[0];
        foreach (Ball value in values)
        {
            if (!value.IsReal)
            {
                throw new NotComputableException("the largest of complex numbers");
            }

            best = sign * value.Value.Re.CompareTo(best.Value.Re) > 0 ? value : best;
        }

        return best;
    }

    private Ball Factorial(Ball n)
    {
        if (n.IsReal && n.ErrorBits == Algebra.Ball.Exact && n.Value.Re.Exponent >= 0 && n.Value.Re.Magnitude < 40)
        {
            BigInteger integer = n.Value.Re.Floor();
            if (integer.Sign < 0)
            {
                throw new NotComputableException("factorial of a negative integer");
            }

            if (integer <= 3000)
            {
                return _ball.FromRational(IntegerMath.Factorial(integer, budget)!.Value);
            }
        }

        return Gamma(_ball.Add(n, _ball.FromRational(1)));
    }

    private Ball Binomial(Ball n, Ball k)
    {
        if (k.IsReal && k.ErrorBits == Algebra.Ball.Exact && k.Value.Re.Exponent >= 0 && k.Value.Re.Magnitude < 12)
        {
            int count = (int)k.Value.Re.Floor();
            Ball result = _ball.FromRational(count < 0 ? 0 : 1);
            for (int i = 0; i < count; i++)
            {
                Ball factor = _ball.Subtract(n, _ball.FromRational(i));
                result = _ball.Divide(_ball.Multiply(result, factor), _ball.FromRational(i + 1));
            }

            return result;
        }

        Ball below = _ball.Multiply(Factorial(k), Factorial(_ball.Subtract(n, k)));
        return _ball.Divide(Factorial(n), below);
    }

    /// <summary>Gamma by recurrence to a large argument and Stirling's series there; reflection on the left
    /// half-plane.</summary>
    private Ball Gamma(Ball z)
    {
        if (z.Value.Re.Sign <= 0)
        {
            Ball sine = _ball.SinCos(_ball.Multiply(_ball.Pi, z)).Sin;
            return _ball.Divide(_ball.Pi, _ball.Multiply(sine, Gamma(_ball.Subtract(_ball.FromRational(1), z))));
        }

        // The Bernoulli numbers are kept, and paid for as if they were not: a grade does not depend on what was graded
        // before.
        long terms = Math.Max(4, bits / 8);
        budget.Spend(terms * terms * (1 + terms / 32));
        Ball product = _ball.FromRational(1);
        Ball x = z;
        BigFloat large = bits / 4;
        while (x.Value.Re.CompareTo(large) < 0)
        {
            product = _ball.Multiply(product, x);
            x = _ball.Add(x, _ball.FromRational(1));
        }

        // log Gamma(x) = (x - 1/2) log x - x + log(2 pi)/2 + sum B_2k / (2k (2k - 1) x^(2k - 1))
        Ball log = _ball.Log(x);
        Ball half = _ball.FromRational(new BigRational(1, 2));
        Ball result = _ball.Subtract(_ball.Multiply(_ball.Subtract(x, half), log), x);
        result = _ball.Add(result, _ball.Multiply(half, _ball.Log(_ball.Multiply(_ball.FromRational(2), _ball.Pi))));
        Ball square = _ball.Multiply(x, x);
        Ball power = x;
        Ball term = default;
        for (int k = 1; k <= (int)terms; k++)
        {
            BigRational factor = Bernoulli.Even(k) / (2 * k * (2 * k - 1));
            term = _ball.Divide(_ball.FromRational(factor), power);
            result = _ball.Add(result, term);
            power = _ball.Multiply(power, square);
        }

        // The series is cut where its terms are below the precision; the last one bounds what is left out.
        Ball total = _ball.Exp(result with { ErrorBits = Math.Max(result.ErrorBits, term.Value.Magnitude) });
        return _ball.Divide(total, product);
    }
}
