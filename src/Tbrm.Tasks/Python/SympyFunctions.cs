using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;

namespace Tbrm.Tasks.Python;

/// <summary>The names that <see cref="SympyExpression"/> knows. Any other is a symbol, or a function of no known
/// value.</summary>
internal static class SympyFunctions
{
    // Python's other keywords cannot stand where a value is expected.
    private static readonly HashSet<string> s_keywords =
    [
        "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
            "finally", "for", "from",
        "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try",
            "while", "with", "yield",
    ];

    /// <summary>What a name alone stands for.</summary>
    /// <exception cref="FormatException">It is a keyword.</exception>
    public static SympyValue Constant(string name)
    {
        return name switch
        {
            "pi" => SympyValue.Real(Math.PI),
            "E" => SympyValue.Real(Math.E),
            "oo" => SympyValue.Real(double.PositiveInfinity),
            "nan" => SympyValue.Real(double.NaN),
            "zoo" => SympyValue.Integer(1) / SympyValue.Integer(0),
            "True" => SympyValue.Boolean(true),
            "False" => SympyValue.Boolean(false),
            _ when s_keywords.Contains(name) => throw new FormatException($"a value was expected, found '{name}'"),
            _ => SympyValue.Opaque,
        };
    }

    /// <summary>What a function gives.</summary>
    /// <exception cref="FormatException">The name is a keyword, or the number of arguments is wrong.</exception>
    public static SympyValue Call(string name, List<SympyValue> arguments)
    {
        switch (name)
        {
            case "max" or "Max":
                return Extreme(arguments, Math.Max);
            case "min" or "Min":
                return Extreme(arguments, Math.Min);
            case "pow" or "Pow" when arguments.Count == 2:
                return SympyValue.Power(arguments[0], arguments[1]);
            case "log" or "ln" when arguments.Count == 2:
                return OfReal(arguments[0], Math.Log) / OfReal(arguments[1], Math.Log);
            case "Mod" when arguments.Count == 2:
                return SympyValue.Modulo(arguments[0], arguments[1]);
            case "root" when arguments.Count == 2:
                return SympyValue.Power(arguments[0], SympyValue.Integer(1) / arguments[1]);
            case "gcd" or "lcm" when arguments.Count == 2 && arguments.TrueForAll(a => a.IsInteger):
                return SympyValue.Integer(CommonDivisorOrMultiple(
                    name, arguments[0].Numerator, arguments[1].Numerator));
            case "Rational" when arguments.Count == 2:
                return arguments[0] / arguments[1];
        }

        Constant(name);
        return arguments.Count == 1 ? OfOne(name, arguments[0]) : SympyValue.Opaque;
    }

    private static SympyValue OfOne(string name, SympyValue x)
    {
        return name switch
        {
            "sqrt" => Root(x),
            "abs" or "Abs" => IsNegative(x) ? -x : x,
            "factorial" => SympyValue.Factorial(x, 1),
            "factorial2" => SympyValue.Factorial(x, 2),
            "floor" => SympyValue.FloorDivide(x, SympyValue.Integer(1)),
            "ceiling" => -SympyValue.FloorDivide(-x, SympyValue.Integer(1)),
            "Integer" or "S" or "Rational" or "Float" => x,
            "exp" => OfReal(x, Math.Exp),
            "log" or "ln" => OfReal(x, Math.Log),
            "sin" => OfReal(x, Math.Sin),
            "cos" => OfReal(x, Math.Cos),
            "tan" => OfReal(x, Math.Tan),
            "asin" => OfReal(x, Math.Asin),
            "acos" => OfReal(x, Math.Acos),
            "atan" => OfReal(x, Math.Atan),
            "cbrt" => SympyValue.Power(x, SympyValue.Integer(1) / SympyValue.Integer(3)),
            "gamma" when x.IsInteger && x.Numerator.Sign > 0 => SympyValue.Factorial(x - SympyValue.Integer(1), 1),
            _ => SympyValue.Opaque,
        };
    }

    private static BigInteger CommonDivisorOrMultiple(string name, BigInteger a, BigInteger b)
    {
        BigInteger divisor = BigInteger.GreatestCommonDivisor(a, b);
        return name == "gcd" ? divisor : divisor.IsZero ? 0 : BigInteger.Abs(a * b) / divisor;
    }

    private static SympyValue Root(SympyValue x)
    {
        if (x.IsInteger && x.Numerator.Sign >= 0 && x.TryToDouble(out double number) && number < 1e15)
        {
            BigInteger root = (BigInteger)Math.Round(Math.Sqrt(number));
            return root * root == x.Numerator ? SympyValue.Integer(root) : SympyValue.Real(Math.Sqrt(number));
        }

        return SympyValue.Power(x, SympyValue.Integer(1) / SympyValue.Integer(2));
    }

    private static SympyValue OfReal(SympyValue x, Func<double, double> function)
    {
        if (!x.TryToDouble(out double number) || x.Kind == SympyKind.Boolean)
        {
            return SympyValue.Opaque;
        }

        // The logarithms of negative numbers are complex.
        double result = function(number);
        return double.IsNaN(result) && !double.IsNaN(number) ? SympyValue.Opaque : SympyValue.Real(result);
    }

    private static SympyValue Extreme(List<SympyValue> values, Func<double, double, double> choose)
    {
        double[] numbers = [.. values.Select(v => v.Kind != SympyKind.Boolean && v.TryToDouble(out double x) ? x
            : throw new FormatException("numbers were expected"))];
        return numbers.Length == 0 ? throw new FormatException("a number was expected")
            : values[Array.IndexOf(numbers, numbers.Aggregate(choose))];
    }

    private static bool IsNegative(SympyValue x)
    {
        return x.TryToDouble(out double number) && number < 0;
    }
}
