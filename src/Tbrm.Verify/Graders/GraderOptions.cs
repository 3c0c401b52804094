using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Verify.Graders;

/// <summary>Reads options from a row or a configuration, with errors that name the key and what was expected.</summary>
internal sealed class GraderOptions(params JsonObject?[] sources)
{
    /// <summary>The first of the sources that has the key decides; null when none has.</summary>
    public JsonNode? Find(string key)
    {
        foreach (JsonObject? source in sources)
        {
            if (source is not null && source.TryGetPropertyValue(key, out JsonNode? value) && value is not null)
            {
                return value;
            }
        }

        return null;
    }

    public bool Flag(string key, bool fallback) =>
        Find(key) is not { } node ? fallback
        : node is JsonValue value && value.TryGetValue(out bool flag) ? flag
        : throw Wrong(key, "true or false", node);

    public int Integer(string key, int fallback, int minimum, int maximum)
    {
        if (Find(key) is not { } node)
        {
            return fallback;
        }

        return TryNumber(node, out double number) && number == Math.Floor(number) && number >= minimum
            && number <= maximum
            ? (int)number
            : throw Wrong(key, string.Create(CultureInfo.InvariantCulture, $"an integer from {minimum} to {maximum}"),
                node);
    }

    public double Number(string key, double fallback)
    {
        return Find(key) is not { } node ? fallback
            : TryNumber(node, out double number) ? number
            : throw Wrong(key, "a number", node);
    }

    public string? Text(string key)
    {
        return Find(key) is not { } node ? null
            : node is JsonValue value && value.TryGetValue(out string? text) ? text
            : throw Wrong(key, "a string", node);
    }

    /// <summary>One of the given words.</summary>
    public string Choice(string key, string fallback, params string[] choices)
    {
        string chosen = Text(key) ?? fallback;
        return choices.Contains(chosen, StringComparer.Ordinal) ? chosen
            : throw Wrong(key, "one of " + string.Join(", ", choices), chosen);
    }

    /// <summary>A list of words out of the given ones; null when the key is absent.</summary>
    public string[]? Choices(string key, params string[] choices)
    {
        if (Find(key) is not { } node)
        {
            return null;
        }

        List<string> chosen = [];
        foreach (JsonNode? item in node as JsonArray
            ?? throw Wrong(key, "a list of " + string.Join(", ", choices), node))
        {
            string? word = item is JsonValue value && value.TryGetValue(out string? text) ? text : null;
            chosen.Add(choices.Contains(word, StringComparer.Ordinal) ? word!
                : throw Wrong(key, "a list of " + string.Join(", ", choices), node));
        }

        return chosen.Count > 0 ? [.. chosen]
            : throw Wrong(key, "a list with at least one of " + string.Join(", ", choices), node);
    }

    /// <summary>A finite number, whichever numeric type the node was made from.</summary>
    public static bool TryNumber(JsonNode? node, out double number)
    {
        number = 0;
        return node is JsonValue value && value.GetValueKind() == JsonValueKind.Number
            && double.TryParse(value.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out number)
                && double.IsFinite(number);
    }

    private static ConfigException Wrong(string key, string expected, JsonNode found) =>
        new($"grader option '{key}': {expected} was expected, found {found.ToJsonString()}");
}
