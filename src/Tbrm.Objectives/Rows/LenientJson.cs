using System;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Objectives.Rows;

/// <summary>JSON as Python writes it: NaN, Infinity and -Infinity are numbers. They become texts, which
/// <see cref="RowNumbers"/> reads as numbers.</summary>
public static class LenientJson
{
    private static readonly string[] s_words = ["-Infinity", "Infinity", "NaN"];

    /// <summary>Reads one object.</summary>
    /// <exception cref="DataException">The text is no JSON object, or a key stands twice; the message begins with
    /// <paramref name="where"/>.</exception>
    public static JsonObject Parse(string text, string where)
    {
        ArgumentNullException.ThrowIfNull(text);
        try
        {
            JsonNode? node = JsonNode.Parse(Quoted(text), documentOptions: new() { MaxDepth = 16 });
            return node is JsonObject row && CheckKeys(row) ? row
                : throw new DataException(
                    $"{where}: a JSON object was expected, found "
                        + $"{(node is null ? "null" : node.GetValueKind().ToString().ToLowerInvariant())}");
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw new DataException($"{where}: not JSON: {e.Message}", e);
        }
    }

    /// <summary>A key that stands twice is found when the object is first looked into.</summary>
    private static bool CheckKeys(JsonObject row) => row.Count >= 0;

    private static string Quoted(string text)
    {
        StringBuilder quoted = new(text.Length + 16);
        bool inside = false;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            string? word = inside ? null
                : Array.Find(s_words, w => string.CompareOrdinal(text, i, w, 0, w.Length) == 0);
            if (word is not null)
            {
                quoted.Append('"').Append(word).Append('"');
                i += word.Length - 1;
                continue;
            }

            quoted.Append(c);
            if (c == '\\' && inside && i + 1 < text.Length)
            {
                quoted.Append(text[++i]);
            }
            else if (c == '"')
            {
                inside = !inside;
            }
        }

        return quoted.ToString();
    }
}
