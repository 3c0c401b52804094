using System;
using System.Buffers.Binary;
using System.IO;
using System.Linq;
using System.Numerics;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet.Writing;

/// <summary>Encodes a slice of a column's values: the counterparts of the decoders.</summary>
internal static class ValueEncoders
{
    /// <summary>The encoding that is used when <paramref name="wished"/> does not fit the type.</summary>
    public static PageEncoding Choose(PageEncoding wished, SchemaNode column)
    {
        bool fits = wished switch
        {
            PageEncoding.Rle => column.Type == PhysicalType.Boolean,
            PageEncoding.DeltaBinaryPacked => column.Type is PhysicalType.Int32 or PhysicalType.Int64,
            PageEncoding.DeltaLengthByteArray => column.Type == PhysicalType.ByteArray,
            PageEncoding.DeltaByteArray => column.Type is PhysicalType.ByteArray or PhysicalType.FixedLenByteArray,
            PageEncoding.ByteStreamSplit =>
                column.Type is not (PhysicalType.Boolean or PhysicalType.ByteArray or PhysicalType.Int96),
            _ => false,
        };
        return fits ? wished : PageEncoding.Plain;
    }

    /// <summary>Values <paramref name="start"/> to <paramref name="end"/> of the column.</summary>
    public static byte[] Encode(PageEncoding encoding, ColumnBuilder values, int start, int end) => encoding switch
    {
        PageEncoding.Rle => Booleans(values, start, end),
        PageEncoding.DeltaBinaryPacked =>
            DeltaEncoder.Integers([.. values.Integers.Skip(start).Take(end - start)],
            values.Column.Type == PhysicalType.Int32),
        PageEncoding.DeltaLengthByteArray => DeltaEncoder.Lengths([.. values.Bytes.Skip(start).Take(end - start)]),
        PageEncoding.DeltaByteArray => DeltaEncoder.Prefixes([.. values.Bytes.Skip(start).Take(end - start)]),
        PageEncoding.ByteStreamSplit => Split(Plain(values, start, end), end - start),
        _ => Plain(values, start, end),
    };

    /// <summary>PLAIN.</summary>
    public static byte[] Plain(ColumnBuilder values, int start, int end)
    {
        using MemoryStream target = new();
        Span<byte> number = stackalloc byte[sizeof(long)];
        switch (values.Column.Type)
        {
            case PhysicalType.Boolean:
                RleEncoder.WriteBits(target,
                    [.. values.Integers.Skip(start).Take(end - start).Select(bit => (ulong)bit)], 1);
                break;
            case PhysicalType.Int32 or PhysicalType.Int64:
                for (int i = start; i < end; i++)
                {
                    BinaryPrimitives.WriteInt64LittleEndian(number, values.Integers[i]);
                    target.Write(values.Column.Type == PhysicalType.Int32 ? number[..sizeof(int)] : number);
                }

                break;
            case PhysicalType.Float or PhysicalType.Double:
                for (int i = start; i < end; i++)
                {
                    WriteReal(target, values.Reals[i], values.Column.Type == PhysicalType.Float);
                }

                break;
            default:
                for (int i = start; i < end; i++)
                {
                    WriteBytes(target, values.Bytes[i], values.Column.Type == PhysicalType.ByteArray);
                }

                break;
        }

        return target.ToArray();
    }

