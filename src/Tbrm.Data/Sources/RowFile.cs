using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Data.Files;
using Tbrm.Data.Json;
using Tbrm.Data.Parquet;

namespace Tbrm.Data.Sources;

/// <summary>What a data file is.</summary>
public enum RowFormat
{
    /// <summary>One object per line, perhaps packed with gzip.</summary>
    JsonLines,

    /// <summary>One list of objects, perhaps packed with gzip.</summary>
    JsonArray,

    /// <summary>Apache Parquet.</summary>
    Parquet,
}

/// <summary>Reads the rows of a data file. The content decides the format; a name in .parquet must hold.</summary>
public static class RowFile
{
    /// <summary>What the file is.</summary>
    /// <exception cref="DataException">No such file, or it is called .parquet and is something else.</exception>
    public static RowFormat FormatOf(string path)
    {
        if (ParquetFile.HasMagic(path))
        {
            return RowFormat.Parquet;
        }

        if (path.EndsWith(".parquet", StringComparison.OrdinalIgnoreCase))
        {
            throw new DataException(
                $"{path}: not a valid Parquet file: it does not begin with PAR1; is it a Git LFS pointer or a "
                    + $"download that broke off?");
        }

        return BeginsWithBracket(path) ? RowFormat.JsonArray : RowFormat.JsonLines;
    }

    /// <summary>Streams the rows in order.</summary>
    /// <param name="path">The file.</param>
    /// <param name="columns">Columns to read where the format can leave the others alone (Parquet); null reads
    /// all.</param>
    /// <exception cref="DataException">No such file, or it is damaged.</exception>
    public static IEnumerable<SourceRow> Read(string path, IReadOnlyList<string>? columns = null) =>
        FormatOf(path) switch
        {
            RowFormat.Parquet => ReadParquet(path, columns),
            RowFormat.JsonArray => ReadJson(path, isArray: true),
            _ => ReadJson(path, isArray: false),
        };

    private static IEnumerable<SourceRow> ReadParquet(string path, IReadOnlyList<string>? columns)
    {
        using ParquetFile file = ParquetFile.Open(path);
        long number = 0;
        foreach (JsonObject row in file.ReadRows(columns))
        {
            number++;
            yield return new SourceRow(row, $"{path}: row {number}", IsColumnar: true);
        }
    }

    private static IEnumerable<SourceRow> ReadJson(string path, bool isArray)
    {
        using Stream stream = InputFile.OpenText(path);
        IEnumerable<JsonLine> lines = isArray ? new JsonArrayReader(stream, path, JsonLines.DefaultMaxLineBytes).Read()
            : JsonLines.Read(stream, path);
        foreach (JsonLine line in lines)
        {
            yield return new SourceRow(line.Row, $"{path}:{line.LineNumber}");
        }
    }

    private static bool BeginsWithBracket(string path)
    {
        using Stream stream = InputFile.OpenText(path);
        try
        {
            int c = stream.ReadByte();
            while (c is ' ' or '\t' or '\r' or '\n' or 0xEF or 0xBB or 0xBF)
            {
                c = stream.ReadByte();
            }

            return c == '[';
        }
        catch (InvalidDataException)
        {
            // Damaged gzip: the reader of lines says where.
            return false;
        }
    }
}
