using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Engine.Models;

/// <summary>Reads values of a <c>config.json</c>, or of an object in it. Null counts as absent; a value of another type
/// is a DataException.</summary>
/// <param name="raw">The object.</param>
/// <param name="where">Names file and object in messages.</param>
internal sealed class ConfigJson(JsonObject raw, string where)
{
    /// <summary>The name of file and object in messages.</summary>
    public string Where => where;

    /// <summary>The file's object.</summary>
    public static JsonObject Parse(string json, string where)
    {
        try
        {
            // Without the option, a key that stands twice is found out at its first use, by an exception that names
            // nothing.
            return JsonNode.Parse(json, documentOptions: new() { AllowDuplicateProperties = false }) as JsonObject
                ?? throw new DataException($"{where}: expected a JSON object");
        }
        catch (JsonException e)
        {
            throw new DataException($"{where}: not JSON: {e.Message}", e);
        }
    }

    /// <summary>What was found, short enough for a message.</summary>
    public static string Shown(JsonNode? node)
    {
        const int longest = 60;
        string text = node?.ToJsonString() ?? "nothing";
        return text.Length <= longest ? text : text[..longest] + "...";
    }

    /// <summary>A whole number of at least <paramref name="least"/> (0 or 1), at most what the library computes
    /// with.</summary>
    public int Int(string key, int? fallback = null, int most = int.MaxValue, int least = 1)
    {
        if (raw[key] is JsonValue value && value.GetValueKind() == JsonValueKind.Number
            && value.TryGetValue(out long number))
        {
            return number < least ? throw new DataException($"{where}: {key} is {number}; expected "
                    + (least > 0 ? "a positive number" : "0 or more"))
                : number > most ? throw new DataException(
                    $"{where}: {key} is {number}; this program computes with at most {most}")
                : (int)number;
        }

        return raw[key] is null && fallback is { } f && f > 0 ? f : throw Unexpected("a whole number", key);
    }

    /// <summary>A number between two bounds, neither of which counts.</summary>
    public double Double(string key, double fallback, double above = double.NegativeInfinity,
        double below = double.PositiveInfinity) =>
        Optional(key, above, below) ?? fallback;

    /// <summary>A number between two bounds, neither of which counts; null when there is none.</summary>
    public double? Optional(string key, double above = double.NegativeInfinity, double below = double.PositiveInfinity)
    {
        if (raw[key] is null)
        {
            return null;
        }

        // TryGetValue gives infinity for what is past the largest double.
        double number = raw[key] is JsonValue value && value.GetValueKind() == JsonValueKind.Number
            && value.TryGetValue(out double found)
            ? found : throw Unexpected("a number", key);
        string wanted = above == 0 && double.IsPositiveInfinity(below) ? "a positive number"
            : $"a number between {above} and {below}";
        return number > above && number < below ? number : throw Unexpected(wanted, key);
    }

    /// <summary>Whatever stands there; null when nothing does.</summary>
    public JsonNode? Value(string key) => raw[key];

    /// <summary>A list; null when there is none.</summary>
    public JsonArray? List(string key) => raw[key] switch
    {
        null => null,
        JsonArray list => list,
        _ => throw Unexpected("a list", key),
    };

    /// <summary>The names of the keys.</summary>
    public System.Collections.Generic.IEnumerable<string> Keys => raw.Select(p => p.Key);

    /// <summary>True or false.</summary>
    public bool Bool(string key, bool fallback) => raw[key] is null ? fallback
        : raw[key] is JsonValue value && value.TryGetValue(out bool flag) ? flag
        : throw Unexpected("true or false", key);

    /// <summary>A text; null when there is none.</summary>
    public string? Text(string key) => raw[key] is null ? null
        : raw[key] is JsonValue value && value.TryGetValue(out string? text) ? text
        : throw Unexpected("a text", key);

    /// <summary>An object; null when there is none.</summary>
    public ConfigJson? Object(string key) => raw[key] switch
    {
        null => null,
        JsonObject inner => new(inner, $"{where}: {key}"),
        _ => throw Unexpected("an object", key),
    };

    private DataException Unexpected(string wanted, string key) =>
        new($"{where}: expected {wanted} at {key}, found {Shown(raw[key])}");
}
