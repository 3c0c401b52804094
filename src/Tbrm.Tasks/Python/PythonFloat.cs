using System;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Tbrm.Tasks.Python;

/// <summary>Python's rounding and printing of floats.</summary>
internal static class PythonFloat
{
    /// <summary>
    /// <c>repr(value)</c>: the shortest digits that read back as the same number, with an exponent below 1e-4 and from
    /// 1e16 on.
    /// </summary>
    public static string Repr(double value)
    {
        if (!double.IsFinite(value))
        {
            return double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
        }

        // Shortest round-trip digits are what .NET prints too; only the layout differs.
        string shortest = value.ToString("R", CultureInfo.InvariantCulture);
        (string digits, int power) = Digits(shortest.AsSpan().TrimStart('-'));
        StringBuilder text = new(shortest.Length + 8);
        text.Append(double.IsNegative(value) ? "-" : "");
        if (power is < -4 or >= 16)
        {
            text.Append(digits[0]).Append(digits.Length > 1 ? "." : "").Append(digits, 1, digits.Length - 1);
            return text.Append('e').Append(power < 0 ? '-' : '+')
                .Append(Math.Abs(power).ToString("00", CultureInfo.InvariantCulture)).ToString();
        }

        if (power < 0)
        {
            return text.Append("0.").Append('0', -power - 1).Append(digits).ToString();
        }

        string whole = digits.Length > power ? digits[..(power + 1)] : digits.PadRight(power + 1, '0');
        string fraction = digits.Length > power + 1 ? digits[(power + 1)..] : "0";
        return text.Append(whole).Append('.').Append(fraction).ToString();
    }

    /// <summary><c>round(value, digits)</c>: the exact binary value rounded half to even at a decimal place, read back
    /// as a float.</summary>
    public static double Round(double value, int digits)
    {
        if (!double.IsFinite(value) || value == 0)
        {
            return value;
        }

        (BigInteger numerator, BigInteger denominator) = ExactFraction(Math.Abs(value));
        BigInteger scaled = numerator * BigInteger.Pow(10, digits);
        BigInteger quotient = BigInteger.DivRem(scaled, denominator, out BigInteger remainder);
        int half = (remainder * 2).CompareTo(denominator);
        if (half > 0 || (half == 0 && !quotient.IsEven))
        {
            quotient += 1;
        }

        // Reading the decimal text rounds correctly, which dividing two floats would not.
        string text = quotient.ToString(CultureInfo.InvariantCulture) + "E-"
            + digits.ToString(CultureInfo.InvariantCulture);
        return Math.CopySign(double.Parse(text, CultureInfo.InvariantCulture), value);
    }

    /// <summary>
    /// <c>float(text)</c>: white space around, digits of any script, single underscores between digits, an exponent,
    /// <c>inf</c>, <c>nan</c>.
    /// False where Python raises.
    /// </summary>
    public static bool TryParse(string text, out double value)
    {
        value = 0;

        // As for int(), the four ASCII separators are no white space here.
        if (!PythonText.TryToAsciiDigits(text.AsSpan().Trim(), out string ascii))
        {
            return false;
        }

        ReadOnlySpan<char> body = ascii.AsSpan(ascii.StartsWith('-') || ascii.StartsWith('+') ? 1 : 0);
        if (Same(body, "inf") || Same(body, "infinity") || Same(body, "nan"))
        {
            value = Same(body, "nan") ? double.NaN : ascii[0] == '-' ? double.NegativeInfinity
                : double.PositiveInfinity;
            return true;
        }

        for (int i = 0; i < body.Length; i++)
        {
            bool between = i > 0 && i + 1 < body.Length && char.IsAsciiDigit(body[i - 1])
                && char.IsAsciiDigit(body[i + 1]);
            if (!char.IsAsciiDigit(body[i]) && body[i] is not ('.' or 'e' or 'E' or '+' or '-')
                && !(body[i] == '_' && between))
            {
                return false;
            }
        }

        const NumberStyles Styles =
            NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent | NumberStyles.AllowLeadingSign;
        return body.Length > 0 && body[0] is not ('+' or '-')
            && double.TryParse(ascii.Replace("_", "", StringComparison.Ordinal), Styles, CultureInfo.InvariantCulture,
                out value);
    }

    /// <summary>The value of a finite, non-negative float as a fraction.</summary>
    public static (BigInteger Numerator, BigInteger Denominator) ExactFraction(double value)
    {
        long bits = BitConverter.DoubleToInt64Bits(value);
        int exponent = (int)((bits >> 52) & 0x7ff);
        long mantissa = bits & 0xfffffffffffffL;
        mantissa |= exponent == 0 ? 0 : 1L << 52;
        int power = Math.Max(exponent, 1) - 1075;
        return power >= 0 ? ((BigInteger)mantissa << power, BigInteger.One) : (mantissa, BigInteger.One << -power);
    }

    private static bool Same(ReadOnlySpan<char> text, string word)
    {
        return text.Equals(word, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The significant digits, no zeros at either end, and the power of ten of the first one.</summary>
    private static (string Digits, int Power) Digits(ReadOnlySpan<char> text)
    {
        int mark = text.IndexOf('E');
        int power = mark < 0 ? 0
            : int.Parse(text[(mark + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        ReadOnlySpan<char> mantissa = mark < 0 ? text : text[..mark];
        int point = mantissa.IndexOf('.');
        string whole = (point < 0 ? mantissa : mantissa[..point]).ToString();
        string all = whole + (point < 0 ? "" : mantissa[(point + 1)..].ToString());
        string trimmed = all.TrimStart('0');
        if (trimmed.Length == 0)
        {
            return ("0", 0);
        }

        power += whole.Length - 1 - (all.Length - trimmed.Length);
        return (trimmed.TrimEnd('0'), power);
    }
}
