using System;
using System.Buffers.Binary;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet.Encodings;

/// <summary>Chooses the decoder for the values of a page.</summary>
internal static class ValueDecoders
{
    private const int PrefixBytes = sizeof(int);

    /// <summary>Over <c>data[start..end]</c>, which holds values and nothing else.</summary>
    public static ValueDecoder Create(PageEncoding encoding, SchemaNode column, ValueDictionary? dictionary,
        byte[] data, int start, int end)
    {
        PhysicalType type = column.Type!.Value;
        return encoding switch
        {
            PageEncoding.Plain => Plain(column, data, start, end),
            PageEncoding.PlainDictionary or PageEncoding.RleDictionary => Indexed(dictionary, data, start, end),
            PageEncoding.Rle when type == PhysicalType.Boolean => Booleans(data, start, end),
            PageEncoding.DeltaBinaryPacked when type is PhysicalType.Int32 or PhysicalType.Int64 =>
                new DeltaBinaryPackedDecoder(data, start, end, type),
            PageEncoding.DeltaLengthByteArray when type == PhysicalType.ByteArray =>
                new DeltaLengthByteArrayDecoder(data, start, end),
            PageEncoding.DeltaByteArray when type is PhysicalType.ByteArray or PhysicalType.FixedLenByteArray =>
                new DeltaByteArrayDecoder(data, start, end),
            PageEncoding.ByteStreamSplit when Width(column) is int width =>
                new ByteStreamSplitDecoder(data, start, end, type, width),
            _ => throw new MalformedException($"values of type {type} in encoding {encoding}"),
        };
    }

    /// <summary>PLAIN values: also the content of a dictionary page.</summary>
    public static ValueDecoder Plain(SchemaNode column, byte[] data, int start, int end) => column.Type switch
    {
        PhysicalType.Boolean => new BooleanDecoder(new PlainBitStream(data, start, end)),
        PhysicalType.ByteArray => new PlainByteArrayDecoder(data, start, end),
        _ => new PlainFixedDecoder(data, start, end, column.Type!.Value, Width(column)!.Value),
    };

    /// <summary>The largest number of PLAIN values that this many bytes can hold.</summary>
    public static long MostPlainValues(SchemaNode column, int bytes) => column.Type switch
    {
        PhysicalType.Boolean => 8L * bytes,
        PhysicalType.ByteArray => bytes / PrefixBytes,
        _ => bytes / Width(column)!.Value,
    };

    /// <summary>Bytes of a value; null when they vary or are none.</summary>
    private static int? Width(SchemaNode column) => column.Type switch
    {
        PhysicalType.Int32 or PhysicalType.Float => 4,
        PhysicalType.Int64 or PhysicalType.Double => 8,
        PhysicalType.Int96 => 12,
        PhysicalType.FixedLenByteArray => column.TypeLength,
        _ => null,
    };

    private static DictionaryDecoder Indexed(ValueDictionary? dictionary, byte[] data, int start, int end)
    {
        if (dictionary is null)
        {
            throw new MalformedException("a page of dictionary indices, but the column has no dictionary before it");
        }

        // A page of nulls alone may have no bytes of indices at all.
        IntegerStream indices = start == end ? RleStream.Create(data, start, end, 1)
            : RleStream.Create(data, start + 1, end, data[start]);
        return new DictionaryDecoder(dictionary, indices);
    }

    private static BooleanDecoder Booleans(byte[] data, int start, int end)
    {
        if (end - start < PrefixBytes)
        {
            return new BooleanDecoder(RleStream.Create(data, end, end, 1));
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(data.AsSpan(start));
        if (length < 0 || length > end - start - PrefixBytes)
        {
            throw new MalformedException(
                $"{length} bytes of booleans where {end - start - PrefixBytes} are left in the page");
        }

        return new BooleanDecoder(RleStream.Create(data, start + PrefixBytes, start + PrefixBytes + length, 1));
    }
}
