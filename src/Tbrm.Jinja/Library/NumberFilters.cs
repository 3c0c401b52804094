using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Numerics;
using System.Text.RegularExpressions;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Library;

/// <summary>The filters that give numbers, and default.</summary>
internal static partial class NumberFilters
{
    /// <summary>By name.</summary>
    public static IReadOnlyDictionary<string, Filter> All { get; } = new Dictionary<string, Filter>
    {
        ["abs"] = (_, v, a) => Plain(a, Absolute(v)),
        ["count"] = (_, v, a) => Plain(a, (long)PyType.Length(v)),
        ["d"] = (_, v, a) => Default(v, a),
        ["default"] = (_, v, a) => Default(v, a),
        ["filesizeformat"] = (_, v, a) =>
            FileSize(v, PyType.IsTrue(a.Bind("filesizeformat", 0, "binary")[0].Or(false))),
        ["float"] = (_, v, a) => ToFloat(v, a.Bind("float", 0, "default")[0].Or(0.0)),
        ["int"] = (_, v, a) => ToInteger(v, a.Bind("int", 0, "default", "base")),
        ["length"] = (_, v, a) => Plain(a, (long)PyType.Length(v)),
        ["round"] = (_, v, a) => Round(v, a.Bind("round", 0, "precision", "method")),
        ["sum"] = Sum,
        ["wordcount"] = (_, v, a) => Plain(a, (long)Words().Count(PyText.Str(v))),
    };

    private static object? Plain(CallArguments arguments, object? value)
    {
        arguments.Bind("filter", 0);
        return value;
    }

    private static object Absolute(object? value)
    {
        if (value is Undefined undefined)
        {
            throw undefined.Error;
        }

        return value switch
        {
            double number => Math.Abs(number),
            _ when PyType.IsInteger(value) => PyNumber.Normalize(BigInteger.Abs(PyNumber.ToBig(value))),
            _ => throw PyError.Type($"bad operand type for abs(): '{PyType.Name(value)}'"),
        };
    }

    private static object? Default(object? value, CallArguments arguments)
    {
        object?[] bound = arguments.Bind("default", 0, "default_value", "boolean");
        bool replace = value is Undefined || (PyType.IsTrue(bound[1].Or(false)) && !PyType.IsTrue(value));
        return replace ? bound[0].Or("") : value;
    }

    private static object? ToFloat(object? value, object? fallback)
    {
        return PyType.IsNumber(value) ? PyNumber.ToDouble(value)
            : PyType.IsText(value, out string text) && PyNumber.TryParse(text, out double number) ? number : fallback;
    }

    private static object? ToInteger(object? value, object?[] bound)
    {
        if (PyType.IsText(value, out string text))
        {
            if (PyNumber.TryParse(text, bound[1].IndexOr(10), out object? whole))
            {
                return whole;
            }

            return PyNumber.TryParse(text, out double number) && double.IsFinite(number)
                ? PyNumber.Normalize(new BigInteger(Math.Truncate(number)))
                : bound[0].Or(0L);
        }

        return value switch
        {
            double number when double.IsFinite(number) => PyNumber.Normalize(new BigInteger(Math.Truncate(number))),
            _ when PyType.IsInteger(value) => PyNumber.Normalize(PyNumber.ToBig(value)),
            _ => bound[0].Or(0L),
        };
    }

    private static object? Round(object? value, object?[] bound)
    {
        int precision = bound[0].IndexOr(0);
        string method = bound[1].Or("common").Text("method");
        if (value is Undefined undefined)
        {
            throw undefined.Error;
        }

        if (method is not ("common" or "ceil" or "floor"))
        {
            throw new PyError("FilterArgumentError", "method must be common, ceil or floor");
        }

        if (!PyType.IsNumber(value))
        {
            throw PyError.Type($"type {PyType.Name(value)} doesn't define __round__ method");
        }

        if (method == "common")
        {
            return PyType.IsInteger(value) && precision >= 0
                ? PyNumber.Normalize(PyNumber.ToBig(value))
                : value is double ? FloatFormat.Round(PyNumber.ToDouble(value), precision)
                    : RoundWhole(PyNumber.ToBig(value), -precision);
        }

        double scale = Math.Pow(10, precision);
        double scaled = PyNumber.ToDouble(value) * scale;
        return (method == "ceil" ? Math.Ceiling(scaled) : Math.Floor(scaled)) / scale;
    }

    private static object RoundWhole(BigInteger value, int zeros)
    {
        if (zeros > 4300)
        {
            return 0L;
        }

        BigInteger unit = BigInteger.Pow(10, zeros);
        BigInteger quotient = BigInteger.DivRem(BigInteger.Abs(value), unit, out BigInteger rest);
        int order = (2 * rest).CompareTo(unit);
        quotient += order > 0 || (order == 0 && !quotient.IsEven) ? 1 : 0;
        return PyNumber.Normalize(value.Sign * quotient * unit);
    }

    private static object? Sum(FilterContext context, object? value, CallArguments arguments)
    {
        object?[] bound = arguments.Bind("sum", 0, "attribute", "start");
        object? sum = bound[1].Or(0L);
        object? attribute = bound[0].Or(null);
        foreach (object? item in PyType.Iterate(value))
        {
            sum = PyOperators.Binary("+", sum, attribute == null ? item : AttributePath.Get(item, attribute));
        }

        return sum;
    }

    private static string FileSize(object? value, bool binary)
    {
        double bytes = ToFloat(value, 0.0) is double number ? number : 0;
        double unit = binary ? 1024 : 1000;
        string[] names = binary ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
            : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
        if (bytes == 1)
        {
            return "1 Byte";
        }

        if (bytes < unit)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{(long)bytes} Bytes");
        }

        int index = names.Select((_, i) => i).FirstOrDefault(i => bytes < Math.Pow(unit, i + 2), names.Length - 1);
        double scale = Math.Pow(unit, index + 1);
        return $"{FloatFormat.Format(bytes / scale, 'f', 1, false)} {names[index]}";
    }

    [GeneratedRegex(@"\w+")]
    private static partial Regex Words();
}
