using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Schema;
using Tbrm.Data.Parquet.Writing;

namespace Tbrm.Data.Parquet;

/// <summary>
/// Writes rows as a Parquet file that any reader knows: three-level lists, PLAIN or dictionary pages with checksums.
/// The
/// file gets its name only by <see cref="Complete"/>. Memory: one row group.
/// </summary>
public sealed class ParquetWriter : IDisposable
{
    private const string CreatedBy = "tbrm-native version 0.1.0 (build 0)";

    private readonly AtomicFile _file;
    private readonly SchemaNode _root;
    private readonly ParquetWriterOptions _options;
    private readonly RecordShredder _shredder;
    private readonly List<WrittenRowGroup> _groups = [];
    private readonly IReadOnlyList<IReadOnlyList<string>> _paths;
    private int _rowsInGroup;

    /// <summary>Begins a file for rows of a schema that was inferred from them.</summary>
    /// <exception cref="DataException">The file cannot be written, or the rows have no columns.</exception>
    public ParquetWriter(string path, SchemaInference schema, ParquetWriterOptions? options = null)
        : this(path, schema.Build(), options ?? new())
    {
    }

    internal ParquetWriter(string path, SchemaNode root, ParquetWriterOptions options)
    {
        _root = root;
        _options = options;
        _shredder = new RecordShredder(root);
        _paths = [.. Paths(root, [])];
        if (_paths.Count == 0)
        {
            throw new DataException($"{path}: rows without any column cannot be written as Parquet");
        }

        _file = new AtomicFile(path);
        _file.Stream.Write("PAR1"u8);
    }

    /// <summary>Rows written so far.</summary>
    public long Rows { get; private set; }

    /// <summary>Appends a row, which must fit the schema.</summary>
    public void Write(JsonObject row)
    {
        _shredder.Add(row);
        _rowsInGroup++;
        Rows++;
        if (_rowsInGroup >= _options.RowsPerGroup
            || _shredder.Columns.Sum(column => column.Size) >= _options.BytesPerGroup)
        {
            FlushGroup();
        }
    }

    /// <summary>Writes the footer and gives the file its name.</summary>
    public void Complete()
    {
        FlushGroup();
        byte[] footer = MetadataWriter.Write(_root, _groups, CreatedBy);
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, footer.Length);
        _file.Stream.Write(footer);
        _file.Stream.Write(length);
        _file.Stream.Write("PAR1"u8);
        _file.Commit();
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void FlushGroup()
    {
        if (_rowsInGroup == 0)
        {
            return;
        }

        List<WrittenColumn> columns = [];
        for (int i = 0; i < _shredder.Columns.Count; i++)
        {
            ColumnBuilder values = _shredder.Columns[i];
            (ColumnChunk chunk, IReadOnlyCollection<PageEncoding> encodings) =
                new ColumnChunkWriter(_file.Stream, _file.Stream.Position, values, _options).Write();
            columns.Add(new WrittenColumn(chunk, encodings, _paths[i]));
            values.Clear();
        }

        _groups.Add(new WrittenRowGroup(_rowsInGroup, columns));
        _rowsInGroup = 0;
    }

    /// <summary>The names on the way to each leaf; they may hold dots themselves.</summary>
    private static IEnumerable<IReadOnlyList<string>> Paths(SchemaNode node, IReadOnlyList<string> above)
    {
        return node.IsLeaf ? [above] : node.Children.SelectMany(child => Paths(child, [.. above, child.Name]));
    }
}
