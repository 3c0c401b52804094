using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Numerics;
using Tbrm.Data.Parquet.Codecs;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet.Writing;

/// <summary>Writes the pages of one column chunk.</summary>
internal sealed class ColumnChunkWriter(Stream target, long offset, ColumnBuilder values, ParquetWriterOptions options)
{
    private const int MaxDictionaryBytes = 4 << 20;

    private readonly SchemaNode _column = values.Column;
    private readonly HashSet<PageEncoding> _encodings = [];
    private long _offset = offset;
    private long _uncompressed;
    private long? _dictionaryOffset;

    /// <summary>Writes everything; returns what the footer says of it, and the encodings used.</summary>
    public (ColumnChunk Chunk, IReadOnlyCollection<PageEncoding> Encodings) Write()
    {
        long start = _offset;
        int[]? indices = options.UseDictionary ? WriteDictionary() : null;
        long dataOffset = _offset;
        int entry = 0, value = 0;
        while (entry < values.Definitions.Count)
        {
            (int nextEntry, int nextValue) = PageEnd(entry, value);
            WritePage(entry, nextEntry, value, nextValue, indices);
            (entry, value) = (nextEntry, nextValue);
        }

        ColumnChunk chunk = new(
            _column.Type!.Value, options.Codec, values.Definitions.Count, _uncompressed, _offset - start, dataOffset,
                _dictionaryOffset, false, null);
        return (chunk, _encodings);
    }

    /// <summary>Writes a dictionary page if it pays; returns the index of each value then.</summary>
    private int[]? WriteDictionary()
    {
        (int[] Indices, ColumnBuilder Distinct)? dictionary = _column.Type switch
        {
            PhysicalType.Boolean => null,
            PhysicalType.Int32 or PhysicalType.Int64 =>
                Distinct(values.Integers, EqualityComparer<long>.Default,
                    (distinct, i) => distinct.Integers.Add(values.Integers[i])),
            PhysicalType.Float or PhysicalType.Double =>
                Distinct(values.Reals.ConvertAll(BitConverter.DoubleToInt64Bits), EqualityComparer<long>.Default,
                    (distinct, i) => distinct.Reals.Add(values.Reals[i])),
            _ => Distinct(values.Bytes, ByteArrayComparer.Instance,
                (distinct, i) => distinct.Bytes.Add(values.Bytes[i])),
        };
        if (dictionary is not (int[] indices, ColumnBuilder distinct))
        {
            return null;
        }

        int count = indices.Length == 0 ? 0 : indices.Max() + 1;
        byte[] page = ValueEncoders.Plain(distinct, 0, count);
        if (page.Length > MaxDictionaryBytes)
        {
            return null;
        }

        _dictionaryOffset = _offset;
        _encodings.Add(PageEncoding.Plain);
        PageHeader header = new(
            PageType.DictionaryPage, page.Length, 0, null)
        { ValueCount = count, Encoding = PageEncoding.Plain };
        WriteWithHeader(header, [], page);
        return indices;
    }

    private (int[] Indices, ColumnBuilder Distinct)? Distinct<T>(List<T> items, IEqualityComparer<T> comparer,
        Action<ColumnBuilder, int> append) where T : notnull
    {
        Dictionary<T, int> seen = new(comparer);
        ColumnBuilder distinct = new(_column);
        int[] indices = new int[items.Count];
        for (int i = 0; i < indices.Length; i++)
        {
            if (!seen.TryGetValue(items[i], out int index))
            {
                seen.Add(items[i], index = seen.Count);
                append(distinct, i);
            }

            indices[i] = index;
        }

        // A dictionary that most values enter once only makes the file larger.
        return seen.Count <= items.Count / 2 ? (indices, distinct) : null;
    }

    /// <summary>Where the page that begins here ends: at a row's end, once it holds enough rows or bytes.</summary>
    private (int Entry, int Value) PageEnd(int entry, int value)
    {
        int rows = 0;
        long bytes = 0;
        int end = entry;
        while (end < values.Definitions.Count)
        {
            if (values.Repetitions[end] == 0)
            {
                if (end > entry && (rows >= options.RowsPerPage || bytes >= options.BytesPerPage))
                {
                    break;
                }

                rows++;
            }

            if (values.Definitions[end++] == _column.DefinitionLevel)
            {
                bytes += values.Bytes.Count > 0 ? values.Bytes[value].Length + sizeof(int) : sizeof(long);
                value++;
            }
        }

        return (end, value);
    }

