using System;
using System.Globalization;
using System.Numerics;

namespace Tbrm.MathVerify.Algebra;

/// <summary>An exact fraction in lowest terms with a positive denominator.</summary>
internal readonly struct BigRational : IEquatable<BigRational>, IComparable<BigRational>
{
    private readonly BigInteger _denominator;

    public BigRational(BigInteger numerator, BigInteger denominator)
    {
        if (denominator.IsZero)
        {
            throw new DivideByZeroException();
        }

        if (denominator.IsOne)
        {
            Numerator = numerator;
            _denominator = denominator;
            return;
        }

        long words = LongNumberCost.Words(numerator), others = LongNumberCost.Words(denominator);
        Budget.Charge(LongNumberCost.Gcd(words, others) + 2 * LongNumberCost.Multiply(words + others));
        BigInteger divisor = BigInteger.GreatestCommonDivisor(numerator, denominator);
        if (denominator.Sign < 0)
        {
            divisor = -divisor;
        }

        Numerator = numerator / divisor;
        _denominator = denominator / divisor;
    }

    public BigRational(BigInteger integer)
    {
        Numerator = integer;
        _denominator = BigInteger.One;
    }

    public static BigRational Zero => new(BigInteger.Zero);

    public static BigRational One => new(BigInteger.One);

    public BigInteger Numerator { get; }

    /// <summary>At least 1, also for <c>default</c>, which is zero.</summary>
    public BigInteger Denominator => _denominator.IsZero ? BigInteger.One : _denominator;

    public int Sign => Numerator.Sign;

    public bool IsZero => Numerator.IsZero;

    public bool IsInteger => Denominator.IsOne;

    public static implicit operator BigRational(int value) => new(value);

    public static implicit operator BigRational(BigInteger value) => new(value);

    public static BigRational operator +(BigRational a, BigRational b) =>
        new(a.Numerator * b.Denominator + b.Numerator * a.Denominator, a.Denominator * b.Denominator);

    public static BigRational operator -(BigRational a, BigRational b) =>
        new(a.Numerator * b.Denominator - b.Numerator * a.Denominator, a.Denominator * b.Denominator);

    public static BigRational operator -(BigRational a) => new(-a.Numerator, a.Denominator);

    public static BigRational operator *(BigRational a, BigRational b)
    {
        Budget.Charge(LongNumberCost.Multiply((a.BitLength + b.BitLength) / 64));
        return new(a.Numerator * b.Numerator, a.Denominator * b.Denominator);
    }

    public static BigRational operator /(BigRational a, BigRational b) =>
        new(a.Numerator * b.Denominator, a.Denominator * b.Numerator);

    public static bool operator ==(BigRational a, BigRational b) => a.Equals(b);

    public static bool operator !=(BigRational a, BigRational b) => !a.Equals(b);

    public static bool operator <(BigRational a, BigRational b) => a.CompareTo(b) < 0;

    public static bool operator >(BigRational a, BigRational b) => a.CompareTo(b) > 0;

    public static bool operator <=(BigRational a, BigRational b) => a.CompareTo(b) <= 0;

    public static bool operator >=(BigRational a, BigRational b) => a.CompareTo(b) >= 0;

    public static BigRational Abs(BigRational a) => a.Sign < 0 ? -a : a;

    /// <summary>Exact power; the exponent may be negative for a base other than zero.</summary>
    public static BigRational Pow(BigRational a, int exponent)
    {
        Budget.Charge(LongNumberCost.Multiply(a.BitLength * Math.Abs((long)exponent) / 64));
        return exponent >= 0
            ? new BigRational(BigInteger.Pow(a.Numerator, exponent), BigInteger.Pow(a.Denominator, exponent))
            : new BigRational(BigInteger.Pow(a.Denominator, -exponent), BigInteger.Pow(a.Numerator, -exponent));
    }

    /// <summary>The largest integer that is not above the value.</summary>
    public BigInteger Floor()
    {
        BigInteger quotient = BigInteger.DivRem(Numerator, Denominator, out BigInteger remainder);
        return remainder.Sign < 0 ? quotient - 1 : quotient;
    }

    /// <summary>Reads <c>[-]digits[.digits][e[+-]digits]</c>; the exponent's size is the caller's to check.</summary>
    public static BigRational ParseDecimal(string text)
    {
        int exponentAt = text.AsSpan().IndexOfAny('e', 'E');
        string mantissa = exponentAt < 0 ? text : text[..exponentAt];
        int exponent = exponentAt < 0 ? 0
            : int.Parse(text.AsSpan(exponentAt + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        int point = mantissa.IndexOf('.', StringComparison.Ordinal);
        if (point >= 0)
        {
            exponent -= mantissa.Length - point - 1;
            mantissa = mantissa.Remove(point, 1);
        }

        Budget.Charge(LongNumberCost.Decimal(mantissa.Length) + LongNumberCost.Multiply(Math.Abs((long)exponent) / 19));
        BigInteger digits = BigInteger.Parse(mantissa, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        return exponent >= 0
            ? new BigRational(digits * BigInteger.Pow(10, exponent))
            : new BigRational(digits, BigInteger.Pow(10, -exponent));
    }

    /// <summary>An upper bound of the bits of numerator and denominator together.</summary>
    public long BitLength => (long)Numerator.GetBitLength() + (long)Denominator.GetBitLength();

    public int CompareTo(BigRational other)
    {
        Budget.Charge(2 * LongNumberCost.Multiply((BitLength + other.BitLength) / 128));
        return (Numerator * other.Denominator).CompareTo(other.Numerator * Denominator);
    }

    public bool Equals(BigRational other) => Numerator == other.Numerator && Denominator == other.Denominator;

    public override bool Equals(object? obj) => obj is BigRational other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(Numerator, Denominator);

    public override string ToString() => IsInteger
        ? Numerator.ToString(CultureInfo.InvariantCulture)
        : $"{Numerator.ToString(CultureInfo.InvariantCulture)}/{Denominator.ToString(CultureInfo.InvariantCulture)}";
}
