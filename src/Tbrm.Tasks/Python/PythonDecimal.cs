using System;
using System.Globalization;
using System.Numerics;

namespace Tbrm.Tasks.Python;

/// <summary>What a <see cref="PythonDecimal"/> is.</summary>
internal enum DecimalKind
{
    Finite,
    Infinity,
    NaN,
    SignalingNaN,
}

/// <summary>
/// A value of Python's <c>decimal.Decimal</c> (General Decimal Arithmetic, Cowlishaw): sign, coefficient, power of ten.
/// <c>1.0</c> and
/// <c>1</c> are equal and print differently.
/// </summary>
internal readonly partial record struct PythonDecimal
{
    // Python's limits on 64-bit machines: decimal.MAX_EMAX and the smallest exponent of decimal.MIN_EMIN at
    // decimal.MAX_PREC.
    private const long MaxExponent = 999_999_999_999_999_999;
    private const long MinExponent = -1_999_999_999_999_999_997;

    private PythonDecimal(DecimalKind kind, bool negative, BigInteger coefficient, long exponent)
    {
        Kind = kind;
        Negative = negative;
        Coefficient = coefficient;
        Exponent = exponent;
    }

    /// <summary>Whether the rest describes a number.</summary>
    public DecimalKind Kind { get; }

    /// <summary>The sign; zeros have one too.</summary>
    public bool Negative { get; }

    /// <summary>The digits as a non-negative number.</summary>
    public BigInteger Coefficient { get; }

    /// <summary>The power of ten of the last digit.</summary>
    public long Exponent { get; }

    /// <summary>Whether the value is 0, of either sign and any exponent.</summary>
    public bool IsZero => Kind == DecimalKind.Finite && Coefficient.IsZero;

    /// <summary>The power of ten of the first digit (<c>adjusted()</c>); 0 for what is not finite.</summary>
    public long Adjusted => Kind == DecimalKind.Finite ? Exponent + DigitCount(Coefficient) - 1 : 0;

    /// <summary>An exact finite value: (-1)^negative * coefficient * 10^exponent.</summary>
    public static PythonDecimal Finite(bool negative, BigInteger coefficient, long exponent)
    {
        return new PythonDecimal(DecimalKind.Finite, negative, coefficient, exponent);
    }

    /// <summary>An exact integer.</summary>
    public static PythonDecimal FromInteger(BigInteger value)
    {
        return Finite(value.Sign < 0, BigInteger.Abs(value), 0);
    }

    /// <summary>
    /// <c>Decimal(text)</c>: white space around, underscores anywhere, digits of any script, an exponent, <c>inf</c>,
    /// <c>nan</c>.
    /// False where Python raises <c>InvalidOperation</c>.
    /// </summary>
    public static bool TryParse(string text, out PythonDecimal value)
    {
        value = default;
        if (!PythonText.TryToAsciiDigits(PythonText.Strip(text.AsSpan()), out string ascii))
        {
            return false;
        }

        ReadOnlySpan<char> rest = ascii.Replace("_", "", StringComparison.Ordinal).AsSpan();
        bool negative = rest.Length > 0 && rest[0] == '-';
        if (rest.Length > 0 && rest[0] is '-' or '+')
        {
            rest = rest[1..];
        }

        return TryParseSpecial(rest, negative, out value) || TryParseFinite(rest, negative, out value);
    }

    /// <summary>Numeric equality; false when either side is a NaN. A signalling NaN raises in Python: test
    /// <see cref="Kind"/> first.</summary>
    public static bool NumericallyEqual(PythonDecimal a, PythonDecimal b)
    {
        if (a.Kind != DecimalKind.Finite || b.Kind != DecimalKind.Finite)
        {
            return a.Kind == DecimalKind.Infinity && b.Kind == DecimalKind.Infinity && a.Negative == b.Negative;
        }

        return (a.Negative == b.Negative || a.IsZero) && CompareMagnitudes(a, b) == 0;
    }

    /// <summary>Which of two finite values lies farther from 0: as <c>a.copy_abs().compare(b.copy_abs())</c>.</summary>
    public static int CompareMagnitudes(PythonDecimal a, PythonDecimal b)
    {
        if (a.IsZero || b.IsZero)
        {
            return (a.IsZero ? 0 : 1) - (b.IsZero ? 0 : 1);
        }

        if (a.Adjusted != b.Adjusted)
        {
            return a.Adjusted.CompareTo(b.Adjusted);
        }

        // Equal first digits' powers: the exponents differ by no more than the longer coefficient has digits.
        return a.Exponent >= b.Exponent
            ? Scale(a.Coefficient, a.Exponent - b.Exponent).CompareTo(b.Coefficient)
            : a.Coefficient.CompareTo(Scale(b.Coefficient, b.Exponent - a.Exponent));
    }

    /// <summary>The number of decimal digits; 1 for zero.</summary>
    internal static int DigitCount(BigInteger coefficient)
    {
        if (coefficient <= ulong.MaxValue)
        {
            ulong small = (ulong)coefficient;
            int digits = 1;
            for (; small >= 10; small /= 10)
            {
                digits++;
            }

            return digits;
        }

        // Within one of the truth for any length; the comparison with the power of ten settles it.
        int estimate = (int)Math.Floor(BigInteger.Log10(coefficient)) + 1;
        estimate += coefficient >= BigInteger.Pow(10, estimate) ? 1 : 0;
        return estimate - (coefficient < BigInteger.Pow(10, estimate - 1) ? 1 : 0);
    }

    private static BigInteger Scale(BigInteger coefficient, long powerOfTen)
    {
        return coefficient * BigInteger.Pow(10, checked((int)powerOfTen));
    }

    private static bool TryParseSpecial(ReadOnlySpan<char> text, bool negative, out PythonDecimal value)
    {
        value = default;
        if (Same(text, "inf") || Same(text, "infinity"))
        {
            value = new PythonDecimal(DecimalKind.Infinity, negative, 0, 0);
            return true;
        }

        bool signaling = text.Length > 0 && (text[0] | 0x20) == 's';
        ReadOnlySpan<char> body = signaling ? text[1..] : text;
        if (body.Length < 3 || !Same(body[..3], "nan") || body[3..].ContainsAnyExceptInRange('0', '9'))
        {
            return false;
        }

        value = new PythonDecimal(signaling ? DecimalKind.SignalingNaN : DecimalKind.NaN, negative, 0, 0);
        return true;
    }

    private static bool Same(ReadOnlySpan<char> text, string word)
    {
        return text.Equals(word, StringComparison.OrdinalIgnoreCase);
    }

    private static bool TryParseFinite(ReadOnlySpan<char> text, bool negative, out PythonDecimal value)
    {
        value = default;
        BigInteger power = 0;
        int mark = text.IndexOfAny('e', 'E');
        if (mark >= 0)
        {
            ReadOnlySpan<char> digits = text[(mark + 1)..];
            bool down = digits.Length > 0 && digits[0] == '-';
            digits = digits.Length > 0 && digits[0] is '-' or '+' ? digits[1..] : digits;
            if (digits.Length == 0 || digits.ContainsAnyExceptInRange('0', '9'))
            {
                return false;
            }

            // Twenty significant digits are past every limit: no need to read a longer exponent exactly.
            digits = digits.TrimStart('0');
            power = digits.Length == 0 ? 0 : digits.Length > 20 ? BigInteger.Pow(10, 20)
                : BigInteger.Parse(digits, CultureInfo.InvariantCulture);
            power = down ? -power : power;
            text = text[..mark];
        }

        int point = text.IndexOf('.');
        ReadOnlySpan<char> whole = point < 0 ? text : text[..point];
        ReadOnlySpan<char> fraction = point < 0 ? default : text[(point + 1)..];
        if (whole.Length + fraction.Length == 0 || whole.ContainsAnyExceptInRange('0', '9')
            || fraction.ContainsAnyExceptInRange('0', '9'))
        {
            return false;
        }

        power -= fraction.Length;
        BigInteger coefficient =
            BigInteger.Parse(string.Concat(whole, fraction), NumberStyles.None, CultureInfo.InvariantCulture);
        if (power < MinExponent || power + DigitCount(coefficient) - 1 > MaxExponent)
        {
            return false;
        }

        value = Finite(negative, coefficient, (long)power);
        return true;
    }
}
