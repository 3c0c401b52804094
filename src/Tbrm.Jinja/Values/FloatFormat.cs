using System;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Tbrm.Jinja.Values;

/// <summary>Floats with a given precision, exactly rounded as C's printf does, and whole numbers in a radix.</summary>
internal static class FloatFormat
{
    /// <summary>One of e E f F g G.</summary>
    public static string Format(double value, char type, int precision, bool alternate)
    {
        if (!double.IsFinite(value))
        {
            string name = double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
            return char.IsUpper(type) ? name.ToUpperInvariant() : name;
        }

        string text = char.ToLowerInvariant(type) switch
        {
            'f' => value.ToString("F" + precision.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture),
            'e' => Exponent(value, precision),
            _ => General(value, precision == 0 ? 1 : precision, alternate),
        };
        text = double.IsNegative(value) && !text.StartsWith('-') ? "-" + text : text;
        return char.IsUpper(type) ? text.ToUpperInvariant() : text;
    }

    /// <summary>The digits of a whole number that is not negative, in lower case.</summary>
    /// <param name="value">The number.</param>
    /// <param name="radix">2, 8, 10 or 16.</param>
    public static string Digits(BigInteger value, int radix)
    {
        if (radix == 10)
        {
            return PyNumber.ToText(value);
        }

        if (radix == 16)
        {
            return Trimmed(value.ToString("x", CultureInfo.InvariantCulture));
        }

        string bits = Trimmed(value.ToString("b", CultureInfo.InvariantCulture));
        if (radix == 2)
        {
            return bits;
        }

        const int BitsPerDigit = 3;
        bits = bits.PadLeft((bits.Length + BitsPerDigit - 1) / BitsPerDigit * BitsPerDigit, '0');
        StringBuilder digits = new();
        for (int i = 0; i < bits.Length; i += BitsPerDigit)
        {
            digits.Append((char)('0' + ((bits[i] - '0') << 2) + ((bits[i + 1] - '0') << 1) + (bits[i + 2] - '0')));
        }

        return digits.ToString();

        static string Trimmed(string text) => text.TrimStart('0') is { Length: > 0 } trimmed ? trimmed : "0";
    }

    /// <summary>round(value, digits): halves as the exact binary value says, true halves to even.</summary>
    public static double Round(double value, int digits)
    {
        if (!double.IsFinite(value) || digits > 323)
        {
            return value;
        }

        if (digits >= 0)
        {
            // Formatting rounds exact halves away from zero; only binary fractions of few digits can be exact halves.
            string text = value.ToString(
                "F" + digits.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
            return IsExactHalf(value, digits)
                ? Math.Round(value, digits, MidpointRounding.ToEven)
                : double.Parse(text, CultureInfo.InvariantCulture);
        }

        double scale = Math.Pow(10, -digits);
        return double.IsInfinity(scale) ? 0 : Math.Round(value / scale, MidpointRounding.ToEven) * scale;
    }

    private static bool IsExactHalf(double value, int digits)
    {
        if (digits > 15 || Math.Abs(value) >= 1e15)
        {
            return false;
        }

        // A decimal holds every double of this size with at most 28 digits exactly when the digits end in time.
        string exact = value.ToString("F40", CultureInfo.InvariantCulture);
        int point = exact.IndexOf('.', StringComparison.Ordinal);
        string fraction = exact[(point + 1)..].TrimEnd('0');
        return fraction.Length == digits + 1 && fraction[^1] == '5';
    }

    private static string Exponent(double value, int precision)
    {
        string text = value.ToString(
            "e" + precision.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        int e = text.IndexOf('e', StringComparison.Ordinal);
        string power = text[(e + 2)..].TrimStart('0').PadLeft(2, '0');
        return text[..(e + 2)] + power;
    }

    private static string General(double value, int precision, bool alternate)
    {
        string scientific = Exponent(value, precision - 1);
        int e = scientific.IndexOf('e', StringComparison.Ordinal);
        int exponent = int.Parse(scientific[(e + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        if (exponent < -4 || exponent >= precision)
        {
            return TrimZeros(scientific[..e], alternate) + scientific[e..];
        }

        int decimals = Math.Max(0, precision - 1 - exponent);
        return TrimZeros(value.ToString(
            "F" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture), alternate);
    }

    private static string TrimZeros(string text, bool alternate)
    {
        return alternate || !text.Contains('.', StringComparison.Ordinal) ? text : text.TrimEnd('0').TrimEnd('.');
    }
}
