using System;
using System.Numerics;

namespace Tbrm.MathVerify.Algebra;

/// <summary>A binary floating-point number, mantissa * 2^exponent, of any precision; the precision is an argument of
/// the operations.</summary>
internal readonly struct BigFloat : IComparable<BigFloat>
{
    /// <summary>Exponents beyond this are refused: 2^(2^40) has no place in an answer.</summary>
    public const long MaxExponent = 1L << 40;

    public BigFloat(BigInteger mantissa, long exponent)
    {
        Mantissa = mantissa;
        Exponent = mantissa.IsZero ? 0 : exponent;
    }

    public BigInteger Mantissa { get; }

    public long Exponent { get; }

    public static BigFloat Zero => default;

    public static BigFloat One => new(BigInteger.One, 0);

    public bool IsZero => Mantissa.IsZero;

    public int Sign => Mantissa.Sign;

    /// <summary>The k with 2^(k-1) &lt;= |x| &lt; 2^k; <see cref="long.MinValue"/> / 2 for zero.</summary>
    public long Magnitude => IsZero ? long.MinValue / 2 : Exponent + (long)BigInteger.Abs(Mantissa).GetBitLength();

    public static implicit operator BigFloat(int value) => new(value, 0);

    public static BigFloat operator -(BigFloat a) => new(-a.Mantissa, a.Exponent);

    public static BigFloat Abs(BigFloat a) => new(BigInteger.Abs(a.Mantissa), a.Exponent);

    /// <summary>The value rounded to nearest (ties to even) at <paramref name="bits"/> bits.</summary>
    public BigFloat Round(int bits)
    {
        long excess = (long)BigInteger.Abs(Mantissa).GetBitLength() - bits;
        if (excess <= 0)
        {
            return this;
        }

        int shift = (int)excess;
        BigInteger absolute = BigInteger.Abs(Mantissa);
        BigInteger quotient = absolute >> shift;
        BigInteger rest = absolute - (quotient << shift);
        int half = rest.CompareTo(BigInteger.One << (shift - 1));
        if (half > 0 || (half == 0 && !quotient.IsEven))
        {
            quotient += 1;
        }

        return Checked(Mantissa.Sign < 0 ? -quotient : quotient, Exponent + shift);
    }

    public static BigFloat Add(BigFloat a, BigFloat b, int bits)
    {
        if (a.IsZero)
        {
            return b.Round(bits);
        }

        if (b.IsZero)
        {
            return a.Round(bits);
        }

        // A term far below the other's last bit only matters as a sticky bit, which rounding to nearest can do without.
        long gap = a.Magnitude - b.Magnitude;
        if (gap > bits + 4L)
        {
            return a.Round(bits);
        }

        if (gap < -(bits + 4L))
        {
            return b.Round(bits);
        }

        long exponent = Math.Min(a.Exponent, b.Exponent);
        BigInteger sum = (a.Mantissa << (int)(a.Exponent - exponent)) + (b.Mantissa << (int)(b.Exponent - exponent));
        return new BigFloat(sum, exponent).Round(bits);
    }

    public static BigFloat Subtract(BigFloat a, BigFloat b, int bits) => Add(a, -b, bits);

    public static BigFloat Multiply(BigFloat a, BigFloat b, int bits) =>
        Checked(a.Mantissa * b.Mantissa, a.Exponent + b.Exponent).Round(bits);

    public static BigFloat Divide(BigFloat a, BigFloat b, int bits)
    {
        if (b.IsZero)
        {
            throw new NotComputableException("division by zero");
        }

        if (a.IsZero)
        {
            return Zero;
        }

        long shift = bits + 2L + (long)BigInteger.Abs(b.Mantissa).GetBitLength() - (long)BigInteger.Abs(a.Mantissa)
            .GetBitLength();
        shift = Math.Max(shift, 0);
        BigInteger quotient = BigInteger.DivRem(a.Mantissa << (int)shift, b.Mantissa, out BigInteger rest);
        if (!rest.IsZero)
        {
            // A sticky bit keeps the following rounding correct.
            quotient = (quotient << 1) + (a.Mantissa.Sign * b.Mantissa.Sign);
            return Checked(quotient, a.Exponent - b.Exponent - shift - 1).Round(bits);
        }

        return Checked(quotient, a.Exponent - b.Exponent - shift).Round(bits);
    }

    public static BigFloat Sqrt(BigFloat a, int bits)
    {
        if (a.Sign < 0)
        {
            throw new NotComputableException("square root of a negative number");
        }

        if (a.IsZero)
        {
            return Zero;
        }

        long shift = Math.Max(0, 2L * bits + 8 - (long)a.Mantissa.GetBitLength());
        if (((a.Exponent - shift) & 1) != 0)
        {
            shift++;
        }

        BigInteger scaled = a.Mantissa << (int)shift;
        BigInteger root = IntegerMath.Sqrt(scaled);
        long exponent = (a.Exponent - shift) / 2;

        // A sticky bit keeps the rounding correct.
        return root * root == scaled ? new BigFloat(root, exponent).Round(bits)
            : new BigFloat((root << 1) + 1, exponent - 1).Round(bits);
    }

    public static BigFloat FromRational(BigRational value, int bits) =>
        Divide(new BigFloat(value.Numerator, 0), new BigFloat(value.Denominator, 0), bits);

    /// <summary>The exact value as a fraction; for numbers whose exponent is small enough to be written out.</summary>
    public BigRational ToRational()
    {
        if (Math.Abs(Exponent) > 1_000_000)
        {
            throw new NotComputableException("the number is too large to be written out");
        }

        return Exponent >= 0
            ? new BigRational(Mantissa << (int)Exponent)
            : new BigRational(Mantissa, BigInteger.One << (int)-Exponent);
    }

    /// <summary>The largest integer that is not above the value.</summary>
    public BigInteger Floor()
    {
        if (Exponent >= 0)
        {
            if (Exponent > 1_000_000)
            {
                throw new NotComputableException("the number is too large to be written out");
            }

            return Mantissa << (int)Exponent;
        }

        // An arithmetic shift of a negative BigInteger rounds down.
        return -Exponent > int.MaxValue ? (Sign < 0 ? BigInteger.MinusOne : BigInteger.Zero)
            : Mantissa >> (int)-Exponent;
    }

    public double ToDouble()
    {
        BigFloat rounded = Round(53);
        return rounded.Exponent switch
        {
            > 1100 => rounded.Sign * double.PositiveInfinity,
            < -1200 => 0,
            _ => Math.ScaleB((double)rounded.Mantissa, (int)rounded.Exponent),
        };
    }

    public int CompareTo(BigFloat other)
    {
        if (Sign != other.Sign || IsZero)
        {
            return Sign.CompareTo(other.Sign);
        }

        if (Magnitude != other.Magnitude)
        {
            return Sign * Magnitude.CompareTo(other.Magnitude);
        }

        long exponent = Math.Min(Exponent, other.Exponent);
        return (Mantissa << (int)(Exponent - exponent)).CompareTo(other.Mantissa << (int)(other.Exponent - exponent));
    }

    private static BigFloat Checked(BigInteger mantissa, long exponent)
    {
        return Math.Abs(exponent) <= MaxExponent
            ? new BigFloat(mantissa, exponent)
            : throw new NotComputableException("the number's exponent is out of range");
    }
}
