using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tbrm.Tasks.Python;

/// <summary>
/// Writes JSON as <c>json.dumps</c> does by default: <c>", "</c> and <c>": "</c> between the parts, ASCII only, keys in
/// their order, floats by
/// <c>repr</c>.
/// </summary>
public static class PythonJson
{
    private static readonly Dictionary<char, string> s_escapes = new()
    {
        ['"'] = "\\\"",
        ['\\'] = "\\\\",
        ['\n'] = "\\n",
        ['\r'] = "\\r",
        ['\t'] = "\\t",
        ['\f'] = "\\f",
        ['\b'] = "\\b",
    };

    /// <summary>One line of JSON, no line break at its end.</summary>
    public static string Write(JsonNode? node)
    {
        StringBuilder builder = new();
        Append(builder, node);
        return builder.ToString();
    }

    private static void Append(StringBuilder builder, JsonNode? node)
    {
        switch (node)
        {
            case null:
                builder.Append("null");
                break;
            case JsonObject members:
                AppendObject(builder, members);
                break;
            case JsonArray items:
                AppendArray(builder, items);
                break;
            default:
                AppendValue(builder, node.AsValue());
                break;
        }
    }

    private static void AppendObject(StringBuilder builder, JsonObject members)
    {
        builder.Append('{');
        string separator = "";
        foreach ((string key, JsonNode? value) in members)
        {
            builder.Append(separator);
            AppendText(builder, key);
            builder.Append(": ");
            Append(builder, value);
            separator = ", ";
        }

        builder.Append('}');
    }

    private static void AppendArray(StringBuilder builder, JsonArray items)
    {
        builder.Append('[');
        string separator = "";
        foreach (JsonNode? item in items)
        {
            builder.Append(separator);
            Append(builder, item);
            separator = ", ";
        }

        builder.Append(']');
    }

    private static void AppendValue(StringBuilder builder, JsonValue value)
    {
        switch (value.GetValueKind())
        {
            case JsonValueKind.String:
                AppendText(builder, value.GetValue<string>());
                break;
            case JsonValueKind.Number:
                AppendNumber(builder, value);
                break;
            default:
                builder.Append(value.ToJsonString());
                break;
        }
    }

    private static void AppendNumber(StringBuilder builder, JsonValue value)
    {
        // A literal with a point or an exponent is a float to Python, anything else an integer of any size.
        string literal = value.ToJsonString();
        bool isFloat = literal.AsSpan().ContainsAny('.', 'e', 'E');
        builder.Append(isFloat && double.Parse(literal, CultureInfo.InvariantCulture) is double number
            && double.IsFinite(number)
            ? PythonFloat.Repr(number)
            : literal);
    }

    private static void AppendText(StringBuilder builder, string text)
    {
        builder.Append('"');
        foreach (char c in text)
        {
            if (s_escapes.TryGetValue(c, out string? escape))
            {
                builder.Append(escape);
            }
            else if (c is >= ' ' and < '\x7f')
            {
                builder.Append(c);
            }
            else
            {
                builder.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
        }

        builder.Append('"');
    }
}