    private static void WriteReal(MemoryStream target, double value, bool isSingle)
    {
        Span<byte> bytes = stackalloc byte[sizeof(double)];
        if (isSingle)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes, (float)value);
            target.Write(bytes[..sizeof(float)]);
        }
        else
        {
            BinaryPrimitives.WriteDoubleLittleEndian(bytes, value);
            target.Write(bytes);
        }
    }

    private static void WriteBytes(MemoryStream target, byte[] value, bool withLength)
    {
        if (withLength)
        {
            Span<byte> length = stackalloc byte[sizeof(int)];
            BinaryPrimitives.WriteInt32LittleEndian(length, value.Length);
            target.Write(length);
        }

        target.Write(value);
    }

    private static byte[] Booleans(ColumnBuilder values, int start, int end)
    {
        byte[] runs = RleEncoder.Encode([.. values.Integers.Skip(start).Take(end - start).Select(bit => (int)bit)], 1);
        byte[] page = new byte[sizeof(int) + runs.Length];
        BinaryPrimitives.WriteInt32LittleEndian(page, runs.Length);
        runs.CopyTo(page, sizeof(int));
        return page;
    }

    private static byte[] Split(byte[] plain, int count)
    {
        byte[] split = new byte[plain.Length];
        int width = count == 0 ? 0 : plain.Length / count;
        for (int i = 0; i < plain.Length; i++)
        {
            split[(i % width * count) + (i / width)] = plain[i];
        }

        return split;
    }
}

/// <summary>The delta encodings: blocks of 128 values in four miniblocks, as parquet-mr and parquet-cpp write
/// them.</summary>
internal static class DeltaEncoder
{
    private const int BlockSize = 128;
    private const int Miniblocks = 4;
    private const int MiniblockSize = BlockSize / Miniblocks;

    /// <summary>DELTA_BINARY_PACKED.</summary>
    public static byte[] Integers(long[] values, bool is32Bit)
    {
        using MemoryStream target = new();
        RleEncoder.WriteVarint(target, BlockSize);
        RleEncoder.WriteVarint(target, Miniblocks);
        RleEncoder.WriteVarint(target, (ulong)values.Length);
        WriteZigZag(target, values.Length == 0 ? 0 : values[0]);
        for (int start = 1; start < values.Length; start += BlockSize)
        {
            long[] deltas = new long[Math.Min(BlockSize, values.Length - start)];
            for (int i = 0; i < deltas.Length; i++)
            {
                long delta = unchecked(values[start + i] - values[start + i - 1]);
                deltas[i] = is32Bit ? (int)delta : delta;
            }

            WriteBlock(target, deltas, is32Bit);
        }

        return target.ToArray();
    }

    /// <summary>DELTA_LENGTH_BYTE_ARRAY.</summary>
    public static byte[] Lengths(byte[][] values)
    {
        return [.. Integers([.. values.Select(value => (long)value.Length)], is32Bit: true),
            .. values.SelectMany(value => value)];
    }

    /// <summary>DELTA_BYTE_ARRAY.</summary>
    public static byte[] Prefixes(byte[][] values)
    {
        long[] prefixes = new long[values.Length];
        byte[][] suffixes = new byte[values.Length][];
        byte[] previous = [];
        for (int i = 0; i < values.Length; i++)
        {
            int shared = previous.AsSpan().CommonPrefixLength(values[i]);
            prefixes[i] = shared;
            suffixes[i] = values[i][shared..];
            previous = values[i];
        }

        return [.. Integers(prefixes, is32Bit: true), .. Lengths(suffixes)];
    }

    private static void WriteBlock(MemoryStream target, long[] deltas, bool is32Bit)
    {
        long least = deltas.Min();
        ulong mask = is32Bit ? uint.MaxValue : ulong.MaxValue;
        ulong[][] miniblocks =
            [.. deltas.Select(delta => unchecked((ulong)(delta - least)) & mask).Chunk(MiniblockSize)];
        WriteZigZag(target, least);
        for (int i = 0; i < Miniblocks; i++)
        {
            target.WriteByte(i < miniblocks.Length ? (byte)Width(miniblocks[i]) : (byte)0);
        }

        foreach (ulong[] miniblock in miniblocks)
        {
            ulong[] padded = new ulong[MiniblockSize];
            miniblock.CopyTo(padded, 0);
            RleEncoder.WriteBits(target, padded, Width(miniblock));
        }
    }

    private static int Width(ulong[] values) => 64 - BitOperations.LeadingZeroCount(values.Max());

    private static void WriteZigZag(MemoryStream target, long value) =>
        RleEncoder.WriteVarint(target, (ulong)((value << 1) ^ (value >> 63)));
}
