using System;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Reading;

namespace Tbrm.Data.Parquet.Encodings;

/// <summary>
/// DELTA_BINARY_PACKED: blocks of differences, each block with its smallest difference, each miniblock with its bit
/// width.
/// </summary>
internal sealed class DeltaBinaryPackedDecoder : ValueDecoder
{
    private const int MaxBlockSize = 1 << 20;
    private const int MiniblockMultiple = 32;

    private readonly byte[] _data;
    private readonly int _end;
    private readonly bool _is32Bit;
    private readonly int _miniblocks;
    private readonly int _valuesPerMiniblock;
    private readonly int _firstBlock;
    private int _position;
    private int _widths;
    private int _miniblock;
    private int _inMiniblock;
    private long _bit;
    private ulong _minDelta;
    private ulong _last;
    private int _read;

    public DeltaBinaryPackedDecoder(byte[] data, int start, int end, PhysicalType type)
    {
        _data = data;
        _end = end;
        _is32Bit = type == PhysicalType.Int32;
        _position = start;
        ulong blockSize = Varint.Read(data, ref _position, end);
        ulong miniblocks = Varint.Read(data, ref _position, end);
        ulong count = Varint.Read(data, ref _position, end);
        if (blockSize is 0 or > MaxBlockSize || miniblocks == 0 || miniblocks > blockSize || blockSize % miniblocks != 0
            || blockSize / miniblocks % MiniblockMultiple != 0 || count > int.MaxValue)
        {
            throw new MalformedException(
                $"delta blocks of {blockSize} values in {miniblocks} miniblocks, {count} values");
        }

        _miniblocks = (int)miniblocks;
        _valuesPerMiniblock = (int)(blockSize / miniblocks);
        Count = (int)count;
        _last = (ulong)Varint.ReadZigZag(data, ref _position, end);
        _firstBlock = _position;
        _miniblock = _miniblocks;
        _inMiniblock = _valuesPerMiniblock;
    }

    /// <summary>Values in all.</summary>
    public int Count { get; }

    public override long NextInteger()
    {
        if (_read == Count)
        {
            throw new MalformedException("delta values go on behind their number");
        }

        if (_read++ > 0)
        {
            Advance();
        }

        return _is32Bit ? (int)_last : (long)_last;
    }

    /// <summary>Where the encoded values end, found without decoding them.</summary>
    public int FindEnd()
    {
        int position = _firstBlock;
        for (long left = (long)Count - 1; left > 0;)
        {
            Varint.Read(_data, ref position, _end);
            int widths = position;
            position = Within(position, _miniblocks);
            for (int i = 0; i < _miniblocks && left > 0; i++, left -= _valuesPerMiniblock)
            {
                position = Within(position, (long)_data[widths + i] * _valuesPerMiniblock / 8);
            }
        }

        return position;
    }

    private int Within(int position, long bytes)
    {
        return bytes <= _end - position ? position + (int)bytes
            : throw new MalformedException("delta values go on behind the end of the page");
    }

    private void Advance()
    {
        if (_inMiniblock == _valuesPerMiniblock)
        {
            NextMiniblock();
        }

        int width = _data[_widths + _miniblock];
        _last = unchecked(_last + _minDelta + BitUnpacker.Read(_data, _end, _bit, width));
        _bit += width;
        _inMiniblock++;
    }

    private void NextMiniblock()
    {
        const int MaxWidth = 64;
        _miniblock++;
        if (_miniblock >= _miniblocks)
        {
            _minDelta = (ulong)Varint.ReadZigZag(_data, ref _position, _end);
            _widths = _position;
            _position = Within(_position, _miniblocks);
            _miniblock = 0;
        }

        int width = _data[_widths + _miniblock];
        if (width > MaxWidth)
        {
            throw new MalformedException($"delta values of {width} bits");
        }

        // The last miniblock may be cut off behind the values that count.
        _bit = (long)_position * 8;
        int valuesHere = Math.Min(_valuesPerMiniblock, Count - _read + 1);
        Within(_position, (((long)valuesHere * width) + 7) / 8);
        _position = (int)Math.Min(_position + ((long)width * _valuesPerMiniblock / 8), _end);
        _inMiniblock = 0;
    }
}

/// <summary>DELTA_LENGTH_BYTE_ARRAY: the lengths as delta values, then all bytes.</summary>
internal sealed class DeltaLengthByteArrayDecoder : ValueDecoder
{
    private readonly byte[] _data;
    private readonly int _end;
    private readonly DeltaBinaryPackedDecoder _lengths;
    private int _position;

    public DeltaLengthByteArrayDecoder(byte[] data, int start, int end)
    {
        _data = data;
        _end = end;
        _lengths = new DeltaBinaryPackedDecoder(data, start, end, PhysicalType.Int32);
        _position = _lengths.FindEnd();
    }

    public override ReadOnlySpan<byte> NextBytes()
    {
        long length = _lengths.NextInteger();
        if (length < 0 || length > _end - _position)
        {
            throw new MalformedException($"a value of {length} bytes where {_end - _position} are left in the page");
        }

        ReadOnlySpan<byte> value = _data.AsSpan(_position, (int)length);
        _position += (int)length;
        return value;
    }
}

/// <summary>DELTA_BYTE_ARRAY: each value as the length of what it shares with the one before, and the rest.</summary>
internal sealed class DeltaByteArrayDecoder : ValueDecoder
{
    private readonly DeltaBinaryPackedDecoder _prefixes;
    private readonly DeltaLengthByteArrayDecoder _suffixes;
    private byte[] _value = [];
    private int _length;
    private long _produced;

    public DeltaByteArrayDecoder(byte[] data, int start, int end)
    {
        _prefixes = new DeltaBinaryPackedDecoder(data, start, end, PhysicalType.Int32);
        _suffixes = new DeltaLengthByteArrayDecoder(data, _prefixes.FindEnd(), end);
    }

    public override ReadOnlySpan<byte> NextBytes()
    {
        long prefix = _prefixes.NextInteger();
        ReadOnlySpan<byte> suffix = _suffixes.NextBytes();
        if (prefix < 0 || prefix > _length)
        {
            throw new MalformedException($"a value shares {prefix} bytes with one of {_length}");
        }

        // Shared prefixes let a small page stand for any number of bytes.
        _length = (int)prefix + suffix.Length;
        _produced += _length;
        if (_produced > ReadLimits.MaxPageBytes)
        {
            throw new MalformedException($"a page with values of more than {ReadLimits.MaxPageBytes} bytes");
        }

        if (_length > _value.Length)
        {
            Array.Resize(ref _value, Math.Max(_length, (int)Math.Min(2L * _value.Length, Array.MaxLength)));
        }

        suffix.CopyTo(_value.AsSpan((int)prefix));
        return _value.AsSpan(0, _length);
    }
}
