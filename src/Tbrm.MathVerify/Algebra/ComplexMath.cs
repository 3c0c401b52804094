using System;

namespace Tbrm.MathVerify.Algebra;

/// <summary>Complex functions at one precision, on the principal branches that sympy uses.</summary>
internal sealed class ComplexMath(int bits, Budget budget)
{
    private readonly BigMath _real = new(bits, budget);

    public int Bits => _real.Bits;

    public BigMath Real => _real;

    public BigComplex Add(BigComplex a, BigComplex b) =>
        new(BigFloat.Add(a.Re, b.Re, Bits), BigFloat.Add(a.Im, b.Im, Bits));

    public BigComplex Subtract(BigComplex a, BigComplex b) => Add(a, -b);

    public BigComplex Multiply(BigComplex a, BigComplex b)
    {
        budget.Spend(2);
        if (a.IsReal && b.IsReal)
        {
            return BigFloat.Multiply(a.Re, b.Re, Bits);
        }

        budget.Spend(8 + Bits / 16 + 2 * LongNumberCost.Multiply(Bits / 16));

        // The products are exact, so that no part is lost to cancellation before the one rounding at the end.
        int exact = 4 * Bits + 64;
        BigFloat re = BigFloat.Subtract(
            BigFloat.Multiply(a.Re, b.Re, exact), BigFloat.Multiply(a.Im, b.Im, exact), Bits);
        BigFloat im = BigFloat.Add(BigFloat.Multiply(a.Re, b.Im, exact), BigFloat.Multiply(a.Im, b.Re, exact), Bits);
        return new BigComplex(re, im);
    }

    public BigComplex Divide(BigComplex a, BigComplex b)
    {
        budget.Spend(8 + Bits / 16 + LongNumberCost.Multiply(Bits / 32));
        if (b.IsReal)
        {
            return new BigComplex(BigFloat.Divide(a.Re, b.Re, Bits), BigFloat.Divide(a.Im, b.Re, Bits));
        }

        BigFloat norm = BigFloat.Add(
            BigFloat.Multiply(b.Re, b.Re, Bits + 32), BigFloat.Multiply(b.Im, b.Im, Bits + 32), Bits + 32);
        BigComplex product = Multiply(a, new BigComplex(b.Re, -b.Im));
        return new BigComplex(BigFloat.Divide(product.Re, norm, Bits), BigFloat.Divide(product.Im, norm, Bits));
    }

    public BigFloat Abs(BigComplex a)
    {
        if (a.IsReal)
        {
            return BigFloat.Abs(a.Re);
        }

        BigFloat sum = BigFloat.Add(
            BigFloat.Multiply(a.Re, a.Re, Bits + 32), BigFloat.Multiply(a.Im, a.Im, Bits + 32), Bits + 32);
        return BigFloat.Sqrt(sum, Bits);
    }

    /// <summary>The argument in (-pi, pi].</summary>
    public BigFloat Arg(BigComplex a)
    {
        if (a.IsReal)
        {
            return a.Re.Sign >= 0 ? BigFloat.Zero : _real.Pi;
        }

        BigFloat halfPi = new(_real.Pi.Mantissa, _real.Pi.Exponent - 1);
        if (a.Re.IsZero)
        {
            return a.Im.Sign > 0 ? halfPi : -halfPi;
        }

        BigFloat angle = _real.Atan(BigFloat.Divide(a.Im, a.Re, Bits + 16));
        if (a.Re.Sign > 0)
        {
            return angle;
        }

        return a.Im.Sign > 0 ? BigFloat.Add(angle, _real.Pi, Bits) : BigFloat.Subtract(angle, _real.Pi, Bits);
    }

    public BigComplex Exp(BigComplex a)
    {
        BigFloat modulus = _real.Exp(a.Re);
        if (a.IsReal)
        {
            return modulus;
        }

        (BigFloat sin, BigFloat cos) = _real.SinCos(a.Im);
        return new BigComplex(BigFloat.Multiply(modulus, cos, Bits), BigFloat.Multiply(modulus, sin, Bits));
    }

    public BigComplex Log(BigComplex a)
    {
        if (a.IsZero)
        {
            throw new NotComputableException("logarithm of zero");
        }

        return new BigComplex(_real.Log(Abs(a)), Arg(a));
    }

    public BigComplex Sqrt(BigComplex a)
    {
        if (a.IsReal)
        {
            return a.Re.Sign >= 0
                ? BigFloat.Sqrt(a.Re, Bits)
                : new BigComplex(BigFloat.Zero, BigFloat.Sqrt(-a.Re, Bits));
        }

        BigComplex half = Log(a);
        return Exp(new BigComplex(Half(half.Re), Half(half.Im)));
    }

