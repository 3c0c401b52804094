using System;
using System.Globalization;
using System.Numerics;
using System.Text;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Library;

/// <summary>str.format: replacement fields with attributes, items, conversions and format specifications.</summary>
internal sealed class BraceFormat(string format, CallArguments arguments)
{
    private int _automatic;
    private bool _manual;

    /// <summary>format.format(arguments).</summary>
    public static string Apply(string format, CallArguments arguments) => new BraceFormat(format, arguments)
        .Expand(format, 0);

    private string Expand(string text, int depth)
    {
        if (depth > 2)
        {
            throw PyError.Value($"Max string recursion exceeded in {PyText.Repr(format)}");
        }

        StringBuilder output = new();
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            bool doubled = i + 1 < text.Length && text[i + 1] == c;
            if (c is not ('{' or '}'))
            {
                output.Append(c);
            }
            else if (doubled)
            {
                output.Append(c);
                i++;
            }
            else if (c == '}')
            {
                throw PyError.Value("Single '}' encountered in format string");
            }
            else
            {
                int end = FieldEnd(text, i + 1);
                output.Append(Field(text[(i + 1)..end], depth));
                i = end;
            }

            PyOperators.Require(output.Length);
        }

        return output.ToString();
    }

    private static int FieldEnd(string text, int start)
    {
        int open = 1;
        for (int i = start; i < text.Length; i++)
        {
            open += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
            if (open == 0)
            {
                return i;
            }
        }

        throw PyError.Value("expected '}' before end of string");
    }

    private string Field(string field, int depth)
    {
        int colon = field.IndexOf(':', StringComparison.Ordinal);
        string specification = colon < 0 ? "" : Expand(field[(colon + 1)..], depth + 1);
        string name = colon < 0 ? field : field[..colon];
        int bang = name.IndexOf('!', StringComparison.Ordinal);
        string conversion = bang < 0 ? "" : name[(bang + 1)..];
        object? value = Lookup(bang < 0 ? name : name[..bang]);
        value = conversion switch
        {
            "" => value,
            "r" or "a" => PyText.Repr(value),
            "s" => PyText.Str(value),
            _ => throw PyError.Value($"Unknown conversion specifier {conversion}"),
        };
        return FormatSpecification.Apply(value, specification);
    }

    private object? Lookup(string path)
    {
        int end = path.AsSpan().IndexOfAny('.', '[') is int found and >= 0 ? found : path.Length;
        string first = path[..end];
        object? value;
        if (first.Length == 0 || char.IsAsciiDigit(first[0]))
        {
            bool mixed = first.Length == 0 ? _manual : _automatic > 0;
            _manual |= first.Length > 0;
            if (mixed)
            {
                throw PyError.Value("cannot switch between manual field specification and automatic field numbering");
            }

            int index = first.Length == 0 ? _automatic++
                : int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
                : int.MaxValue;
            value = index < arguments.Positional.Count
                ? arguments.Positional[index]
                : throw new PyError("IndexError", "Replacement index out of range for positional args tuple");
        }
        else
        {
            value = arguments.Named.TryGetValue(first, out object? named) ? named
                : throw new PyError("KeyError", PyText.Repr(first));
        }

        return Follow(value, path, end);
    }

    private static object? Follow(object? value, string path, int at)
    {
        while (at < path.Length)
        {
            bool item = path[at] == '[';
            int end = item ? path.IndexOf(']', at) : path.AsSpan(at + 1).IndexOfAny('.', '[') is int next and >= 0
                ? at + 1 + next : path.Length;
            if (end < 0)
            {
                throw PyError.Value("Missing ']' in format string");
            }

            string name = path[(at + 1)..end];
            object? key = item && long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out long index)
                ? index : name;
            value = item ? PyAccess.Item(value, key) : PyAccess.Attribute(value, name);
            at = item ? end + 1 : end;
        }

        return value;
    }
}

/// <summary>The format specifications of str, int and float:
/// [[fill]align][sign][#][0][width][,_][.precision][type].</summary>
internal static class FormatSpecification
{
    /// <summary>format(value, specification).</summary>
    public static string Apply(object? value, string specification)
    {
        if (specification.Length == 0)
        {
            return PyText.Str(value);
        }

        Parts parts = Parse(specification);
        bool isText = PyType.IsText(value, out string text);
        if (!isText && !PyType.IsNumber(value))
        {
            throw PyError.Type($"unsupported format string passed to {PyType.Name(value)}.__format__");
        }

        string body = isText ? Text(text, parts) : Number(value!, parts);
        return Align(body, parts, isText ? '<' : '>');
    }

    private sealed record Parts(string Fill, char Align, char Sign, bool Alternate, int Width, char Group,
        int? Precision, char Type);

