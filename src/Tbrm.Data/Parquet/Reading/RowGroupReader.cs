using System;
using System.Collections.Generic;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Tbrm.Core.Errors;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet.Reading;

/// <summary>Reads the rows of one row group. Memory: a page and a dictionary for each column.</summary>
internal sealed class RowGroupReader : IDisposable
{
    private readonly List<ColumnCursor> _cursors = [];
    private readonly List<(string Name, FieldReader Reader)> _fields = [];
    private readonly RowBudget _budget = new();
    private readonly string _fileName;

    /// <summary>Opens the given leaves of the row group.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="dataEnd">Where the footer begins; no page may reach behind.</param>
    /// <param name="root">The schema.</param>
    /// <param name="leaves">The columns to read.</param>
    /// <param name="group">Where they are.</param>
    /// <param name="fileName">For messages.</param>
    public RowGroupReader(SafeFileHandle file, long dataEnd, SchemaNode root, IReadOnlyList<SchemaNode> leaves,
        RowGroup group, string fileName)
    {
        _fileName = fileName;
        try
        {
            ReadLimits limits = new();
            Dictionary<int, ColumnCursor> byColumn = [];
            foreach (SchemaNode leaf in leaves)
            {
                ColumnCursor cursor = OpenColumn(file, dataEnd, leaf, group, limits);
                _cursors.Add(cursor);
                byColumn.Add(leaf.ColumnIndex, cursor);
            }

            foreach (SchemaNode child in root.Children)
            {
                if (FieldReaderBuilder.Build(child, byColumn) is FieldReader reader)
                {
                    _fields.Add((child.Name, reader));
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The next row.</summary>
    /// <exception cref="DataException">The columns are damaged, or do not fit together.</exception>
    public JsonObject ReadRow()
    {
        _budget.Reset();
        foreach (ColumnCursor cursor in _cursors)
        {
            if (cursor.AtEnd || cursor.Repetition != 0)
            {
                throw cursor.Error(cursor.AtEnd ? "the column has fewer rows than its row group"
                    : "a row does not begin where it should");
            }
        }

        JsonObject row = [];
        foreach ((string name, FieldReader reader) in _fields)
        {
            row[name] = reader.Read(_budget);
        }

        return row;
    }

    /// <summary>Checks that the columns end with the last row.</summary>
    public void Complete()
    {
        foreach (ColumnCursor cursor in _cursors)
        {
            if (!cursor.AtEnd)
            {
                throw cursor.Error("the column has more rows than its row group");
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ColumnCursor cursor in _cursors)
        {
            cursor.Dispose();
        }
    }

    private ColumnCursor OpenColumn(SafeFileHandle file, long dataEnd, SchemaNode leaf, RowGroup group,
        ReadLimits limits)
    {
        string where = $"{_fileName}: column '{leaf.Path}'";
        ColumnChunk chunk = group.Columns[leaf.ColumnIndex];
        if (chunk.IsEncrypted || chunk.ExternalFile is not null)
        {
            throw new DataException(
                $"{where}: {(chunk.IsEncrypted ? "is encrypted" : $"lies in another file ('{chunk.ExternalFile}')")}; rewrite the table into one plain file");
        }

        if (chunk.Type != leaf.Type)
        {
            throw new DataException($"{where}: is {leaf.Type} in the schema and {chunk.Type} in the row group");
        }

        const int MagicBytes = 4;
        long start = chunk.DictionaryPageOffset is long dictionary and > 0 && dictionary < chunk.DataPageOffset
            ? dictionary : chunk.DataPageOffset;
        if (chunk.ValueCount > 0 && (start < MagicBytes || start >= dataEnd))
        {
            throw new DataException($"{where}: its pages begin at byte {start}, the data end at byte {dataEnd}");
        }

        PageReader pages = new(file, start, dataEnd, chunk.Codec, limits);
        try
        {
            return new ColumnCursor(leaf, chunk, pages, _fileName, limits);
        }
        catch
        {
            pages.Dispose();
            throw;
        }
    }
}
