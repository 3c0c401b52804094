using System;
using System.Collections.Generic;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Tbrm.Jinja.Values;

/// <summary>The operator % on text: printf-style formatting.</summary>
internal sealed class PercentFormat
{
    private readonly string _format;
    private readonly object? _single;
    private readonly IReadOnlyList<object?>? _tuple;
    private int _used;
    private int _at;

    private PercentFormat(string format, object? arguments)
    {
        _format = format;
        _single = arguments;
        _tuple = arguments as PyTuple;
    }

    /// <summary>format % arguments: a tuple gives several, a dict gives named ones, anything else is the only
    /// one.</summary>
    public static string Apply(string format, object? arguments)
    {
        PercentFormat formatter = new(format, arguments);
        string text = formatter.Run();
        bool allUsed = formatter._tuple != null ? formatter._used == formatter._tuple.Count : formatter._used > 0
            || arguments is PyDict or PyList;
        return allUsed ? text : throw PyError.Type("not all arguments converted during string formatting");
    }

    private string Run()
    {
        StringBuilder output = new();
        while (_at < _format.Length)
        {
            char c = _format[_at++];
            if (c != '%')
            {
                output.Append(c);
                continue;
            }

            output.Append(Directive());
            PyOperators.Require(output.Length);
        }

        return output.ToString();
    }

    private string Directive()
    {
        object? named = CallArguments.Missing;
        if (Peek() == '(')
        {
            int close = _format.IndexOf(')', _at);
            PyDict dict = _single as PyDict ?? throw PyError.Type("format requires a mapping");
            string key = close < 0 ? throw PyError.Value("incomplete format key") : _format[(_at + 1)..close];
            named = dict.TryGet(key, out object? found) ? found : throw new PyError("KeyError", PyText.Repr(key));
            _used++;
            _at = close + 1;
        }

        string flags = "";
        while (Peek() is '-' or '+' or ' ' or '#' or '0')
        {
            flags += _format[_at++];
        }

        int width = Number() ?? 0;
        if (width < 0)
        {
            flags += '-';
            width = -width;
        }

        int? precision = null;
        if (Peek() == '.')
        {
            _at++;
            precision = Math.Max(0, Number() ?? 0);
        }

        while (Peek() is 'h' or 'l' or 'L')
        {
            _at++;
        }

        char type = _at < _format.Length ? _format[_at++] : throw PyError.Value("incomplete format");
        if (type == '%')
        {
            return "%";
        }

        PyOperators.Require(Math.Max(width, precision ?? 0));
        return Pad(Convert(type, named.IsGiven() ? named : NextArgument(), flags, precision), type, flags, width);
    }

    private char Peek() => _at < _format.Length ? _format[_at] : '\0';

    private int? Number()
    {
        if (Peek() == '*')
        {
            _at++;
            return PyNumber.ToIndex(NextArgument());
        }

        int start = _at;
        while (char.IsAsciiDigit(Peek()))
        {
            _at++;
        }

        return start == _at ? null
            : int.TryParse(_format.AsSpan(start, _at - start), NumberStyles.None, CultureInfo.InvariantCulture,
                out int number) ? number
            : throw PyError.Value("width too big");
    }

    private object? NextArgument()
    {
        if (_tuple == null && _used == 0)
        {
            _used = 1;
            return _single;
        }

        return _tuple != null && _used < _tuple.Count ? _tuple[_used++]
            : throw PyError.Type("not enough arguments for format string");
    }

    private static string Convert(char type, object? value, string flags, int? precision)
    {
        switch (type)
        {
            case 's':
            case 'r':
            case 'a':
                string text = type == 's' ? PyText.Str(value) : PyText.Repr(value);
                return precision is int most && most < PyString.Length(text) ? text[..PyString.UnitIndex(text, most)]
                    : text;
            case 'c':
                return PyType.IsText(value, out string character) ? character
                    : new Rune(PyNumber.ToIndex(value)).ToString();
            case 'd' or 'i' or 'u' or 'o' or 'x' or 'X':
                return Integer(type, value, flags, precision);
            case 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                if (!PyType.IsNumber(value))
                {
                    throw PyError.Type($"must be real number, not {PyType.Name(value)}");
                }

                return Signed(FloatFormat.Format(
                    PyNumber.ToDouble(value), type, precision ?? 6, flags.Contains('#', StringComparison.Ordinal)),
                    flags);
            default:
                throw PyError.Value($"unsupported format character '{type}' (0x{(int)type:x}) at index");
        }
    }

    private static string Integer(char type, object? value, string flags, int? precision)
    {
        if (!PyType.IsInteger(value) && !(value is double && type is 'd' or 'i' or 'u'))
        {
            throw PyError.Type(
                $"%{type} format: {(type is 'd' or 'i' or 'u' ? "a real number" : "an integer")} is required, not "
                    + $"{PyType.Name(value)}");
        }

        BigInteger number = value is double real ? new BigInteger(Math.Truncate(real)) : PyNumber.ToBig(value);
        int radix = type switch { 'o' => 8, 'x' or 'X' => 16, _ => 10 };
        string digits = FloatFormat.Digits(BigInteger.Abs(number), radix).PadLeft(precision ?? 0, '0');
        string prefix = !flags.Contains('#', StringComparison.Ordinal) ? ""
            : type switch { 'o' => "0o", 'x' or 'X' => "0x", _ => "" };
        string text = (number.Sign < 0 ? "-" : "") + prefix + digits;
        return Signed(type == 'X' ? text.ToUpperInvariant() : text, flags);
    }

    private static string Signed(string text, string flags)
    {
        return text.StartsWith('-') ? text
            : flags.Contains('+', StringComparison.Ordinal) ? "+" + text
            : flags.Contains(' ', StringComparison.Ordinal) ? " " + text : text;
    }

    private static string Pad(string text, char type, string flags, int width)
    {
        int missing = width - PyString.Length(text);
        if (missing <= 0)
        {
            return text;
        }

        if (flags.Contains('-', StringComparison.Ordinal))
        {
            return text + new string(' ', missing);
        }

        if (!flags.Contains('0', StringComparison.Ordinal) || type is 's' or 'r' or 'a' or 'c')
        {
            return new string(' ', missing) + text;
        }

        int sign = text[0] is '+' or '-' or ' ' ? 1 : 0;
        return text[..sign] + new string('0', missing) + text[sign..];
    }
}
