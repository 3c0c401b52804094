using System;
using System.Globalization;
using System.Numerics;

namespace Tbrm.Tasks.Python;

/// <summary>Python's integers: reading text as <c>int()</c> does, floor division, <c>hex()</c>.</summary>
internal static class PythonInteger
{
    /// <summary>Decimal texts longer than this are refused (<c>sys.int_info.default_max_str_digits</c>).</summary>
    private const int MaxDecimalDigits = 4300;

    /// <summary>
    /// <c>int(text, base)</c> for base 10, or 0: by prefix <c>0x 0o 0b</c>, else decimal without leading zeros. White
    /// space around, a sign,
    /// single underscores between digits and digits of any script are allowed. False where Python raises.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> text, int numberBase, out BigInteger value)
    {
        value = default;

        // int() does not skip the four ASCII separators that strip() takes for white space: .NET's Trim agrees with it.
        if (!PythonText.TryToAsciiDigits(text.Trim(), out string ascii))
        {
            return false;
        }

        ReadOnlySpan<char> rest = ascii;
        bool negative = rest.StartsWith("-");
        rest = negative || rest.StartsWith("+") ? rest[1..] : rest;
        int radix = 10;
        bool onlyZero = false;
        if (numberBase == 0 && rest.StartsWith("0"))
        {
            radix = rest.Length > 1 ? RadixOf(rest[1]) : 10;
            onlyZero = radix == 10;
            rest = onlyZero ? rest : rest[2..];
            rest = !onlyZero && rest.StartsWith("_") ? rest[1..] : rest;
        }

        if (!TryDigits(rest, radix, out value) || (onlyZero && !value.IsZero))
        {
            return false;
        }

        value = negative ? -value : value;
        return true;
    }

    /// <summary><c>a // b</c>: rounds towards minus infinity.</summary>
    /// <exception cref="DivideByZeroException">b is 0.</exception>
    public static BigInteger FloorDivide(BigInteger a, BigInteger b)
    {
        BigInteger quotient = BigInteger.DivRem(a, b, out BigInteger remainder);
        return !remainder.IsZero && remainder.Sign != b.Sign ? quotient - 1 : quotient;
    }

    /// <summary><c>hex(value)</c>: lower case, the sign before the prefix.</summary>
    public static string Hex(BigInteger value)
    {
        string digits = BigInteger.Abs(value).ToString("x", CultureInfo.InvariantCulture).TrimStart('0');
        return (value.Sign < 0 ? "-0x" : "0x") + (digits.Length == 0 ? "0" : digits);
    }

    /// <summary><c>str(value)</c>.</summary>
    public static string Str(BigInteger value)
    {
        return value.ToString(CultureInfo.InvariantCulture);
    }

    private static int RadixOf(char letter)
    {
        return (letter | 0x20) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 };
    }

    private static bool TryDigits(ReadOnlySpan<char> text, int radix, out BigInteger value)
    {
        value = default;
        if (text.Length == 0 || text[0] == '_' || text[^1] == '_' || text.IndexOf("__") >= 0)
        {
            return false;
        }

        string digits = text.ToString().Replace("_", "", StringComparison.Ordinal);
        foreach (char c in digits)
        {
            int digit = char.IsAsciiHexDigit(c) ? Convert.ToInt32(c.ToString(), 16) : 16;
            if (digit >= radix)
            {
                return false;
            }
        }

        if (radix == 10 && digits.Length > MaxDecimalDigits)
        {
            return false;
        }

        value = radix switch
        {
            10 => BigInteger.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture),
            16 => BigInteger.Parse("0" + digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture),
            2 => BigInteger.Parse("0" + digits, NumberStyles.AllowBinarySpecifier, CultureInfo.InvariantCulture),
            _ => ParseOctal(digits),
        };
        return true;
    }

    private static BigInteger ParseOctal(string digits)
    {
        string[] triples = Array.ConvertAll(digits.ToCharArray(), d => Convert.ToString(d - '0', 2).PadLeft(3, '0'));
        return BigInteger.Parse("0" + string.Concat(triples), NumberStyles.AllowBinarySpecifier,
            CultureInfo.InvariantCulture);
    }
}
