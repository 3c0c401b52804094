using System;
using System.Linq;
using System.Text.Json.Nodes;
using ParquetSharp;
using ParquetSharp.IO;
using ParquetSharp.Schema;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;
using Tbrm.Data.Parquet.Reading;
using Tbrm.Data.Parquet.Schema;
using Tbrm.Data.Parquet.Writing;

namespace Tbrm.Data.Parquet;

/// <summary>
/// Writes rows as a Parquet file that any reader knows: three-level lists, PLAIN or dictionary pages with checksums.
/// The file gets its name only by <see cref="Complete"/>. Memory: one row group.
/// </summary>
public sealed class ParquetWriter : IDisposable
{
    private readonly AtomicFile _file;
    private readonly GuardedStream _stream;
    private readonly ManagedOutputStream _output;
    private readonly WriterProperties _properties;
    private readonly ParquetFileWriter _writer;
    private readonly ParquetWriterOptions _options;
    private readonly RecordShredder _shredder;
    private int _rowsInGroup;

    /// <summary>Begins a file for rows of a schema that was inferred from them.</summary>
    /// <exception cref="DataException">The file cannot be written, or the rows have no columns.</exception>
    public ParquetWriter(string path, SchemaInference schema, ParquetWriterOptions? options = null)
        : this(path, schema.Build(), options ?? new())
    {
    }

    internal ParquetWriter(string path, GroupNode schema, ParquetWriterOptions options)
    {
        _options = options;
        SchemaNode root = SchemaTree.Build(schema);
        _shredder = new RecordShredder(root);
        if (_shredder.Columns.Count == 0)
        {
            throw new DataException($"{path}: rows without any column cannot be written as Parquet");
        }

        _properties = Properties(options);
        _file = new AtomicFile(path);
        _stream = new GuardedStream(_file.Stream);
        try
        {
            _output = new ManagedOutputStream(_stream, leaveOpen: true);
            ParquetFileWriter? writer = null;
            _stream.Run(() => writer = new ParquetFileWriter(_output, schema, _properties));
            _writer = writer!;
        }
        catch (Exception e)
        {
            Dispose();
            if (!NativeErrors.IsNative(e))
            {
                throw;
            }

            throw new DataException($"{path}: cannot be written: {NativeErrors.Describe(e)}", e);
        }
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
        _stream.Run(_writer.Close);
        _file.Commit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _writer?.Dispose();
        _output?.Dispose();
        _properties.Dispose();
        _stream.Dispose();
        _file.Dispose();
    }

    private static WriterProperties Properties(ParquetWriterOptions options)
    {
        if (options.Codec is not (Compression.Uncompressed or Compression.Snappy or Compression.Gzip
            or Compression.Brotli or Compression.Zstd or Compression.Lz4))
        {
            throw new ConfigException(
                $"Parquet files cannot be written with codec {options.Codec}; "
                + "use snappy, zstd, gzip, brotli, lz4 or uncompressed");
        }

        using WriterPropertiesBuilder builder = new();
        builder.CreatedBy("tbrm-native version 0.1.0 (build 0)").Compression(options.Codec)
            .DataPagesize(options.BytesPerPage)
            .DataPageVersion(options.PageVersion == 1 ? ParquetDataPageVersion.V1 : ParquetDataPageVersion.V2);
        _ = options.UseDictionary ? builder.EnableDictionary() : builder.DisableDictionary();
        _ = options.WriteChecksums ? builder.EnablePageChecksum() : builder.DisablePageChecksum();
        options.Configure?.Invoke(builder);
        return builder.Build();
    }

    private void FlushGroup()
    {
        if (_rowsInGroup == 0)
        {
            return;
        }

        _stream.Run(() =>
        {
            using RowGroupWriter group = _writer.AppendRowGroup();
            foreach (ColumnBuilder column in _shredder.Columns)
            {
                using ColumnWriter writer = group.NextColumn();
                column.Write(writer);
                writer.Close();
            }

            group.Close();
        });
        _rowsInGroup = 0;
    }
}
