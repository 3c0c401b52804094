using System;
using System.Collections.Generic;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using ParquetSharp;
using Tbrm.Core.Errors;
using Tbrm.Data.Parquet.Guard;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet.Reading;

/// <summary>Reads the rows of one row group. Memory: a page and a dictionary for each column.</summary>
internal sealed class RowReader : IDisposable
{
    private readonly List<ColumnCursor> _cursors = [];
    private readonly List<(string Name, FieldReader Reader)> _fields = [];
    private readonly RowBudget _budget = new();
    private readonly RowPosition _position;
    private RowGroupReader? _group;
    private long _openBytes;

    private RowReader(RowPosition position) => _position = position;

    /// <summary>Opens the given leaves of a row group.</summary>
    /// <param name="reader">The open file, for the native library.</param>
    /// <param name="file">The open file, for the checks before it.</param>
    /// <param name="layout">Where the row groups are.</param>
    /// <param name="index">Which row group.</param>
    /// <param name="root">The schema.</param>
    /// <param name="leaves">The columns to read.</param>
    /// <param name="position">For messages.</param>
    /// <exception cref="DataException">The columns are damaged.</exception>
    public static RowReader Open(ParquetFileReader reader, SafeFileHandle file, FileLayout layout, int index,
        SchemaNode root, IReadOnlyList<SchemaNode> leaves, RowPosition position)
    {
        RowReader rows = new(position);
        try
        {
            // Every page of every column first: nothing is taken into memory before all claims have been checked.
            Dictionary<int, long> largestPages = [];
            foreach (SchemaNode leaf in leaves)
            {
                largestPages.Add(leaf.ColumnIndex, rows.Check(leaf, file, layout, index));
            }

            rows._group = reader.RowGroup(index);
            Dictionary<int, ColumnCursor> byColumn = [];
            foreach (SchemaNode leaf in leaves)
            {
                ColumnReader column = rows._group.Column(leaf.ColumnIndex);
                ColumnCursor cursor = ColumnCursor.Open(column, leaf,
                    layout.Groups[index].Chunks[leaf.ColumnIndex].ValueCount, largestPages[leaf.ColumnIndex], position);
                rows._cursors.Add(cursor);
                byColumn.Add(leaf.ColumnIndex, cursor);

                // The lengths of DELTA_LENGTH_BYTE_ARRAY pages are counted inside of the packed page, where no scan
                // sees the claim; what one column took must not be taken by all.
                if (MemoryPool.GetDefaultMemoryPool().BytesAllocated > ReadLimits.MaxOpenBytes)
                {
                    throw TooLarge();
                }
            }

            foreach (SchemaNode child in root.Children)
            {
                if (FieldReaderBuilder.Build(child, byColumn) is FieldReader field)
                {
                    rows._fields.Add((child.Name, field));
                }
            }

            return rows;
        }
        catch (Exception e)
        {
            rows.Dispose();
            if (!NativeErrors.IsNative(e))
            {
                throw;
            }

            string column = leaves[Math.Min(rows._cursors.Count, leaves.Count - 1)].Path;
            throw new DataException($"{position.Of(column)}: {NativeErrors.Describe(e)}", e);
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

        _position.Row++;
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

        _group?.Dispose();
    }

    /// <summary>Bytes of the column's largest page.</summary>
    private long Check(SchemaNode leaf, SafeFileHandle file, FileLayout layout, int index)
    {
        ChunkLayout chunk = layout.Groups[index].Chunks[leaf.ColumnIndex];
        string where = _position.Of(leaf.Path);
        if (chunk.Obstacle is not null)
        {
            throw new DataException($"{where}: {chunk.Obstacle}; rewrite the table into one plain file");
        }

        if (chunk.Type != (int)leaf.Type!.Value)
        {
            throw new DataException(
                $"{where}: is {leaf.Type} in the schema and {(PhysicalType)chunk.Type} in the row group");
        }

        try
        {
            long largest = PageScan.Check(file, chunk, layout.DataEnd);
            _openBytes += 2 * largest;
            return _openBytes <= ReadLimits.MaxOpenBytes ? largest
                : throw TooLarge();
        }
        catch (MalformedException e)
        {
            throw new DataException($"{where}: {e.Message}", e);
        }
    }

    private static MalformedException TooLarge() =>
        new($"the pages in use need more than {ReadLimits.MaxOpenBytes >> 30} GiB; read fewer columns at a time");
}