    /// <summary>The principal value of a^b; 0^b is 0 for b with a positive real part.</summary>
    public BigComplex Pow(BigComplex a, BigComplex b)
    {
        if (b.IsZero)
        {
            return BigComplex.One;
        }

        if (a.IsZero)
        {
            return b.Re.Sign > 0 ? BigComplex.Zero
                : throw new NotComputableException("zero to a power that is not positive");
        }

        if (b.IsReal && b.Re.Magnitude < 20 && b.Re.Exponent >= 0)
        {
            return IntegerPow(a, (long)b.Re.Floor());
        }

        if (b.IsReal && b.Re.Mantissa.IsOne && b.Re.Exponent == -1)
        {
            return Sqrt(a);
        }

        if (a.IsReal && a.Re.Sign > 0 && b.IsReal)
        {
            // The exponent's size costs bits of the logarithm.
            int extra = (int)Math.Clamp(b.Re.Magnitude, 0, 64) + 16;
            BigMath wide = new(Bits + extra, budget);
            return wide.Exp(BigFloat.Multiply(b.Re, wide.Log(a.Re), Bits + extra)).Round(Bits);
        }

        return Exp(Multiply(b, Log(a)));
    }

    public (BigComplex Sin, BigComplex Cos) SinCos(BigComplex a)
    {
        if (a.IsReal)
        {
            (BigFloat sin, BigFloat cos) = _real.SinCos(a.Re);
            return (sin, cos);
        }

        // sin z = (e^iz - e^-iz) / 2i, cos z = (e^iz + e^-iz) / 2
        BigComplex iz = new(-a.Im, a.Re);
        BigComplex plus = Exp(iz);
        BigComplex minus = Exp(-iz);
        BigComplex difference = Subtract(plus, minus);
        BigComplex sum = Add(plus, minus);
        return (new BigComplex(Half(difference.Im), -Half(difference.Re)), new BigComplex(Half(sum.Re), Half(sum.Im)));
    }

    public BigComplex Atan(BigComplex a)
    {
        if (a.IsReal)
        {
            return _real.Atan(a.Re);
        }

        // atan z = i/2 (log(1 - iz) - log(1 + iz))
        BigComplex iz = new(-a.Im, a.Re);
        BigComplex difference = Subtract(Log(Subtract(BigComplex.One, iz)), Log(Add(BigComplex.One, iz)));
        return new BigComplex(-Half(difference.Im), Half(difference.Re));
    }

    public BigComplex Asin(BigComplex a)
    {
        // asin z = -i log(iz + sqrt(1 - z^2))
        BigComplex root = Sqrt(Subtract(BigComplex.One, Multiply(a, a)));
        BigComplex log = Log(Add(new BigComplex(-a.Im, a.Re), root));
        bool real = a.IsReal && BigFloat.Abs(a.Re).CompareTo(BigFloat.One) <= 0;
        return new BigComplex(log.Im, real ? BigFloat.Zero : -log.Re);
    }

    public BigComplex Acos(BigComplex a)
    {
        BigComplex halfPi = new BigFloat(_real.Pi.Mantissa, _real.Pi.Exponent - 1);
        return Subtract(halfPi, Asin(a));
    }

    public BigComplex Asinh(BigComplex a) => Log(Add(a, Sqrt(Add(Multiply(a, a), BigComplex.One))));

    public BigComplex Acosh(BigComplex a) =>
        Log(Add(a, Multiply(Sqrt(Add(a, BigComplex.One)), Sqrt(Subtract(a, BigComplex.One)))));

    public BigComplex Atanh(BigComplex a)
    {
        BigComplex log = Subtract(Log(Add(BigComplex.One, a)), Log(Subtract(BigComplex.One, a)));
        return new BigComplex(Half(log.Re), Half(log.Im));
    }

    private static BigFloat Half(BigFloat a) => new(a.Mantissa, a.Exponent - 1);

    private BigComplex IntegerPow(BigComplex a, long exponent)
    {
        long n = Math.Abs(exponent);
        BigComplex result = BigComplex.One;
        BigComplex square = a;
        while (n > 0)
        {
            if ((n & 1) != 0)
            {
                result = Multiply(result, square);
            }

            n >>= 1;
            if (n > 0)
            {
                square = Multiply(square, square);
            }
        }

        return exponent >= 0 ? result : Divide(BigComplex.One, result);
    }
}
