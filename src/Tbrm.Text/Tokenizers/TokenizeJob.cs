using System.Collections.Generic;
using System.Text.Json;
using Tbrm.Core.Errors;
using Tbrm.Text.Json;

namespace Tbrm.Text.Tokenizers;

/// <summary>The work of <c>tokenize</c>: rows with text get ids, or rows with ids get text.</summary>
public static class TokenizeJob
{
    /// <summary><c>{"text", "add_special_tokens": false}</c> -> the row plus <c>"ids"</c>.</summary>
    /// <exception cref="DataException">A row is bad; the message names its line.</exception>
    public static void Encode(ITokenizer tokenizer, string input, string output)
    {
        JsonRows.Convert(input, output, (line, place, writer) =>
        {
            using JsonDocument row = JsonRows.ParseObject(line, place);
            string text = Text(row.RootElement, place);
            int[] ids = tokenizer.Encode(text, Flag(row.RootElement, "add_special_tokens", place));
            writer.WriteStartObject();
            JsonRows.CopyMembers(row.RootElement, writer, "ids");
            writer.WriteStartArray("ids");
            foreach (int id in ids)
            {
                writer.WriteNumberValue(id);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        });
    }

    /// <summary><c>{"ids", "skip_special_tokens": false}</c> -> the row plus <c>"text"</c>.</summary>
    /// <exception cref="DataException">A row is bad; the message names its line.</exception>
    public static void Decode(ITokenizer tokenizer, string input, string output)
    {
        JsonRows.Convert(input, output, (line, place, writer) =>
        {
            using JsonDocument row = JsonRows.ParseObject(line, place);
            string text = tokenizer.Decode(
                [.. Ids(row.RootElement, place)], Flag(row.RootElement, "skip_special_tokens", place));
            writer.WriteStartObject();
            JsonRows.CopyMembers(row.RootElement, writer, "text");
            writer.WriteString("text", text);
            writer.WriteEndObject();
        });
    }

    private static string Text(JsonElement row, string place)
    {
        if (!row.TryGetProperty("text", out JsonElement text) || text.ValueKind != JsonValueKind.String)
        {
            throw new DataException($"{place}: expected the key \"text\" with a string");
        }

        try
        {
            return text.GetString()!;
        }
        catch (System.InvalidOperationException e)
        {
            throw new DataException(
                $"{place}: \"text\" holds half of a surrogate pair, which is no text and has no ids", e);
        }
    }

    private static List<int> Ids(JsonElement row, string place)
    {
        if (!row.TryGetProperty("ids", out JsonElement array) || array.ValueKind != JsonValueKind.Array)
        {
            throw new DataException($"{place}: expected the key \"ids\" with an array of whole numbers");
        }

        List<int> ids = [];
        foreach (JsonElement id in array.EnumerateArray())
        {
            ids.Add(id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out int value) && value >= 0
                ? value
                : throw new DataException($"{place}: expected token ids in \"ids\", found {id.GetRawText()}"));
        }

        return ids;
    }

    private static bool Flag(JsonElement row, string name, string place)
    {
        return row.TryGetProperty(name, out JsonElement flag) && flag.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False or JsonValueKind.Null => false,
            _ => throw new DataException($"{place}: expected true or false for \"{name}\", found {flag.GetRawText()}"),
        };
    }
}
