using System;
using System.Collections.Generic;
using System.IO;
using Tbrm.Core.Errors;
using Tbrm.Data.Files;

namespace Tbrm.Data.Json;

/// <summary>Reads JSONL: one object per line, UTF-8 with or without byte order mark, LF or CRLF, gzip recognised; empty
/// lines are skipped.</summary>
public static class JsonLines
{
    /// <summary>The longest line that is read unless the caller says otherwise: 64 MiB.</summary>
    public const int DefaultMaxLineBytes = 64 << 20;

    /// <summary>Streams a file.</summary>
    /// <exception cref="DataException">No such file, or a line that is no object; the message begins with
    /// <c>file:line</c>.</exception>
    public static IEnumerable<JsonLine> ReadFile(string path, int maxLineBytes = DefaultMaxLineBytes)
    {
        using Stream stream = InputFile.OpenText(path);
        foreach (JsonLine line in Read(stream, path, maxLineBytes))
        {
            yield return line;
        }
    }

    /// <summary>Streams from an open stream (standard input); <paramref name="name"/> stands in the messages.</summary>
    /// <exception cref="DataException">A line that is no object, or the stream is damaged.</exception>
    public static IEnumerable<JsonLine> Read(Stream stream, string name, int maxLineBytes = DefaultMaxLineBytes)
    {
        LineReader lines = new(stream, name, maxLineBytes);
        while (TryReadRow(lines, name) is JsonLine row)
        {
            yield return row;
        }
    }

    private static JsonLine? TryReadRow(LineReader lines, string name)
    {
        try
        {
            while (lines.TryRead(out ReadOnlySpan<byte> line))
            {
                if (line.ContainsAnyExcept(" \t"u8))
                {
                    return new JsonLine(StrictJson.ParseObject(line, $"{name}:{lines.LineNumber}"), lines.LineNumber);
                }
            }

            return null;
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw new DataException($"{name}:{lines.LineNumber + 1}: cannot be read: {e.Message}", e);
        }
    }
}