    private void WritePage(int entry, int entryEnd, int value, int valueEnd, int[]? indices)
    {
        PageEncoding encoding = indices is null ? ValueEncoders.Choose(options.Encoding, _column)
            : options.PageVersion == 1 ? PageEncoding.PlainDictionary : PageEncoding.RleDictionary;
        byte[] data = indices is null ? ValueEncoders.Encode(encoding, values, value, valueEnd)
            : Indices(indices, value, valueEnd);
        byte[] repetitions = Levels(values.Repetitions, entry, entryEnd, _column.RepetitionLevel);
        byte[] definitions = Levels(values.Definitions, entry, entryEnd, _column.DefinitionLevel);
        _encodings.Add(encoding);
        _encodings.Add(PageEncoding.Rle);
        PageHeader header = new(PageType.DataPageV2, 0, 0, null)
        {
            ValueCount = entryEnd - entry,
            Encoding = encoding,
            RepetitionBytes = repetitions.Length,
            DefinitionBytes = definitions.Length,
        };
        if (options.PageVersion == 1)
        {
            byte[] page = [.. Prefixed(repetitions), .. Prefixed(definitions), .. data];
            WriteWithHeader(header with { Type = PageType.DataPage }, [], page);
        }
        else
        {
            int rows = 0;
            for (int i = entry; i < entryEnd; i++)
            {
                rows += values.Repetitions[i] == 0 ? 1 : 0;
            }

            WriteWithHeader(header, [.. repetitions, .. definitions], data, rows,
                entryEnd - entry - (valueEnd - value));
        }
    }

    private void WriteWithHeader(PageHeader header, byte[] levels, byte[] page, int rows = 0, int nulls = 0)
    {
        byte[] packed = CodecWriter.Compress(options.Codec, page);
        byte[] content = [.. levels, .. packed];
        uint? crc = options.WriteChecksums ? Crc32.Compute(content) : null;
        PageHeader complete =
            header with
            {
                UncompressedBytes = levels.Length + page.Length,
                CompressedBytes = content.Length,
                Crc = crc
            };
        byte[] thrift = MetadataWriter.Write(complete, rows, nulls);
        target.Write(thrift);
        target.Write(content);
        _offset += thrift.Length + content.Length;
        _uncompressed += thrift.Length + complete.UncompressedBytes;
    }

    private static byte[] Indices(int[] indices, int start, int end)
    {
        int[] slice = indices[start..end];
        int width = slice.Length == 0 ? 0 : Width(slice.Max());
        return [(byte)width, .. RleEncoder.Encode(slice, width)];
    }

    private static byte[] Levels(List<byte> levels, int start, int end, int maxLevel)
    {
        return maxLevel == 0 ? []
            : RleEncoder.Encode([.. levels.Skip(start).Take(end - start).Select(level => (int)level)], Width(maxLevel));
    }

    /// <summary>Levels of version 1 stand behind their length; without levels there is none.</summary>
    private static byte[] Prefixed(byte[] levels)
    {
        if (levels.Length == 0)
        {
            return [];
        }

        byte[] prefixed = new byte[sizeof(int) + levels.Length];
        BinaryPrimitives.WriteInt32LittleEndian(prefixed, levels.Length);
        levels.CopyTo(prefixed, sizeof(int));
        return prefixed;
    }

    private static int Width(int max) => max == 0 ? 0 : BitOperations.Log2((uint)max) + 1;

    private sealed class ByteArrayComparer : IEqualityComparer<byte[]>
    {
        public static readonly ByteArrayComparer Instance = new();

        public bool Equals(byte[]? left, byte[]? right) => left.AsSpan().SequenceEqual(right);

        public int GetHashCode(byte[] bytes)
        {
            HashCode hash = default;
            hash.AddBytes(bytes);
            return hash.ToHashCode();
        }
    }
}
