using System;
using System.Buffers;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Text;
using Tbrm.Jinja.Values;

namespace Tbrm.Jinja.Library;

/// <summary>The filters that give text.</summary>
internal static class TextFilters
{
    /// <summary>By name.</summary>
    public static IReadOnlyDictionary<string, Filter> All { get; } = new Dictionary<string, Filter>
    {
        ["capitalize"] = (_, v, a) => Plain(a, PyString.Capitalize(PyText.Str(v))),
        ["center"] = (_, v, a) => Call(PyText.Str(v), "center", a.Bind("center", 0, "width")[0].Or(80L)),
        ["e"] = (_, v, a) => Plain(a, Escape(v)),
        ["escape"] = (_, v, a) => Plain(a, Escape(v)),
        ["forceescape"] = (_, v, a) => Plain(a, PyMarkup.Escape(PyText.Str(v))),
        ["format"] = (_, v, a) => Format(PyText.Str(v), a),
        ["indent"] = (_, v, a) => Indent(PyText.Str(v), a),
        ["lower"] = (_, v, a) => Plain(a, PyString.Lower(PyText.Str(v))),
        ["pprint"] = (_, v, a) => Plain(a, PrettyPrint(v)),
        ["replace"] = (_, v, a) => Replace(v, a),
        ["safe"] = (_, v, a) => Plain(a, v as PyMarkup ?? new PyMarkup(PyText.Str(v))),
        ["string"] = (_, v, a) => Plain(a, v is PyMarkup ? v : PyText.Str(v)),
        ["striptags"] = (_, v, a) => Plain(a, HtmlText.StripTags(PyText.Str(v))),
        ["title"] = (_, v, a) => Plain(a, Title(PyText.Str(v))),
        ["tojson"] = (_, v, a) => ToJson(v, a),
        ["trim"] = (_, v, a) => Trim(PyText.Str(v), a),
        ["truncate"] = (_, v, a) => Truncate(PyText.Str(v), a),
        ["upper"] = (_, v, a) => Plain(a, PyString.Upper(PyText.Str(v))),
        ["urlencode"] = (_, v, a) => Plain(a, UrlEncode(v)),
        ["wordwrap"] = (_, v, a) => WordWrap.Apply(PyText.Str(v), a),
        ["xmlattr"] = (_, v, a) => XmlAttributes(v, a),
    };

    private static readonly SearchValues<char> s_notInNames = SearchValues.Create(" \t\n\f\r/>=");

    private static object? Plain(CallArguments arguments, object? value)
    {
        arguments.Bind("filter", 0);
        return value;
    }

    private static object? Call(string text, string method, params object?[] arguments)
    {
        return StringMethods.Find(text, method)!.Call(CallArguments.Of(arguments));
    }

    private static PyMarkup Escape(object? value) => value as PyMarkup ?? PyMarkup.Escape(PyText.Str(value));

    private static string Format(string format, CallArguments arguments)
    {
        if (arguments.Positional.Count > 0 && arguments.Named.Count > 0)
        {
            throw PyError.Type("can't handle positional and keyword arguments at the same time");
        }

        PyDict named = new();
        foreach ((string name, object? value) in arguments.Named)
        {
            named.Set(name, value);
        }

        return PercentFormat.Apply(format, named.Count > 0 ? named : new PyTuple(arguments.Positional));
    }

    private static string Indent(string text, CallArguments arguments)
    {
        object?[] bound = arguments.Bind("indent", 0, "width", "first", "blank");
        object? width = bound[0].Or(4L);
        string indention = PyType.IsText(width, out string given) ? given
            : new string(' ', Math.Max(0, Bounded(PyNumber.ToIndex(width))));
        List<string> lines = PyString.Lines(text + "\n");
        bool blank = PyType.IsTrue(bound[2].Or(false));
        PyOperators.Require(text.Length + ((long)lines.Count * indention.Length));
        IEnumerable<string> rest = lines.Skip(1).Select(line => line.Length > 0 || blank ? indention + line : line);
        return (PyType.IsTrue(bound[1].Or(false)) ? indention : "") + string.Join('\n', rest.Prepend(lines[0]));
    }

    private static int Bounded(int width)
    {
        PyOperators.Require(width);
        return width;
    }

    private static string Replace(object? value, CallArguments arguments)
    {
        object?[] bound = arguments.Bind("replace", 2, "old", "new", "count");
        return StringSplitting.Replace(PyText.Str(value), PyText.Str(bound[0]), PyText.Str(bound[1]),
            bound[2].IndexOr(-1));
    }

    /// <summary>Upper case after blanks, hyphens and opening brackets only, unlike str.title().</summary>
    private static string Title(string text)
    {
        StringBuilder output = new();
        bool inside = false;
        foreach (string c in PyString.Characters(text))
        {
            bool boundary = c.Length == 1 && (PyString.IsSpace(c[0]) || c[0] is '-' or '(' or '{' or '[' or '<');
            output.Append(boundary ? c : inside ? PyString.Lower(c) : PyString.Upper(c));
            inside = !boundary;
        }

        return output.ToString();
    }

