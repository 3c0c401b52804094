using System;
using System.Buffers.Binary;
using Tbrm.Data.Parquet.Metadata;

namespace Tbrm.Data.Parquet.Encodings;

/// <summary>PLAIN values of a fixed width: little-endian numbers, or byte arrays of one length.</summary>
internal sealed class PlainFixedDecoder(byte[] data, int start, int end, PhysicalType type, int width) : ValueDecoder
{
    private int _position = start;

    public override long NextInteger()
    {
        ReadOnlySpan<byte> value = NextBytes();
        return type == PhysicalType.Int32 ? BinaryPrimitives.ReadInt32LittleEndian(value)
            : type == PhysicalType.Int64 ? BinaryPrimitives.ReadInt64LittleEndian(value)
            : base.NextInteger();
    }

    public override double NextReal()
    {
        ReadOnlySpan<byte> value = NextBytes();
        return type == PhysicalType.Float ? BinaryPrimitives.ReadSingleLittleEndian(value)
            : type == PhysicalType.Double ? BinaryPrimitives.ReadDoubleLittleEndian(value)
            : base.NextReal();
    }

    public override ReadOnlySpan<byte> NextBytes()
    {
        if (width > end - _position)
        {
            throw new MalformedException($"a value of {width} bytes where {end - _position} are left in the page");
        }

        ReadOnlySpan<byte> value = data.AsSpan(_position, width);
        _position += width;
        return value;
    }
}

/// <summary>PLAIN byte arrays: each after its length, four bytes.</summary>
internal sealed class PlainByteArrayDecoder(byte[] data, int start, int end) : ValueDecoder
{
    private int _position = start;

    public override ReadOnlySpan<byte> NextBytes()
    {
        const int PrefixBytes = sizeof(int);
        if (PrefixBytes > end - _position)
        {
            throw new MalformedException("the page ends where a value's length should be");
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(data.AsSpan(_position));
        _position += PrefixBytes;
        if (length < 0 || length > end - _position)
        {
            throw new MalformedException($"a value of {length} bytes where {end - _position} are left in the page");
        }

        ReadOnlySpan<byte> value = data.AsSpan(_position, length);
        _position += length;
        return value;
    }
}

/// <summary>Booleans from any stream of bits: PLAIN packs them, RLE runs them.</summary>
internal sealed class BooleanDecoder(IntegerStream bits) : ValueDecoder
{
    public override long NextInteger() => bits.Next();
}

/// <summary>PLAIN booleans: one bit each, the least significant first.</summary>
internal sealed class PlainBitStream(byte[] data, int start, int end) : IntegerStream
{
    private long _bit = (long)start * 8;

    public override int Next()
    {
        if (_bit >> 3 >= end)
        {
            throw new MalformedException("booleans go on behind the end of the page");
        }

        int value = (data[_bit >> 3] >> (int)(_bit & 7)) & 1;
        _bit++;
        return value;
    }
}

/// <summary>BYTE_STREAM_SPLIT: byte j of all values, then byte j + 1 of all values.</summary>
internal sealed class ByteStreamSplitDecoder : ValueDecoder
{
    private readonly byte[] _data;
    private readonly int _start;
    private readonly int _count;
    private readonly byte[] _value;
    private readonly PhysicalType _type;
    private int _next;

    public ByteStreamSplitDecoder(byte[] data, int start, int end, PhysicalType type, int width)
    {
        if ((end - start) % width != 0)
        {
            throw new MalformedException($"{end - start} bytes of split values of {width} bytes");
        }

        _data = data;
        _start = start;
        _count = (end - start) / width;
        _value = new byte[width];
        _type = type;
    }

    public override long NextInteger()
    {
        ReadOnlySpan<byte> value = NextBytes();
        return _type == PhysicalType.Int32 ? BinaryPrimitives.ReadInt32LittleEndian(value)
            : _type == PhysicalType.Int64 ? BinaryPrimitives.ReadInt64LittleEndian(value)
            : base.NextInteger();
    }

    public override double NextReal()
    {
        ReadOnlySpan<byte> value = NextBytes();
        return _type == PhysicalType.Float ? BinaryPrimitives.ReadSingleLittleEndian(value)
            : _type == PhysicalType.Double ? BinaryPrimitives.ReadDoubleLittleEndian(value)
            : base.NextReal();
    }

    public override ReadOnlySpan<byte> NextBytes()
    {
        if (_next == _count)
        {
            throw new MalformedException("split values go on behind the end of the page");
        }

        for (int i = 0; i < _value.Length; i++)
        {
            _value[i] = _data[_start + _next + (i * _count)];
        }

        _next++;
        return _value;
    }
}
