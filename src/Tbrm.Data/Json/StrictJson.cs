using System;
using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using Tbrm.Core.Errors;

namespace Tbrm.Data.Json;

/// <summary>JSON as the readers here take it: strict syntax, valid Unicode, no key twice, limited depth.</summary>
internal static class StrictJson
{
    private const int MaxDepth = 64;

    private static readonly JsonDocumentOptions s_options =
        new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };
    private static readonly SearchValues<byte> s_surrogateDigit = SearchValues.Create("dD"u8);

    /// <summary>The object that <paramref name="utf8"/> holds.</summary>
    /// <exception cref="DataException">It holds something else; the message begins with
    /// <paramref name="where"/>.</exception>
    public static JsonObject ParseObject(ReadOnlySpan<byte> utf8, string where)
    {
        JsonNode? node = Parse(utf8, where);
        return node as JsonObject
            ?? throw new DataException($"{where}: expected a JSON object ({{...}}), found {Describe(node)}");
    }

    /// <summary>The value that <paramref name="utf8"/> holds; null for a JSON null.</summary>
    /// <exception cref="DataException">It is not JSON; the message begins with <paramref name="where"/>.</exception>
    public static JsonNode? Parse(ReadOnlySpan<byte> utf8, string where)
    {
        try
        {
            // The parser leaves the bytes of strings alone, so both faults would only show when a string is read.
            if (!Utf8.IsValid(utf8))
            {
                throw new JsonException("the text is not UTF-8");
            }

            RejectLoneSurrogates(utf8);
            return JsonNode.Parse(utf8, documentOptions: s_options);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new DataException($"{where}: not valid JSON: {Reason(e)}", e);
        }
    }

    /// <summary>What a value is, in a word, for error messages.</summary>
    public static string Describe(JsonNode? node) => node?.GetValueKind() switch
    {
        null or JsonValueKind.Null => "null",
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        _ => "a boolean",
    };

    /// <summary>
    /// An escape such as \ud800 alone is legal JSON but no Unicode text: strings with it fail much later, when they are
    /// read.
    /// The check costs a search for one byte pattern unless a surrogate escape is there.
    /// </summary>
    private static void RejectLoneSurrogates(ReadOnlySpan<byte> utf8)
    {
        if (!HasSurrogateEscape(utf8))
        {
            return;
        }

        Utf8JsonReader reader = new(utf8, new JsonReaderOptions { MaxDepth = MaxDepth });
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName)
            {
                reader.GetString();
            }
        }
    }

    private static bool HasSurrogateEscape(ReadOnlySpan<byte> utf8)
    {
        for (int at = utf8.IndexOf("\\u"u8); at >= 0; at = utf8.IndexOf("\\u"u8))
        {
            utf8 = utf8[(at + 2)..];
            if (utf8.Length > 0 && s_surrogateDigit.Contains(utf8[0]))
            {
                return true;
            }
        }

        return false;
    }

    private static string Reason(Exception e)
    {
        // The framework's messages end with a position that counts from the start of this value: bytes, from 0.
        return e is JsonException { BytePositionInLine: long position }
            ? $"{e.Message.Split(" LineNumber:")[0].Split(" Path:")[0].TrimEnd('.')} (byte {position + 1})"
            : e.InnerException?.Message ?? e.Message;
    }
}
