using System.Collections.Generic;
using System.IO;

namespace Tbrm.Data;

/// <summary>Reads the rows of a data file. The content decides the format, not the name: JSONL (also packed with gzip) or one JSON list.</summary>
public static class RowFile
{
    /// <summary>Streams the rows in order.</summary>
    /// <exception cref="Core.DataException">No such file, or it is damaged.</exception>
    public static IEnumerable<SourceRow> Read(string path)
    {
        using Stream stream = InputFile.OpenText(path);
        IEnumerable<JsonLine> lines = BeginsWithBracket(path)
            ? new JsonArrayReader(stream, path, JsonLines.DefaultMaxLineBytes).Read()
            : JsonLines.Read(stream, path);
        foreach (JsonLine line in lines)
        {
            yield return new SourceRow(line.Row, $"{path}:{line.LineNumber}");
        }
    }

    private static bool BeginsWithBracket(string path)
    {
        using Stream stream = InputFile.OpenText(path);
        int c = stream.ReadByte();
        while (c is ' ' or '\t' or '\r' or '\n' or 0xEF or 0xBB or 0xBF)
        {
            c = stream.ReadByte();
        }

        return c == '[';
    }
}
