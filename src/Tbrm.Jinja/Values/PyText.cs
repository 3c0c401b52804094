using System.Collections.Generic;
using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;

namespace Tbrm.Jinja.Values;

/// <summary>str() and repr().</summary>
internal static class PyText
{
    /// <summary>str(value).</summary>
    public static string Str(object? value) => value switch
    {
        string text => text,
        PyMarkup markup => markup.Text,
        Undefined => "",
        _ => Repr(value),
    };

    /// <summary>repr(value).</summary>
    public static string Repr(object? value)
    {
        StringBuilder output = new();
        Append(value, output);
        return output.ToString();
    }

    /// <summary>repr of a float: the shortest digits that read back the same.</summary>
    public static string Float(double value)
    {
        if (double.IsNaN(value))
        {
            return "nan";
        }

        if (double.IsInfinity(value))
        {
            return value > 0 ? "inf" : "-inf";
        }

        string shortest = value.ToString("R", CultureInfo.InvariantCulture);
        (string sign, string digits, int exponent) = Split(shortest);
        if (exponent is < -4 or >= 16)
        {
            string mantissa = digits.Length == 1 ? digits : $"{digits[0]}.{digits[1..]}";
            string power = System.Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture);
            return $"{sign}{mantissa}e{(exponent < 0 ? '-' : '+')}{power}";
        }

        if (exponent < 0)
        {
            return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        }

        string padded = digits.PadRight(exponent + 1, '0');
        return padded.Length == exponent + 1 ? $"{sign}{padded}.0"
            : $"{sign}{padded[..(exponent + 1)]}.{padded[(exponent + 1)..]}";
    }

    /// <summary>The sign, the digits without zeros around them, and the power of ten of the first digit.</summary>
    private static (string Sign, string Digits, int Exponent) Split(string number)
    {
        string sign = number.StartsWith('-') ? "-" : "";
        number = number.TrimStart('-');
        int e = number.IndexOf('E', System.StringComparison.Ordinal);
        int power = e < 0 ? 0
            : int.Parse(number[(e + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        string mantissa = e < 0 ? number : number[..e];
        int point = mantissa.IndexOf('.', System.StringComparison.Ordinal);
        int before = point < 0 ? mantissa.Length : point;
        string digits = mantissa.Replace(".", "", System.StringComparison.Ordinal);
        string significant = digits.TrimStart('0');
        int exponent = significant.Length == 0 ? 0 : before - 1 - (digits.Length - significant.Length) + power;
        significant = significant.TrimEnd('0');
        return (sign, significant.Length == 0 ? "0" : significant, exponent);
    }

    /// <summary>repr of a string: single quotes unless only those occur inside.</summary>
    public static void AppendQuoted(string text, StringBuilder output)
    {
        PyOperators.Require((long)output.Length + text.Length);
        RenderState.SpendCharacters(text.Length);
        char quote = text.Contains('\'', System.StringComparison.Ordinal)
            && !text.Contains('"', System.StringComparison.Ordinal) ? '"' : '\'';
        output.Append(quote);
        for (int i = 0; i < text.Length; i++)
        {
            if (Rune.DecodeFromUtf16(
                System.MemoryExtensions.AsSpan(text, i), out Rune rune,
                out int length) != System.Buffers.OperationStatus.Done)
            {
                output.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}");
                continue;
            }

            AppendEscaped(rune, quote, output);
            i += length - 1;
        }

        output.Append(quote);
    }

    private static void AppendEscaped(Rune rune, char quote, StringBuilder output)
    {
        int code = rune.Value;
        string? escape = code switch
        {
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            _ when code == quote => "\\" + quote,
            _ when PyString.IsPrintable(rune) => null,
            < 0x100 => code.ToString("x2", CultureInfo.InvariantCulture).Insert(0, "\\x"),
            < 0x10000 => code.ToString("x4", CultureInfo.InvariantCulture).Insert(0, "\\u"),
            _ => code.ToString("x8", CultureInfo.InvariantCulture).Insert(0, "\\U"),
        };
        output.Append(escape ?? rune.ToString());
    }

    private static void Append(object? value, StringBuilder output)
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new PyError("RecursionError", "values are nested too deep to be written");
        }

        // Values that share their parts have texts that are exponentially longer than themselves.
        RenderState.SpendItems(1);
        PyOperators.Require(output.Length);

        switch (value)
        {
            case null:
                output.Append("None");
                break;
            case bool flag:
                output.Append(flag ? "True" : "False");
                break;
            case long number:
                output.Append(number);
                break;
            case BigInteger number:
                output.Append(PyNumber.ToText(number));
                break;
            case double number:
                output.Append(Float(number));
                break;
            case string text:
                AppendQuoted(text, output);
                break;
            case PyMarkup markup:
                output.Append("Markup(");
                AppendQuoted(markup.Text, output);
                output.Append(')');
                break;
            default:
                AppendContainer(value, output);
                break;
        }
    }

    private static void AppendContainer(object value, StringBuilder output)
    {
        switch (value)
        {
            case PyList list:
                AppendItems("[", list, "]", output);
                break;
            case PyTuple or PyGroup:
                IReadOnlyList<object?> tuple = (IReadOnlyList<object?>)value;
                AppendItems("(", tuple, tuple.Count == 1 ? ",)" : ")", output);
                break;
            case PyDict dict:
                AppendDict(dict, output);
                break;
            case PyDictView view:
                output.Append(view.Name);
                AppendItems("([", view, "])", output);
                break;
            case PyNamespace space:
                output.Append("<Namespace ");
                AppendDict(space.Attributes, output);
                output.Append('>');
                break;
            case PyRange range:
                output.Append(range.ToString());
                break;
            case Undefined:
                output.Append("Undefined");
                break;
            default:
                output.Append('<').Append(PyType.Name(value)).Append(" object>");
                break;
        }
    }

    private static void AppendItems(string open, IEnumerable<object?> items, string close, StringBuilder output)
    {
        output.Append(open);
        bool first = true;
        foreach (object? item in items)
        {
            output.Append(first ? "" : ", ");
            Append(item, output);
            first = false;
        }

        output.Append(close);
    }

    private static void AppendDict(PyDict dict, StringBuilder output)
    {
        output.Append('{');
        bool first = true;
        foreach ((object? key, object? item) in dict)
        {
            output.Append(first ? "" : ", ");
            Append(key, output);
            output.Append(": ");
            Append(item, output);
            first = false;
        }

        output.Append('}');
    }
}
