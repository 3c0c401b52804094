using System;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Tbrm.Tasks.Python;

/// <summary>
/// Arithmetic of <c>decimal</c> in a context of some precision, rounding half to even. The context's exponent limits
/// are left out: no task's
/// numbers come near them. Operands are finite.
/// </summary>
internal readonly record struct DecimalContext(int Precision)
{
    /// <summary>The context that a Python program starts with.</summary>
    public static DecimalContext Default { get; } = new(28);

    /// <summary>a + b, rounded.</summary>
    public PythonDecimal Add(PythonDecimal a, PythonDecimal b)
    {
        if (a.IsZero || b.IsZero)
        {
            return AddZero(a, b);
        }

        (PythonDecimal high, PythonDecimal low) = a.Exponent >= b.Exponent ? (a, b) : (b, a);

        // A term below the last digit that can matter only breaks ties: any digit there does as well as its own.
        long floor = high.Exponent + Math.Min(-1, PythonDecimal.DigitCount(high.Coefficient) - Precision - 2);
        (BigInteger lowCoefficient, long exponent) = low.Adjusted < floor ? (BigInteger.One, floor)
            : (low.Coefficient, low.Exponent);
        BigInteger sum = Signed(high.Coefficient * BigInteger.Pow(10, (int)(high.Exponent - exponent)), high.Negative)
            + Signed(lowCoefficient, low.Negative);
        return Round(PythonDecimal.Finite(sum.Sign < 0, BigInteger.Abs(sum), exponent));
    }

    /// <summary>a - b, rounded.</summary>
    public PythonDecimal Subtract(PythonDecimal a, PythonDecimal b)
    {
        return Add(a, PythonDecimal.Finite(!b.Negative, b.Coefficient, b.Exponent));
    }

    /// <summary>a * b, rounded.</summary>
    public PythonDecimal Multiply(PythonDecimal a, PythonDecimal b)
    {
        return Round(PythonDecimal.Finite(
            a.Negative != b.Negative, a.Coefficient * b.Coefficient, a.Exponent + b.Exponent));
    }

    /// <summary>a / b: exact with an exponent as near to the difference of theirs as can be, else rounded.</summary>
    /// <exception cref="DivideByZeroException">b is 0.</exception>
    public PythonDecimal Divide(PythonDecimal a, PythonDecimal b)
    {
        if (b.IsZero)
        {
            throw new DivideByZeroException("division of decimals by zero");
        }

        bool negative = a.Negative != b.Negative;
        long ideal = a.Exponent - b.Exponent;
        if (a.IsZero)
        {
            return PythonDecimal.Finite(negative, 0, ideal);
        }

        // One digit more than the precision, and a sticky one below it where the division goes on.
        int shift = PythonDecimal.DigitCount(b.Coefficient) - PythonDecimal.DigitCount(a.Coefficient) + Precision + 1;
        BigInteger dividend = shift >= 0 ? a.Coefficient * BigInteger.Pow(10, shift) : a.Coefficient;
        BigInteger divisor = shift >= 0 ? b.Coefficient : b.Coefficient * BigInteger.Pow(10, -shift);
        BigInteger quotient = BigInteger.DivRem(dividend, divisor, out BigInteger remainder);
        long exponent = ideal - shift;
        if (!remainder.IsZero)
        {
            quotient = (quotient * 10) + 1;
            return Round(PythonDecimal.Finite(negative, quotient, exponent - 1));
        }

        while (exponent < ideal && (quotient % 10).IsZero)
        {
            quotient /= 10;
            exponent++;
        }

        return Round(PythonDecimal.Finite(negative, quotient, exponent));
    }

    /// <summary>The value with its last digit at a power of ten (<c>quantize</c>); null where that takes more digits
    /// than the precision.</summary>
    public PythonDecimal? Quantize(PythonDecimal value, long exponent, bool halfUp = false)
    {
        PythonDecimal result = Rescale(value, exponent, halfUp);
        return PythonDecimal.DigitCount(result.Coefficient) <= Precision ? result : null;
    }

    /// <summary>The value with its last digit at a power of ten, as many digits as that takes.</summary>
    public static PythonDecimal Rescale(PythonDecimal value, long exponent, bool halfUp = false)
    {
        if (value.IsZero || value.Adjusted < exponent - 1)
        {
            return PythonDecimal.Finite(value.Negative, 0, exponent);
        }

        if (value.Exponent >= exponent)
        {
            BigInteger scale = BigInteger.Pow(10, checked((int)(value.Exponent - exponent)));
            return PythonDecimal.Finite(value.Negative, value.Coefficient * scale, exponent);
        }

        BigInteger unit = BigInteger.Pow(10, checked((int)(exponent - value.Exponent)));
        BigInteger quotient = BigInteger.DivRem(value.Coefficient, unit, out BigInteger remainder);
        int half = (remainder * 2).CompareTo(unit);
        bool up = half > 0 || (half == 0 && (halfUp || !quotient.IsEven));
        return PythonDecimal.Finite(value.Negative, up ? quotient + 1 : quotient, exponent);
    }

    /// <summary><c>f"{value:.{places}f}"</c>.</summary>
    public static string ToFixed(PythonDecimal value, int places)
    {
        PythonDecimal scaled = Rescale(value, -places);
        string digits = scaled.Coefficient.ToString(CultureInfo.InvariantCulture).PadLeft(places + 1, '0');
        string sign = value.Negative ? "-" : "";
        return places == 0 ? sign + digits : $"{sign}{digits[..^places]}.{digits[^places..]}";
    }

    /// <summary><c>str(value)</c>: plain where the exponent is not positive and the first digit not below 1e-6, else
    /// with an exponent.</summary>
    public static string ToText(PythonDecimal value)
    {
        string digits = value.Coefficient.ToString(CultureInfo.InvariantCulture);
        long leftDigits = value.Exponent + digits.Length;
        bool plain = value.Exponent <= 0 && leftDigits > -6;
        long point = plain ? leftDigits : 1;
        StringBuilder text = new(value.Negative ? "-" : "");
        if (point <= 0)
        {
            text.Append("0.").Append('0', (int)-point).Append(digits);
        }
        else
        {
            text.Append(digits, 0, (int)point);
            if (point < digits.Length)
            {
                text.Append('.').Append(digits, (int)point, digits.Length - (int)point);
            }
        }

        return plain ? text.ToString()
            : text.Append(CultureInfo.InvariantCulture, $"E{leftDigits - 1:+0;-0}").ToString();
    }

    /// <summary>The value with no more digits than the precision.</summary>
    private PythonDecimal Round(PythonDecimal value)
    {
        int excess = PythonDecimal.DigitCount(value.Coefficient) - Precision;
        if (excess <= 0)
        {
            return value;
        }

        // Rounding 99.9 up gives one digit too many, and that digit is a zero.
        PythonDecimal rounded = Rescale(value, value.Exponent + excess);
        return PythonDecimal.DigitCount(rounded.Coefficient) > Precision ? Rescale(rounded, rounded.Exponent + 1)
            : rounded;
    }

    private PythonDecimal AddZero(PythonDecimal a, PythonDecimal b)
    {
        long exponent = Math.Min(a.Exponent, b.Exponent);
        if (a.IsZero && b.IsZero)
        {
            return PythonDecimal.Finite(a.Negative && b.Negative, 0, exponent);
        }

        PythonDecimal other = a.IsZero ? b : a;
        return Round(Rescale(other, Math.Max(exponent, other.Exponent - Precision - 1)));
    }

    private static BigInteger Signed(BigInteger magnitude, bool negative)
    {
        return negative ? -magnitude : magnitude;
    }
}
