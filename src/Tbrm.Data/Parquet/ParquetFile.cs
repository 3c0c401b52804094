using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Tbrm.Core.Errors;
using Tbrm.Data.Files;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Reading;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet;

/// <summary>
/// Reads Apache Parquet files: every physical and logical type, nesting, encoding and codec of the format except LZO
/// and
/// encryption. Rows are streamed as JSON objects; all lengths and offsets of the file are checked before they are used.
/// </summary>
public sealed class ParquetFile : IDisposable
{
    private const int MagicBytes = 4;
    private const int TailBytes = sizeof(int) + MagicBytes;

    private readonly SafeFileHandle _handle;
    private readonly string _path;
    private readonly FileMetadata _metadata;
    private readonly SchemaNode _root;
    private readonly IReadOnlyList<SchemaNode> _leaves;
    private readonly long _dataEnd;

    private ParquetFile(string path)
    {
        _path = path;
        _handle = OpenHandle(path);
        try
        {
            (_metadata, _dataEnd) = ReadFooter();
            _root = SchemaTree.Build(_metadata.Schema);
            _leaves = [.. SchemaTree.Leaves(_root)];
            RowCount = CheckRowGroups();
        }
        catch (MalformedException e)
        {
            _handle.Dispose();
            throw new DataException($"{path}: not a valid Parquet file: {e.Message}", e);
        }
        catch
        {
            _handle.Dispose();
            throw;
        }
    }

    private static ReadOnlySpan<byte> Magic => "PAR1"u8;

    private static ReadOnlySpan<byte> EncryptedMagic => "PARE"u8;

    /// <summary>Rows of the file.</summary>
    public long RowCount { get; }

    /// <summary>Row groups of the file.</summary>
    public int RowGroupCount => _metadata.RowGroups.Count;

    /// <summary>The writer's name for itself; null when it does not say.</summary>
    public string? CreatedBy => _metadata.CreatedBy;

    internal SchemaNode Root => _root;

    /// <summary>The codecs in use, in the order of their numbers.</summary>
    public IReadOnlyList<ParquetCodec> Codecs =>
        [.. _metadata.RowGroups.SelectMany(group => group.Columns).Select(chunk => chunk.Codec).Distinct().Order()];

    /// <summary>Reads the footer.</summary>
    /// <exception cref="DataException">No such file, or it is no valid Parquet file.</exception>
    public static ParquetFile Open(string path) => new(path);

    /// <summary>Whether the file begins as Parquet files do.</summary>
    public static bool HasMagic(string path)
    {
        using FileStream file = InputFile.Open(path, sequential: true);
        Span<byte> head = stackalloc byte[MagicBytes];
        return file.ReadAtLeast(head, MagicBytes, throwOnEndOfStream: false) == MagicBytes
            && (head.SequenceEqual(Magic) || head.SequenceEqual(EncryptedMagic));
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
        foreach (RowGroup group in _metadata.RowGroups)
        {
            using RowGroupReader reader = new(_handle, _dataEnd, _root, leaves, group, _path);
            for (long row = 0; row < group.RowCount; row++)
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
    public void Dispose() => _handle.Dispose();

    private static void Describe(SchemaNode node, int depth, StringBuilder text)
    {
        string stored = node.Type is PhysicalType type ? type.ToString().ToLowerInvariant() : "group";
        string meaning = node.Logical.Kind is LogicalKind.None ? ""
            : $" ({node.Logical.Kind.ToString().ToLowerInvariant()})";
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

    private (FileMetadata Metadata, long DataEnd) ReadFooter()
    {
        long length = RandomAccess.GetLength(_handle);
        Span<byte> tail = stackalloc byte[TailBytes];
        if (length < MagicBytes + TailBytes || RandomAccess.Read(_handle, tail, length - TailBytes) != TailBytes)
        {
            throw new MalformedException($"{length} bytes are too few");
        }

        if (tail[sizeof(int)..].SequenceEqual(EncryptedMagic))
        {
            throw new MalformedException("its footer is encrypted; rewrite it without encryption");
        }

        if (!tail[sizeof(int)..].SequenceEqual(Magic))
        {
            throw new MalformedException("it does not end with PAR1; was it cut off?");
        }

        int footerBytes = BinaryPrimitives.ReadInt32LittleEndian(tail);
        long footerStart = length - TailBytes - footerBytes;
        if (footerBytes <= 0 || footerBytes > ReadLimits.MaxFooterBytes || footerStart < MagicBytes)
        {
            throw new MalformedException($"a footer of {footerBytes} bytes in a file of {length}");
        }

        byte[] footer = new byte[footerBytes];
        int read = RandomAccess.Read(_handle, footer, footerStart);
        return read == footerBytes ? (MetadataReader.ReadFile(footer), footerStart)
            : throw new MalformedException("the footer could not be read whole");
    }

    /// <summary>The number of rows; the row groups count, since some writers leave the footer's total at 0.</summary>
    private long CheckRowGroups()
    {
        long rows = 0;
        foreach (RowGroup group in _metadata.RowGroups)
        {
            if (group.Columns.Count != _leaves.Count)
            {
                throw new MalformedException(
                    $"a row group has {group.Columns.Count} columns, the schema {_leaves.Count}");
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
                    $"{_path}: no column '{column}'; there are {string.Join(", ", _root.Children.Select(child => child.Name))}");
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
