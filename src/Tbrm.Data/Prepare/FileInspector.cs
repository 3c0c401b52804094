using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Data.Json;
using Tbrm.Data.Parquet;
using Tbrm.Data.Parquet.Writing;
using Tbrm.Data.Prompts;
using Tbrm.Data.Sources;

namespace Tbrm.Data.Prepare;

/// <summary>Shows what a data file holds (<c>data inspect</c>).</summary>
public sealed class FileInspector
{
    private readonly string _path;
    private readonly IReadOnlyList<string>? _columns;
    private readonly RowFormat _format;

    /// <summary>Looks at the file's kind.</summary>
    /// <param name="path">The file.</param>
    /// <param name="columns">What to show of each row; null shows all.</param>
    /// <exception cref="DataException">No such file.</exception>
    public FileInspector(string path, IReadOnlyList<string>? columns)
    {
        _path = path;
        _columns = columns;
        _format = RowFile.FormatOf(path);
    }

    /// <summary>Writes rows as JSONL.</summary>
    /// <param name="output">Where to; stays open.</param>
    /// <param name="head">How many; null for all.</param>
    /// <param name="stop">Ends early.</param>
    public void WriteRows(Stream output, long? head, CancellationToken stop)
    {
        // Not disposed: that would write to the stream once more, and it may be a pipe whose reader has gone.
#pragma warning disable CA2000
        BufferedStream buffered = new(output, 1 << 16);
#pragma warning restore CA2000
        using JsonLinesWriter writer = new(buffered);
        foreach (JsonObject row in Rows(head, readsAll: head is null))
        {
            stop.ThrowIfCancellationRequested();
            try
            {
                writer.Write(row);
            }
            catch (IOException)
            {
                return;
            }
        }

        try
        {
            writer.Complete();
        }
        catch (IOException)
        {
            // As above: who reads no further has seen enough.
        }
    }

    /// <summary>The columns and the first rows, for people.</summary>
    /// <param name="head">Rows to show.</param>
    /// <param name="readsAll">
    /// JSON has no schema: true reads the whole file for its columns and the number of its rows; false reads no further
    /// than the rows that are shown.
    /// </param>
    /// <param name="stop">Ends early.</param>
    public string Describe(long head, bool readsAll, CancellationToken stop)
    {
        StringBuilder text = new();
        if (_format == RowFormat.Parquet)
        {
            using ParquetFile file = ParquetFile.Open(_path);
            text.AppendLine(CultureInfo.InvariantCulture,
                $"{_path}: Parquet, {file.RowCount} rows in {file.RowGroupCount} row groups, "
                    + $"{string.Join(", ", file.Codecs)}, written by {file.CreatedBy ?? "unknown"}");
            text.Append(file.DescribeSchema());
        }
        else
        {
            long rows = 0;
            Dictionary<string, SortedSet<string>> kinds = [];
            foreach (SourceRow row in Take(RowFile.Read(_path), readsAll ? long.MaxValue : head))
            {
                stop.ThrowIfCancellationRequested();
                rows++;
                NoteKinds(row.Row, kinds);
            }

            text.AppendLine(CultureInfo.InvariantCulture,
                $"{_path}: {(_format == RowFormat.JsonArray ? "JSON list" : "JSONL")}, "
                    + $"{(!readsAll && rows == head ? "the first " : "")}{rows} rows");
            foreach ((string key, SortedSet<string> seen) in kinds)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"  {key}: {string.Join(" | ", seen)}");
            }
        }

        AppendSample(text, head, readsAll);
        return text.ToString();
    }

    private static void NoteKinds(JsonObject row, Dictionary<string, SortedSet<string>> kinds)
    {
        foreach ((string key, JsonNode? value) in row)
        {
            if (!kinds.TryGetValue(key, out SortedSet<string>? seen))
            {
                kinds.Add(key, seen = new(StringComparer.Ordinal));
            }

            seen.Add(value?.GetValueKind().ToString().ToLowerInvariant() ?? "null");
        }
    }

    private void AppendSample(StringBuilder text, long head, bool readsAll)
    {
        const int ShownCharacters = 400;
        JsonSerializerOptions readable = new(SchemaInference.ReadableJson);
        long number = 0;
        foreach (JsonObject row in Rows(head, readsAll))
        {
            text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"row {number++}");
            foreach ((string key, JsonNode? value) in row)
            {
                string shown = value?.ToJsonString(readable) ?? "null";
                text.AppendLine(CultureInfo.InvariantCulture,
                    $"  {key}: {(shown.Length > ShownCharacters ? shown[..ShownCharacters] + " ..." : shown)}");
            }
        }
    }

    /// <summary>Reads until a row has been found for each column; JSON has no schema that would tell.</summary>
    /// <param name="most">Rows to look at; beyond them a column may be, and counts as null.</param>
    private void RequireColumns(long most)
    {
        HashSet<string> missing = new(_columns ?? [], StringComparer.Ordinal);
        SortedSet<string> present = new(StringComparer.Ordinal);
        if (missing.Count == 0 || _format == RowFormat.Parquet)
        {
            return;
        }

        long rows = 0;
        foreach (SourceRow row in Take(RowFile.Read(_path), most))
        {
            rows++;
            missing.RemoveWhere(column => RowValues.Has(row.Row, column));
            present.UnionWith(row.Row.Select(member => member.Key));
            if (missing.Count == 0)
            {
                return;
            }
        }

        // What was not read may have it.
        if (rows == most)
        {
            return;
        }

        throw new DataException($"{_path}: no column '{missing.First()}'; there are {string.Join(", ", present)}");
    }

    private IEnumerable<JsonObject> Rows(long? head, bool readsAll)
    {
        RequireColumns(readsAll ? long.MaxValue : head ?? long.MaxValue);
        IEnumerable<JsonObject> rows = RowFile.Read(_path, _columns)
            .Select(row => _format == RowFormat.Parquet ? row.Row : Projected(row));
        return head is long count ? Take(rows, count) : rows;
    }

    /// <summary>The first rows; what follows them is not even read.</summary>
    private static IEnumerable<T> Take<T>(IEnumerable<T> rows, long count)
    {
        using IEnumerator<T> each = rows.GetEnumerator();
        for (long i = 0; i < count && each.MoveNext(); i++)
        {
            yield return each.Current;
        }
    }

    private JsonObject Projected(SourceRow row)
    {
        if (_columns is null)
        {
            return row.Row;
        }

        JsonObject projected = [];
        foreach (string column in _columns)
        {
            projected[column] = RowValues.Find(row.Row, column)?.DeepClone();
        }

        return projected;
    }
}
