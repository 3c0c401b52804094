using System;
using System.Numerics;

namespace Tbrm.Tasks.Python;

/// <summary>What a <see cref="SympyValue"/> is.</summary>
internal enum SympyKind
{
    /// <summary>A rational number, kept exactly.</summary>
    Exact,

    /// <summary>A real number that is kept as a float: decimals, roots, infinities, not-a-number.</summary>
    Real,

    /// <summary>The infinity of the complex plane, which 1/0 gives.</summary>
    ComplexInfinity,

    /// <summary>A Python bool: a float to <c>float()</c>, and nothing that arithmetic takes.</summary>
    Boolean,

    /// <summary>SymPy's own truth of a comparison: nothing that <c>float()</c> or arithmetic takes; NaN while symbols
    /// leave it open.</summary>
    Truth,

    /// <summary>Anything without a float value: symbols, complex numbers, functions.</summary>
    Opaque,
}

/// <summary>
/// A value of an arithmetic expression as SymPy computes it, as far as <c>float()</c> of the result can tell: rationals
/// exactly, other reals
/// as floats.
/// </summary>
internal readonly record struct SympyValue(SympyKind Kind, BigInteger Numerator, BigInteger Denominator, double Number)
{
    // Powers and factorials beyond this many bits are far outside of floats, and would only cost time.
    private const long MaxBits = 1 << 18;

    /// <summary>A value that is no number.</summary>
    public static SympyValue Opaque { get; } = new(SympyKind.Opaque, 0, 1, 0);

    private static SympyValue ComplexInfinity { get; } = new(SympyKind.ComplexInfinity, 0, 1, 0);

    private bool IsNaN => Kind == SympyKind.Real && double.IsNaN(Number);

    private bool IsZero => Kind == SympyKind.Exact ? Numerator.IsZero : Kind == SympyKind.Real && Number == 0;

    /// <summary>Whether Python takes it for true.</summary>
    /// <exception cref="FormatException">A comparison that symbols leave open.</exception>
    public bool IsTrue => Kind switch
    {
        SympyKind.Truth when double.IsNaN(Number) => throw new FormatException("a comparison of numbers was expected"),
        SympyKind.Truth or SympyKind.Boolean => Number != 0,
        _ => !IsZero,
    };

    /// <summary>Whether it is an exact integer.</summary>
    public bool IsInteger => Kind == SympyKind.Exact && Denominator.IsOne;

    /// <summary>An exact integer.</summary>
    public static SympyValue Integer(BigInteger value) => new(SympyKind.Exact, value, 1, 0);

    /// <summary>A float.</summary>
    public static SympyValue Real(double value) => new(SympyKind.Real, 0, 1, value);

    /// <summary>A bool.</summary>
    public static SympyValue Boolean(bool value) => new(SympyKind.Boolean, 0, 1, value ? 1 : 0);

    /// <summary>The truth of an inequality, as SymPy gives it.</summary>
    /// <exception cref="FormatException">A truth value is compared.</exception>
    public static SympyValue Compare(string sign, SympyValue a, SympyValue b)
    {
        Special(a, b);
        bool known = a.TryToDouble(out double x) & b.TryToDouble(out double y);
        int order = BothExact(a, b) ? (a.Numerator * b.Denominator).CompareTo(b.Numerator * a.Denominator)
            : x.CompareTo(y);
        bool holds = sign switch { "<" => order < 0, "<=" => order <= 0, ">" => order > 0, _ => order >= 0 };
        return new(SympyKind.Truth, 0, 1, known && !double.IsNaN(x) && !double.IsNaN(y) ? holds ? 1 : 0 : double.NaN);
    }

    /// <summary>What <c>float()</c> gives; false where it raises.</summary>
    public bool TryToDouble(out double value)
    {
        value = Kind == SympyKind.Exact ? Quotient(Numerator, Denominator) : Number;
        return Kind is SympyKind.Exact or SympyKind.Real or SympyKind.Boolean;
    }

    /// <summary>a + b.</summary>
    public static SympyValue operator +(SympyValue a, SympyValue b)
    {
        if (BothExact(a, b))
        {
            return Fraction((a.Numerator * b.Denominator) + (b.Numerator * a.Denominator),
                a.Denominator * b.Denominator);
        }

        bool infinite = a.Kind == SympyKind.ComplexInfinity || b.Kind == SympyKind.ComplexInfinity;
        return Special(a, b)
            ?? (infinite ? a.Kind == b.Kind ? Real(double.NaN) : ComplexInfinity : Real(a.ToDouble() + b.ToDouble()));
    }

    /// <summary>a - b.</summary>
    public static SympyValue operator -(SympyValue a, SympyValue b) => a + -b;

    /// <summary>-a.</summary>
    public static SympyValue operator -(SympyValue a) => Integer(-1) * a;

    /// <summary>a * b.</summary>
    public static SympyValue operator *(SympyValue a, SympyValue b)
    {
        if (BothExact(a, b))
        {
            return Fraction(a.Numerator * b.Numerator, a.Denominator * b.Denominator);
        }

        bool infinite = a.Kind == SympyKind.ComplexInfinity || b.Kind == SympyKind.ComplexInfinity;
        bool zero = a.IsZero || b.IsZero;
        if (zero && (a.Kind == SympyKind.Opaque || b.Kind == SympyKind.Opaque))
        {
            return Integer(0);
        }

        return Special(a, b)
            ?? (infinite ? zero ? Real(double.NaN) : ComplexInfinity : Real(a.ToDouble() * b.ToDouble()));
    }

    /// <summary>a / b; by 0 the complex infinity, or not-a-number for 0/0.</summary>
    public static SympyValue operator /(SympyValue a, SympyValue b)
    {
        if (b.IsZero)
        {
            return Special(a, b) ?? (a.IsZero ? Real(double.NaN) : ComplexInfinity);
        }

        return b.Kind switch
        {
            SympyKind.Exact => a * Fraction(b.Denominator, b.Numerator),
            SympyKind.ComplexInfinity when a.Kind != SympyKind.ComplexInfinity => a * Integer(0),
            SympyKind.ComplexInfinity => Real(double.NaN),
            SympyKind.Real => a * Real(1 / b.Number),
            _ => Special(a, b) ?? Opaque,
        };
    }

    /// <summary>a // b.</summary>
    /// <exception cref="FormatException">Division by 0.</exception>
    public static SympyValue FloorDivide(SympyValue a, SympyValue b)
    {
        SympyValue quotient = a / (b.IsZero ? throw new FormatException("division by zero") : b);
        return quotient.Kind switch
        {
            SympyKind.Exact => Integer(PythonInteger.FloorDivide(quotient.Numerator, quotient.Denominator)),
            SympyKind.Real => Real(Math.Floor(quotient.Number)),
            _ => quotient,
        };
    }

    /// <summary>a % b, of the sign of b.</summary>
    /// <exception cref="FormatException">Division by 0.</exception>
    public static SympyValue Modulo(SympyValue a, SympyValue b) => a - (b * FloorDivide(a, b));

    /// <summary>a ** b.</summary>
    public static SympyValue Power(SympyValue a, SympyValue b)
    {
        if (BothExact(a, b) && b.Denominator.IsOne)
        {
            return IntegerPower(a, b.Numerator);
        }

        if (Special(a, b) is { } special)
        {
            return special;
        }

        if (a.Kind == SympyKind.ComplexInfinity || b.Kind == SympyKind.ComplexInfinity)
        {
            return Real(double.NaN);
        }

        (double power, double exponent) = (a.ToDouble(), b.ToDouble());
        if (power == 0 && exponent < 0)
        {
            return ComplexInfinity;
        }

        return power < 0 && double.IsFinite(exponent) && exponent != Math.Floor(exponent) ? Opaque
            : Real(Math.Pow(power, exponent));
    }

    /// <summary>n! in steps of 1, or n!! in steps of 2.</summary>
    public static SympyValue Factorial(SympyValue n, int step)
    {
        if (!n.IsInteger || n.Numerator.Sign < 0)
        {
            return n.IsNaN ? n : Opaque;
        }

        BigInteger product = 1;
        for (BigInteger factor = n.Numerator; factor > 1; factor -= step)
        {
            product *= factor;
            if (product.GetBitLength() > MaxBits)
            {
                return Real(double.PositiveInfinity);
            }
        }

        return Integer(product);
    }

    /// <summary>Whether two numbers are equal; of anything else, whether it is the same.</summary>
    public static bool AreEqual(SympyValue a, SympyValue b)
    {
        return a.Kind == SympyKind.Exact && b.Kind == SympyKind.Exact
            ? a == b
            : a.TryToDouble(out double x) && b.TryToDouble(out double y) && x == y;
    }

    private static bool BothExact(SympyValue a, SympyValue b) => a.Kind == SympyKind.Exact && b.Kind == SympyKind.Exact;

    /// <summary>The result where an operand decides it whatever the operation; null where it does not.</summary>
    private static SympyValue? Special(SympyValue a, SympyValue b)
    {
        if (a.Kind is SympyKind.Boolean or SympyKind.Truth || b.Kind is SympyKind.Boolean or SympyKind.Truth)
        {
            throw new FormatException("arithmetic with a truth value");
        }

        return a.IsNaN || b.IsNaN ? Real(double.NaN)
            : a.Kind == SympyKind.Opaque || b.Kind == SympyKind.Opaque ? Opaque
            : null;
    }

    private static SympyValue Fraction(BigInteger numerator, BigInteger denominator)
    {
        BigInteger common = BigInteger.GreatestCommonDivisor(numerator, denominator);
        common = denominator.Sign < 0 ? -common : common;
        return new SympyValue(SympyKind.Exact, numerator / common, denominator / common, 0);
    }

    private static SympyValue IntegerPower(SympyValue a, BigInteger exponent)
    {
        if (a.Numerator.IsZero && exponent.Sign < 0)
        {
            return ComplexInfinity;
        }

        BigInteger bits = BigInteger.Max(a.Numerator.GetBitLength(), a.Denominator.GetBitLength()) * BigInteger.Abs(
            exponent);
        bool unit = a.Denominator.IsOne && BigInteger.Abs(a.Numerator) <= 1;
        if (bits > MaxBits && !unit)
        {
            bool grows = (BigInteger.Abs(a.Numerator) > a.Denominator) == exponent.Sign > 0;
            double sign = a.Numerator.Sign < 0 && !exponent.IsEven ? -1 : 1;
            return Real(grows ? sign * double.PositiveInfinity : 0);
        }

        int power = unit ? (exponent.IsEven ? 2 : 1) * (exponent.IsZero ? 0 : 1) : (int)BigInteger.Abs(exponent);
        (BigInteger top, BigInteger bottom) =
            (BigInteger.Pow(a.Numerator, power), BigInteger.Pow(a.Denominator, power));
        return exponent.Sign < 0 ? Fraction(bottom, top) : new SympyValue(SympyKind.Exact, top, bottom, 0);
    }

    private double ToDouble() => Kind == SympyKind.Exact ? Quotient(Numerator, Denominator) : Number;

    /// <summary>The quotient to within rounding, of numbers that may lie outside the range of floats
    /// themselves.</summary>
    private static double Quotient(BigInteger numerator, BigInteger denominator)
    {
        const int SignificantBits = 64;
        long shift = SignificantBits - (numerator.GetBitLength() - denominator.GetBitLength());
        BigInteger scaled = shift >= 0 ? (numerator << (int)shift) / denominator
            : numerator / (denominator << (int)-shift);
        return Math.ScaleB((double)scaled, (int)-shift);
    }
}
