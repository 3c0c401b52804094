using System;
using System.Globalization;
using System.Numerics;

namespace Tbrm.Jinja.Values;

/// <summary>Python's numbers: whole numbers without bounds (long where they fit), floats, and bool as 0 and
/// 1.</summary>
internal static class PyNumber
{
    /// <summary>Python refuses to write or read longer whole numbers too.</summary>
    private const int MaxDigits = 4300;

    /// <summary>Results beyond this are refused: 2 ** (2 ** 40) would fill the memory.</summary>
    private const long MaxBits = 1 << 20;

    /// <summary>A whole number in the form in which values hold it.</summary>
    public static object Normalize(BigInteger value)
    {
        // The cast to object keeps the conditional from turning the long back into a BigInteger.
        return value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;
    }

    /// <summary>A whole number or bool.</summary>
    public static BigInteger ToBig(object? value) => value switch
    {
        bool flag => flag ? BigInteger.One : BigInteger.Zero,
        long number => number,
        BigInteger number => number,
        _ => throw PyError.Type($"'{PyType.Name(value)}' object cannot be interpreted as an integer"),
    };

    /// <summary>Any number as a float.</summary>
    public static double ToDouble(object? value) => value switch
    {
        double number => number,
        bool flag => flag ? 1 : 0,
        long number => number,
        BigInteger number => (double)number,
        _ => throw PyError.Type($"must be real number, not {PyType.Name(value)}"),
    };

    /// <summary>An index or count; what is out of range of int is cut to it.</summary>
    public static int ToIndex(object? value) => (int)BigInteger.Clamp(ToBig(value), int.MinValue, int.MaxValue);

    /// <summary>The decimal digits of a whole number.</summary>
    public static string ToText(BigInteger value)
    {
        return value.GetBitLength() * 0.30103 <= MaxDigits
            ? value.ToString(CultureInfo.InvariantCulture)
            : throw PyError.Value($"Exceeds the limit ({MaxDigits} digits) for integer string conversion");
    }

