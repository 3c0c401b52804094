using System;
using System.IO;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;

namespace Tbrm.Text.Json;

/// <summary>Turns a JSONL file into another, row by row in order; the result appears complete under its name or not at
/// all.</summary>
internal static class JsonRows
{
    private static readonly JsonDocumentOptions s_reading = new() { MaxDepth = 256 };
    private static readonly JsonWriterOptions s_writing =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 512 };

    /// <summary>Applies <paramref name="convert"/> to every line that is not blank. "-" means stdin or
    /// stdout.</summary>
    /// <param name="input">The file to read.</param>
    /// <param name="output">The file to write.</param>
    /// <param name="convert">Gets the text of a line and its place for messages, and writes one object.</param>
    public static void Convert(string input, string output, Action<string, string, Utf8JsonWriter> convert)
    {
        try
        {
            if (Directory.Exists(input))
            {
                throw new DataException($"{input}: is a folder; give the file inside it");
            }

            using TextReader reader = input == "-" ? new StreamReader(Console.OpenStandardInput(), Strict())
                : new StreamReader(input, Strict());
            if (output == "-")
            {
                using Stream stdout = Console.OpenStandardOutput();
                ConvertLines(reader, input, stdout, convert);
                return;
            }

            using AtomicFile file = new(output);
            ConvertLines(reader, input, file.Stream, convert);
            file.Commit();
        }
        catch (DecoderFallbackException e)
        {
            throw new DataException($"{input}: the text is not UTF-8: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException io ? !io.IsDiskFull() : e is UnauthorizedAccessException)
        {
            throw new DataException($"{input} -> {output}: {e.Message}", e);
        }
    }

    /// <summary>Reads one line as an object.</summary>
    /// <exception cref="DataException">It is none; the message names the place.</exception>
    public static JsonDocument ParseObject(string line, string place)
    {
        try
        {
            JsonDocument row = JsonDocument.Parse(line, s_reading);
            if (row.RootElement.ValueKind == JsonValueKind.Object)
            {
                RequireReadableKeys(row, place);
                return row;
            }

            string kind = row.RootElement.ValueKind.ToString().ToLowerInvariant();
            row.Dispose();
            throw new DataException($"{place}: expected a JSON object, found {kind}");
        }
        catch (JsonException e)
        {
            throw new DataException($"{place}: expected a JSON object: {e.Message}", e);
        }
    }

    private static void RequireReadableKeys(JsonDocument row, string place)
    {
        try
        {
            foreach (JsonProperty member in row.RootElement.EnumerateObject())
            {
                _ = member.Name;
            }
        }
        catch (InvalidOperationException e)
        {
            row.Dispose();
            throw new DataException($"{place}: a key holds half of a surrogate pair, which is no text", e);
        }
    }

    /// <summary>Writes the members of a row but those named, as they stand.</summary>
    public static void CopyMembers(JsonElement row, Utf8JsonWriter writer, params string[] except)
    {
        foreach (JsonProperty member in row.EnumerateObject())
        {
            if (Array.IndexOf(except, member.Name) < 0)
            {
                writer.WritePropertyName(member.Name);
                writer.WriteRawValue(member.Value.GetRawText(), skipInputValidation: true);
            }
        }
    }

    private static UTF8Encoding Strict() => new(false, throwOnInvalidBytes: true);

    private static void ConvertLines(TextReader reader, string input, Stream output,
        Action<string, string, Utf8JsonWriter> convert)
    {
        using Utf8JsonWriter writer = new(output, s_writing);
        for (int number = 1; ReadLine(reader) is string line; number++)
        {
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }

            convert(line, $"{input}: line {number}", writer);
            writer.Flush();
            writer.Reset();
            output.WriteByte((byte)'\n');
        }
    }

    /// <summary>Lines end with '\n' alone: a lone '\r' may stand between the tokens of a row.</summary>
    private static string? ReadLine(TextReader reader)
    {
        StringBuilder? line = null;
        for (int c = reader.Read(); c >= 0; c = reader.Read())
        {
            line ??= new StringBuilder();
            if (c == '\n')
            {
                return line.ToString();
            }

            line.Append((char)c);
        }

        return line?.ToString();
    }
}
