using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using ParquetSharp;
using Tbrm.Core.Errors;
using Tbrm.Data.Files;
using Tbrm.Data.Parquet.Guard;
using Tbrm.Data.Parquet.Reading;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet;

/// <summary>
/// Reads Apache Parquet files by ParquetSharp (Arrow's C++ library): every physical and logical type, nesting, encoding
/// and codec of the format except LZO and encryption. Rows are streamed as JSON objects. What the file claims about its
/// sizes is checked before the native library takes the memory, which is loaded with the first file.
/// </summary>
public sealed class ParquetFile : IDisposable
{
    private readonly SafeFileHandle _handle;
    private readonly string _path;
    private readonly FileLayout _layout;
    private readonly ReaderProperties _properties;
    private readonly ParquetFileReader _reader;
    private readonly SchemaNode _root;
    private readonly IReadOnlyList<SchemaNode> _leaves;

    private ParquetFile(string path)
    {
        _path = path;
        _handle = OpenHandle(path);
        try
        {
            _layout = FooterScan.Read(_handle);
            _properties = ReaderProperties.GetDefaultReaderProperties();
            _properties.EnableBufferedStream();
            _properties.EnablePageChecksumVerification();
            _reader = new ParquetFileReader(path, _properties);
            _root = SchemaTree.Build(_reader.FileMetaData.Schema.GroupNode);
            _leaves = [.. SchemaTree.Leaves(_root)];
            RowCount = CheckRowGroups();
            CreatedBy = _reader.FileMetaData.CreatedBy is { Length: > 0 } writer ? writer : null;
        }
        catch (Exception e)
        {
            Dispose();
            if (!NativeErrors.IsNative(e))
            {
                throw;
            }

            throw new DataException($"{path}: not a valid Parquet file: {NativeErrors.Describe(e)}", e);
        }
    }

    /// <summary>Rows of the file.</summary>
    public long RowCount { get; }

    /// <summary>Row groups of the file.</summary>
    public int RowGroupCount => _layout.Groups.Count;

    /// <summary>The writer's name for itself; null when it does not say.</summary>
    public string? CreatedBy { get; }

    /// <summary>The names of the codecs in use, in the order of the format's numbers.</summary>
    public IReadOnlyList<string> Codecs =>
    [
        .. _layout.Groups.SelectMany(group => group.Chunks).DistinctBy(chunk => chunk.Codec)
            .OrderBy(chunk => chunk.Codec).Select(chunk => chunk.CodecName),
    ];

    /// <summary>Reads the footer.</summary>
    /// <exception cref="DataException">No such file, or it is no valid Parquet file.</exception>
    public static ParquetFile Open(string path) => new(path);

    /// <summary>Whether the file begins as Parquet files do.</summary>
    public static bool HasMagic(string path)
    {
        using FileStream file = InputFile.Open(path, sequential: true);
        Span<byte> head = stackalloc byte[FooterScan.Magic.Length];
        return file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length
            && (head.SequenceEqual(FooterScan.Magic) || head.SequenceEqual(FooterScan.EncryptedMagic));
    }

    /// <summary>Streams the rows in order.</summary>
    /// <param name="columns">
    /// Names of columns, or dotted paths into structs (<c>reward_model.ground_truth</c>): only these, and what lies
    /// below
    /// them, is read. Null reads everything.
    /// </param>
    /// <exception cref="DataException">A column does not exist, or its data are damaged.</exception>
    public IEnumerable<JsonObject> ReadRows(IReadOnlyList<string>? columns = null)
    {
        IReadOnlyList<SchemaNode> leaves = Select(columns);
        RowPosition position = new(_path);
        for (int group = 0; group < _layout.Groups.Count; group++)
        {
            if (_layout.Groups[group].RowCount == 0 && _layout.Groups[group].Chunks.All(chunk => chunk.ValueCount == 0))
            {
                continue;
            }

            using RowReader reader =
                RowReader.Open(_reader, _handle, _layout, group, _root, leaves, position);
            for (long row = 0; row < _layout.Groups[group].RowCount; row++)
            {
                yield return reader.ReadRow();
            }

            reader.Complete();
        }
    }

    /// <summary>The schema, a line for each node, indented by depth.</summary>
    public string DescribeSchema()
    {
        StringBuilder text = new();
        foreach (SchemaNode child in _root.Children)
        {
            Describe(child, 1, text);
        }

        return text.ToString();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _reader?.Dispose();
        _properties?.Dispose();
        _handle.Dispose();
    }

    private static void Describe(SchemaNode node, int depth, StringBuilder text)
    {
        string stored = node.Type is PhysicalType type ? type.ToString().ToLowerInvariant() : "group";
        string meaning = node.Logical.Type is LogicalTypeEnum.None ? ""
            : $" ({node.Logical.Type.ToString().ToLowerInvariant()})";
        text.Append(' ', 2 * depth)
            .AppendLine(CultureInfo.InvariantCulture,
            $"{node.Name}: {node.Repetition.ToString().ToLowerInvariant()} {stored}{meaning}");
        foreach (SchemaNode child in node.Children)
        {
            Describe(child, depth + 1, text);
        }
    }

    private static SafeFileHandle OpenHandle(string path)
    {
        // Opened once as a stream for the sake of its messages.
        InputFile.Open(path, sequential: false).Dispose();
        return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.RandomAccess);
    }

    /// <summary>The number of rows; the row groups count, since some writers leave the footer's total at 0.</summary>
    private long CheckRowGroups()
    {
        long rows = 0;
        foreach (GroupLayout group in _layout.Groups)
        {
            if (group.Chunks.Count != _leaves.Count)
            {
                throw new MalformedException(
                    $"a row group has {group.Chunks.Count} columns, the schema {_leaves.Count}");
            }

            // Without columns nothing would hold the number of rows to the truth.
            if (group.RowCount > 0 && _leaves.Count == 0)
            {
                throw new MalformedException($"{group.RowCount} rows without columns");
            }

            rows += group.RowCount;
        }

        return rows;
    }

    private IReadOnlyList<SchemaNode> Select(IReadOnlyList<string>? columns)
    {
        if (columns is null)
        {
            return _leaves;
        }

        foreach (string column in columns)
        {
            if (!_leaves.Any(leaf => IsBelow(leaf, column)))
            {
                throw new DataException(
                    $"{_path}: no column '{column}'; there are "
                        + $"{string.Join(", ", _root.Children.Select(child => child.Name))}");
            }
        }

        return [.. _leaves.Where(leaf => columns.Any(column => IsBelow(leaf, column)))];
    }

    private static bool IsBelow(SchemaNode leaf, string path)
    {
        return leaf.Path == path
            || (leaf.Path.Length > path.Length && leaf.Path[path.Length] == '.'
            && leaf.Path.StartsWith(path, StringComparison.Ordinal));
    }
}