    private static Parts Parse(string text)
    {
        int at = 0;
        string fill = " ";
        char align = '\0';
        int first = PyString.UnitIndex(text, 1);
        if (first < text.Length && text[first] is '<' or '>' or '=' or '^')
        {
            (fill, align, at) = (text[..first], text[first], first + 1);
        }
        else if (text[0] is '<' or '>' or '=' or '^')
        {
            (align, at) = (text[0], 1);
        }

        char sign = At(text, at) is '+' or '-' or ' ' ? text[at++] : '-';
        bool alternate = At(text, at) == '#';
        at += alternate ? 1 : 0;
        if (At(text, at) == '0')
        {
            (fill, align) = align == '\0' ? ("0", '=') : (fill, align);
            at++;
        }

        int width = ReadNumber(text, ref at) ?? 0;
        char group = At(text, at) is ',' or '_' ? text[at++] : '\0';
        int? precision = null;
        if (At(text, at) == '.')
        {
            at++;
            precision = ReadNumber(text, ref at) ?? throw PyError.Value("Format specifier missing precision");
        }

        char type = at < text.Length ? text[at++] : '\0';
        PyOperators.Require(Math.Max(width, precision ?? 0));
        return at == text.Length
            ? new Parts(fill, align, sign, alternate, width, group, precision, type)
            : throw PyError.Value($"Invalid format specifier '{text}'");
    }

    private static char At(string text, int index) => index < text.Length ? text[index] : '\0';

    private static int? ReadNumber(string text, ref int at)
    {
        int start = at;
        while (char.IsAsciiDigit(At(text, at)))
        {
            at++;
        }

        return start == at ? null
            : int.TryParse(text.AsSpan(start, at - start), NumberStyles.None, CultureInfo.InvariantCulture,
                out int number) ? number
            : throw PyError.Value("Too many decimal digits in format string");
    }

    private static string Text(string text, Parts parts)
    {
        if (parts.Type is not ('\0' or 's'))
        {
            throw PyError.Value($"Unknown format code '{parts.Type}' for object of type 'str'");
        }

        return parts.Precision is int most && most < PyString.Length(text) ? text[..PyString.UnitIndex(text, most)]
            : text;
    }

    private static string Number(object value, Parts parts)
    {
        bool isFloat = value is double || parts.Type is 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or '%';
        string body = isFloat ? Float(PyNumber.ToDouble(value), parts) : Integer(PyNumber.ToBig(value), parts);
        string sign = body.StartsWith('-') ? "-" : parts.Sign == '-' ? "" : parts.Sign.ToString();
        return sign + Group(body.TrimStart('-'), parts);
    }

    private static string Integer(BigInteger value, Parts parts)
    {
        int radix = parts.Type switch
        {
            'b' => 2,
            'o' => 8,
            'x' or 'X' => 16,
            '\0' or 'd' or 'n' => 10,
            'c' => 0,
            _ => throw PyError.Value($"Unknown format code '{parts.Type}' for object of type 'int'"),
        };
        if (radix == 0)
        {
            return new Rune(PyNumber.ToIndex(PyNumber.Normalize(value))).ToString();
        }

        string prefix = !parts.Alternate ? ""
            : parts.Type switch { 'b' => "0b", 'o' => "0o", 'x' or 'X' => "0x", _ => "" };
        string text = prefix + FloatFormat.Digits(BigInteger.Abs(value), radix);
        return (value.Sign < 0 ? "-" : "") + (parts.Type == 'X' ? text.ToUpperInvariant() : text);
    }

    private static string Float(double value, Parts parts) => parts.Type switch
    {
        '%' => FloatFormat.Format(value * 100, 'f', parts.Precision ?? 6, parts.Alternate) + "%",
        '\0' when parts.Precision == null => PyText.Float(value),
        '\0' or 'n' => WithPoint(FloatFormat.Format(value, 'g', parts.Precision ?? 6, parts.Alternate),
            parts.Type == '\0'),
        'e' or 'E' or 'f' or 'F' or 'g' or 'G' =>
            FloatFormat.Format(value, parts.Type, parts.Precision ?? 6, parts.Alternate),
        _ => throw PyError.Value($"Unknown format code '{parts.Type}' for object of type 'float'"),
    };

    private static string WithPoint(string text, bool wanted)
    {
        return wanted && text.TrimStart('-').AsSpan().IndexOfAnyExceptInRange('0', '9') < 0 ? text + ".0" : text;
    }

    private static string Group(string digits, Parts parts)
    {
        if (parts.Group == '\0')
        {
            return digits;
        }

        int end = digits.AsSpan().IndexOfAnyExceptInRange('0', '9') is int stop and >= 0
            && parts.Type is not ('x' or 'X') ? stop : digits.Length;
        int size = parts.Type is 'b' or 'o' or 'x' or 'X' ? 4 : 3;
        StringBuilder grouped = new(digits);
        for (int i = end - size; i > 0; i -= size)
        {
            grouped.Insert(i, parts.Group);
        }

        return grouped.ToString();
    }

    private static string Align(string body, Parts parts, char byDefault)
    {
        int missing = parts.Width - PyString.Length(body);
        if (missing <= 0)
        {
            return body;
        }

        char align = parts.Align == '\0' ? byDefault : parts.Align;
        int left = align switch { '<' => 0, '^' => missing / 2, _ => missing };
        int sign = align == '=' && body[0] is '-' or '+' or ' ' ? 1 : 0;
        return body[..sign] + Repeat(parts.Fill, left) + body[sign..] + Repeat(parts.Fill, missing - left);
    }

    private static string Repeat(string fill, int times) => new StringBuilder().Insert(0, fill, times).ToString();
}
