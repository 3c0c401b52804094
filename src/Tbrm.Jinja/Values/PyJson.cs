using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace Tbrm.Jinja.Values;

/// <summary>json.dumps, and values from JSON.</summary>
internal sealed class PyJson
{
    private readonly StringBuilder _output = new();
    private readonly string? _indent;
    private readonly string _itemSeparator;
    private readonly string _keySeparator;
    private readonly bool _ascii;
    private readonly bool _sortKeys;

    private PyJson(bool ascii, string? indent, (string Item, string Key)? separators, bool sortKeys)
    {
        _ascii = ascii;
        _indent = indent;
        (_itemSeparator, _keySeparator) = separators ?? (indent == null ? ", " : ",", ": ");
        _sortKeys = sortKeys;
    }

    /// <summary>json.dumps(value, ...); transformers turns ensure_ascii off by default.</summary>
    public static string Write(object? value, bool ascii, string? indent, (string Item, string Key)? separators,
        bool sortKeys)
    {
        PyJson writer = new(ascii, indent, separators, sortKeys);
        writer.Append(value, "\n");
        return writer._output.ToString();
    }

    /// <summary>The value that json.loads gives.</summary>
    public static object? Read(JsonElement element)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                return element.GetString();
            case JsonValueKind.Number:
                return ReadNumber(element);
            case JsonValueKind.True:
                return true;
            case JsonValueKind.False:
                return false;
            case JsonValueKind.Array:
                return new PyList([.. element.EnumerateArray().Select(Read)]);
            case JsonValueKind.Object:
                PyDict dict = new();
                foreach (JsonProperty member in element.EnumerateObject())
                {
                    dict.Set(member.Name, Read(member.Value));
                }

                return dict;
            default:
                return null;
        }
    }

    private static object ReadNumber(JsonElement element)
    {
        string text = element.GetRawText();
        return text.AsSpan().IndexOfAny('.', 'e', 'E') >= 0
            ? double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture)
            : text.Length <= 4300
                ? PyNumber.Normalize(BigInteger.Parse(
                    text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture))
                : throw PyError.Value("a whole number of more than 4300 digits");
    }

    private void Append(object? value, string newline)
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new PyError("RecursionError", "values are nested too deep for JSON");
        }

        RenderState.SpendCharacters(newline.Length);
        PyOperators.Require((long)_output.Length + newline.Length);

        switch (value)
        {
            case string or PyMarkup:
                AppendText(PyText.Str(value));
                break;
            case PyDict dict:
                AppendDict(dict, newline);
                break;
            case PyList or PyTuple or PyGroup:
                AppendList((IReadOnlyList<object?>)value, newline);
                break;
            default:
                _output.Append(Scalar(value)
                    ?? throw PyError.Type($"Object of type {PyType.Name(value)} is not JSON serializable"));
                break;
        }
    }

    private static string? Scalar(object? value) => value switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        long or BigInteger => PyText.Str(value),
        double number => double.IsNaN(number) ? "NaN" : double.IsInfinity(number) ? number > 0 ? "Infinity"
            : "-Infinity" : PyText.Float(number),
        _ => null,
    };

    private void AppendList(IReadOnlyList<object?> items, string newline)
    {
        if (items.Count == 0)
        {
            _output.Append("[]");
            return;
        }

        string inner = newline + _indent;
        _output.Append('[');
        for (int i = 0; i < items.Count; i++)
        {
            _output.Append(i > 0 ? _itemSeparator : "").Append(_indent == null ? "" : inner);
            Append(items[i], inner);
        }

        _output.Append(_indent == null ? "" : newline).Append(']');
    }

    private void AppendDict(PyDict dict, string newline)
    {
        if (dict.Count == 0)
        {
            _output.Append("{}");
            return;
        }

        string inner = newline + _indent;
        _output.Append('{');
        bool first = true;
        IEnumerable<KeyValuePair<object?, object?>> items = _sortKeys
            ? dict.Order(Comparer<KeyValuePair<object?, object?>>.Create((a, b) => PyCompare.Order(a.Key, b.Key, "<")))
            : dict;
        foreach ((object? key, object? value) in items)
        {
            _output.Append(first ? "" : _itemSeparator).Append(_indent == null ? "" : inner);
            first = false;
            AppendText(PyType.IsText(key, out string text) ? text : Scalar(key)
                ?? throw PyError.Type($"keys must be str, int, float, bool or None, not {PyType.Name(key)}"));
            _output.Append(_keySeparator);
            Append(value, inner);
        }

        _output.Append(_indent == null ? "" : newline).Append('}');
    }

    private void AppendText(string text)
    {
        PyOperators.Require((long)_output.Length + text.Length);
        RenderState.SpendCharacters(text.Length);
        _output.Append('"');
        foreach (char c in text)
        {
            switch (c)
            {
                case '"':
                    _output.Append("\\\"");
                    break;
                case '\\':
                    _output.Append("\\\\");
                    break;
                case '\n':
                    _output.Append("\\n");
                    break;
                case '\r':
                    _output.Append("\\r");
                    break;
                case '\t':
                    _output.Append("\\t");
                    break;
                case '\f':
                    _output.Append("\\f");
                    break;
                case '\b':
                    _output.Append("\\b");
                    break;
                case < ' ':
                case > '~' when _ascii:
                    _output.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
                    break;
                default:
                    _output.Append(c);
                    break;
            }
        }

        _output.Append('"');
    }
}