    /// <summary>A whole number in text, as int(text, radix) reads it; false when it is none.</summary>
    public static bool TryParse(string text, int radix, out object? value)
    {
        text = PyString.Strip(text, null, true, true);
        bool negative = text.StartsWith('-');
        string digits = negative || text.StartsWith('+') ? text[1..] : text;
        string prefix = radix switch { 16 => "0x", 8 => "0o", 2 => "0b", _ => "" };
        if (prefix.Length > 0 && digits.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
        {
            digits = digits[2..].StartsWith('_') ? digits[3..] : digits[2..];
        }

        value = null;
        if (digits.Length is 0 or > MaxDigits || digits.StartsWith('_') || digits.EndsWith('_')
            || digits.Contains("__", StringComparison.Ordinal))
        {
            return false;
        }

        BigInteger number = BigInteger.Zero;
        foreach (char c in digits.Replace("_", "", StringComparison.Ordinal))
        {
            int digit = char.IsAsciiLetter(c) ? (c | 0x20) - 'a' + 10 : (int)char.GetNumericValue(c);
            if (digit < 0 || digit >= radix || (!char.IsAsciiLetter(c) && !char.IsDigit(c)))
            {
                return false;
            }

            number = (number * radix) + digit;
        }

        value = Normalize(negative ? -number : number);
        return true;
    }

    /// <summary>A float in text, as float(text) reads it; false when it is none.</summary>
    public static bool TryParse(string text, out double value)
    {
        text = PyString.Strip(text, null, true, true);
        string bare = text.TrimStart('+', '-').ToLowerInvariant();
        if (bare is "inf" or "infinity" or "nan" && text.Length - bare.Length <= 1)
        {
            value = bare == "nan" ? double.NaN : text.StartsWith('-') ? double.NegativeInfinity
                : double.PositiveInfinity;
            return true;
        }

        bool underscores = text.StartsWith('_') || text.EndsWith('_') || text.Contains("__", StringComparison.Ordinal);
        const NumberStyles Style =
            NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        value = 0;
        return !underscores && bare.Length > 0 && (char.IsAsciiDigit(bare[0]) || bare[0] == '.')
            && double.TryParse(text.Replace("_", "", StringComparison.Ordinal), Style, CultureInfo.InvariantCulture,
                out value);
    }

    /// <summary>One of + - * / // % ** on numbers.</summary>
    public static object? Arithmetic(string op, object left, object right)
    {
        if (left is double || right is double || op == "/")
        {
            return Floats(op, left, right);
        }

        if (left is long a && right is long b && TrySmall(op, a, b, out long small))
        {
            return small;
        }

        return Integers(op, ToBig(left), ToBig(right));
    }

    /// <summary>-value.</summary>
    public static object Negate(object value) => value is double number ? -number : Normalize(-ToBig(value));

    private static bool TrySmall(string op, long a, long b, out long result)
    {
        Int128 wide = op switch
        {
            "+" => (Int128)a + b,
            "-" => (Int128)a - b,
            "*" => (Int128)a * b,
            _ => Int128.MaxValue,
        };
        result = (long)wide;
        return wide == result;
    }

    private static object Integers(string op, BigInteger a, BigInteger b)
    {
        switch (op)
        {
            case "+":
                return Normalize(a + b);
            case "-":
                return Normalize(a - b);
            case "*":
                RequireSize(a.GetBitLength() + b.GetBitLength());
                SpendProduct(a, b);
                return Normalize(a * b);
            case "//":
            case "%":
                if (b.IsZero)
                {
                    throw new PyError("ZeroDivisionError", "integer division or modulo by zero");
                }

                SpendProduct(a, b);
                BigInteger quotient = BigInteger.DivRem(a, b, out BigInteger remainder);
                bool adjust = !remainder.IsZero && (remainder.Sign != b.Sign);
                return Normalize(op == "//" ? (adjust ? quotient - 1 : quotient)
                    : (adjust ? remainder + b : remainder));
            default:
                if (b.Sign < 0)
                {
                    return Power((double)a, (double)b);
                }

                bool trivial = a.IsZero || a.IsOne || a == BigInteger.MinusOne;
                RequireSize(trivial ? 1 : b > MaxBits ? MaxBits + 1 : a.GetBitLength() * (long)b);
                return Normalize(BigInteger.Pow(a, (int)(trivial ? b % 2 + (b.IsZero ? 0 : 2) : b)));
        }
    }

    /// <summary>Charges what a product or quotient of long numbers costs.</summary>
    private static void SpendProduct(BigInteger a, BigInteger b)
    {
        const int WordBits = 64;
        const int ProductsPerStep = 64;
        RenderState.SpendItems((a.GetBitLength() / WordBits) * (b.GetBitLength() / WordBits) / ProductsPerStep);
    }

    private static void RequireSize(long bits)
    {
        const int BitsPerStep = 1024;
        RenderState.SpendItems(bits / BitsPerStep);
        if (bits > MaxBits)
        {
            throw PyError.Limit($"a whole number of more than {MaxBits} bits");
        }
    }

    private static object Floats(string op, object left, object right)
    {
        double a = ToDouble(left);
        double b = ToDouble(right);
        if (b == 0 && op is "/" or "//" or "%")
        {
            throw new PyError("ZeroDivisionError",
                left is double || right is double ? "float division by zero" : "division by zero");
        }

        return op switch
        {
            "+" => a + b,
            "-" => a - b,
            "*" => a * b,
            "/" => a / b,
            "//" => FloorDivide(a, b),
            "%" => Modulo(a, b),
            _ => Power(a, b),
        };
    }

    private static double Modulo(double a, double b)
    {
        double remainder = a % b;
        return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder == 0 ? Math.CopySign(0, b)
            : remainder;
    }

    private static double FloorDivide(double a, double b)
    {
        double quotient = (a - Modulo(a, b)) / b;
        double floor = Math.Floor(quotient);
        return quotient - floor > 0.5 ? floor + 1 : floor;
    }

    private static double Power(double a, double b)
    {
        if (a == 0 && b < 0)
        {
            throw new PyError("ZeroDivisionError", "0.0 cannot be raised to a negative power");
        }

        if (a < 0 && b != Math.Floor(b) && double.IsFinite(b))
        {
            throw PyError.Value("a negative number to a fractional power is a complex number, which is not supported");
        }

        double result = Math.Pow(a, b);
        return double.IsInfinity(result) && double.IsFinite(a) && double.IsFinite(b)
            ? throw new PyError("OverflowError", "(34, 'Numerical result out of range')")
            : result;
    }
}