    private static string ToJson(object? value, CallArguments arguments)
    {
        object?[] bound = arguments.Bind("tojson", 0, "ensure_ascii", "indent", "separators", "sort_keys");
        object? indent = bound[1].Or(null);
        string? indention = indent == null ? null
            : PyType.IsText(indent, out string text) ? text
                : new string(' ', Math.Max(0, Bounded(PyNumber.ToIndex(indent))));
        (string, string)? separators = bound[2].Or(null) is null ? null : Pair(bound[2]);
        return PyJson.Write(value, PyType.IsTrue(bound[0].Or(false)), indention, separators,
            PyType.IsTrue(bound[3].Or(false)));
    }

    private static (string Item, string Key) Pair(object? value)
    {
        object?[] pair = [.. PyType.Iterate(value)];
        return pair.Length == 2 ? (pair[0].Text("separator"), pair[1].Text("separator"))
            : throw PyError.Value("separators must be a pair");
    }

    private static string Trim(string text, CallArguments arguments)
    {
        object? characters = arguments.Bind("trim", 0, "chars")[0].Or(null);
        return PyString.Strip(text, characters == null ? null : PyText.Str(characters), true, true);
    }

    private static string Truncate(string text, CallArguments arguments)
    {
        object?[] bound = arguments.Bind("truncate", 0, "length", "killwords", "end", "leeway");
        int length = bound[0].IndexOr(255);
        string end = bound[2].Or("...").Text("end");
        int room = length - PyString.Length(end);
        if (room < 0 || bound[3].IndexOr(5) < 0)
        {
            throw PyError.Value($"expected length >= {PyString.Length(end)}, got {length}");
        }

        if (PyString.Length(text) <= length + bound[3].IndexOr(5))
        {
            return text;
        }

        string cut = text[..PyString.UnitIndex(text, room)];
        int blank = cut.LastIndexOf(' ');
        return (PyType.IsTrue(bound[1].Or(false)) || blank < 0 ? cut : cut[..blank]) + end;
    }

    private static string UrlEncode(object? value)
    {
        if (value is string or PyMarkup || !PyType.IsIterable(value))
        {
            return Quote(PyText.Str(value), "/");
        }

        IEnumerable<object?> pairs = value is PyDict dict ? dict.Select(item => new PyTuple([item.Key, item.Value]))
            : PyType.Iterate(value);
        return string.Join('&', pairs.Select(pair =>
        {
            object?[] parts = [.. PyType.Iterate(pair)];
            if (parts.Length != 2)
            {
                throw PyError.Value($"{(parts.Length < 2 ? "not enough" : "too many")} values to unpack (expected 2)");
            }

            return $"{Quote(PyText.Str(parts[0]), "").Replace("%20", "+", StringComparison.Ordinal)}="
                + Quote(PyText.Str(parts[1]), "").Replace("%20", "+", StringComparison.Ordinal);
        }));
    }

    private static string Quote(string text, string safe)
    {
        StringBuilder output = new();
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            bool kept = char.IsAsciiLetterOrDigit((char)b) || "_.-~".Contains((char)b, StringComparison.Ordinal)
                || safe.Contains((char)b, StringComparison.Ordinal);
            PyOperators.Require(output.Length);
            output.Append(kept ? ((char)b).ToString() : string.Create(CultureInfo.InvariantCulture, $"%{b:X2}"));
        }

        return output.ToString();
    }

    private static string XmlAttributes(object? value, CallArguments arguments)
    {
        bool leadingBlank = PyType.IsTrue(arguments.Bind("xmlattr", 0, "autospace")[0].Or(true));
        PyDict dict = value as PyDict ?? throw PyError.Type("xmlattr needs a dict");
        string text = string.Join(' ', dict.Where(item => item.Value is not (null or Undefined)).Select(item =>
            PyText.Str(item.Key).AsSpan().IndexOfAny(s_notInNames) >= 0
                ? throw PyError.Value($"Invalid character in attribute name: {PyText.Repr(item.Key)}")
                : $"{PyOperators.Escaped(item.Key)}=\"{PyOperators.Escaped(item.Value)}\""));
        return leadingBlank && text.Length > 0 ? " " + text : text;
    }

    /// <summary>pprint.pformat for what fits on one line.</summary>
    private static string PrettyPrint(object? value)
    {
        string text = PyText.Repr(Sorted(value));
        return text.Length <= 80 ? text
            : throw PyError.Value("pprint of a value longer than 80 characters is not supported");
    }

    private static object? Sorted(object? value)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        RenderState.SpendItems(1);
        if (value is not PyDict dict)
        {
            return value is PyList list ? new PyList([.. list.Select(Sorted)]) : value;
        }

        PyDict sorted = new();
        foreach ((object? key, object? item) in dict.OrderBy(item => PyText.Str(item.Key), StringComparer.Ordinal))
        {
            sorted.Set(key, Sorted(item));
        }

        return sorted;
    }
}
