using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Data.Json;

namespace Tbrm.Data.Prompts;

/// <summary>Reading the fields of a row, whatever file it came from.</summary>
internal static class RowValues
{
    /// <summary>The value at a dotted path; null when it, or anything on the way, is missing or null.</summary>
    public static JsonNode? Find(JsonObject row, string path)
    {
        if (row.TryGetPropertyValue(path, out JsonNode? direct))
        {
            return direct;
        }

        JsonNode? node = row;
        foreach (string key in path.Split('.'))
        {
            node = node is JsonObject structure && structure.TryGetPropertyValue(key, out JsonNode? child) ? child
                : null;
        }

        return node;
    }

    /// <summary>Whether a dotted path leads to a column, or into it.</summary>
    public static bool IsUnder(string path, string column) => path == column
        || path.StartsWith(column + ".", StringComparison.Ordinal);

    /// <summary>Whether there is a value, null included, at a dotted path.</summary>
    public static bool Has(JsonObject row, string path)
    {
        int dot = path.LastIndexOf('.');
        return row.ContainsKey(path)
            || (dot > 0 && Find(row, path[..dot]) is JsonObject parent && parent.ContainsKey(path[(dot + 1)..]));
    }

    /// <summary>
    /// A value as an answer is written: text as it is, a number without a needless fraction (27.0 is 27), a list of one
    /// as
    /// its element, everything else as JSON.
    /// </summary>
    public static string ToAnswerText(JsonNode value) => GroundTruth.Of(value).Text;

    /// <summary>The object that a text holds as JSON; null when it holds something else.</summary>
    public static JsonObject? ObjectInText(string text)
    {
        if (!text.AsSpan().TrimStart().StartsWith('{'))
        {
            return null;
        }

        try
        {
            return StrictJson.Parse(Encoding.UTF8.GetBytes(text), "") as JsonObject;
        }
        catch (DataException)
        {
            return null;
        }
    }

    /// <summary>A copy without the fields that are null, at any depth; elements of lists stay.</summary>
    public static JsonNode WithoutNulls(JsonNode value) => value switch
    {
        JsonObject structure =>
            new JsonObject(structure.Where(field => field.Value is not null)
            .Select(field => KeyValuePair.Create<string, JsonNode?>(field.Key, WithoutNulls(field.Value!)))),
        JsonArray list => new JsonArray([.. list.Select(element => element is null ? null : WithoutNulls(element))]),
        _ => value.DeepClone(),
    };

    /// <summary>The keys of a row for an error message.</summary>
    public static string KeysOf(JsonObject row)
    {
        const int Shown = 12;
        IEnumerable<string> keys = row.Select(pair => pair.Key).Take(Shown);
        return row.Count == 0 ? "none" : string.Join(", ", keys) + (row.Count > Shown ? ", ..." : "");
    }
}
