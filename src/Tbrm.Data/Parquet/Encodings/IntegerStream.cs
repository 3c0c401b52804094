namespace Tbrm.Data.Parquet.Encodings;

/// <summary>Small integers one after another: levels, dictionary indices, booleans.</summary>
internal abstract class IntegerStream
{
    /// <summary>The next one.</summary>
    /// <exception cref="MalformedException">There is none.</exception>
    public abstract int Next();
}

/// <summary>The same value for ever: what a column without levels, or with a bit width of 0, has.</summary>
internal sealed class ConstantStream(int value) : IntegerStream
{
    public override int Next() => value;
}

/// <summary>The hybrid of runs and bit-packed groups (Parquet, encoding RLE = 3).</summary>
internal sealed class RleStream : IntegerStream
{
    private const int MaxWidth = 32;
    private const int GroupSize = 8;

    private readonly byte[] _data;
    private readonly int _end;
    private readonly int _width;
    private int _position;
    private long _runLeft;
    private int _runValue;
    private long _packedLeft;
    private long _packedBit;

    private RleStream(byte[] data, int start, int end, int width)
    {
        _data = data;
        _position = start;
        _end = end;
        _width = width;
    }

    /// <summary>Over <c>data[start..end]</c>; a width of 0 needs no bytes at all.</summary>
    public static IntegerStream Create(byte[] data, int start, int end, int width)
    {
        return width switch
        {
            0 => new ConstantStream(0),
            > 0 and <= MaxWidth => new RleStream(data, start, end, width),
            _ => throw new MalformedException($"integers of {width} bits"),
        };
    }

    /// <inheritdoc/>
    public override int Next()
    {
        while (true)
        {
            if (_runLeft > 0)
            {
                _runLeft--;
                return _runValue;
            }

            if (_packedLeft > 0)
            {
                // A writer may leave out the padding of the last group, but never values.
                if ((_packedBit + _width + 7) >> 3 > _end)
                {
                    throw new MalformedException("bit-packed values go on behind the end of the page");
                }

                int value = (int)BitUnpacker.Read(_data, _end, _packedBit, _width);
                _packedBit += _width;
                _packedLeft--;
                return value;
            }

            BeginRun();
        }
    }

    private void BeginRun()
    {
        if (_packedBit > 0)
        {
            _position = (int)((_packedBit + 7) >> 3);
            _packedBit = 0;
        }

        ulong header = Varint.Read(_data, ref _position, _end);
        ulong count = header >> 1;
        if (count > int.MaxValue)
        {
            throw new MalformedException($"a run of {count} values");
        }

        if ((header & 1) == 0)
        {
            int bytes = (_width + 7) / 8;
            if (bytes > _end - _position)
            {
                throw new MalformedException("a run's value goes on behind the end of the page");
            }

            _runValue = (int)BitUnpacker.Read(_data, _end, (long)_position * 8, bytes * 8);
            _runLeft = (long)count;
            _position += bytes;
        }
        else
        {
            _packedLeft = (long)count * GroupSize;
            _packedBit = (long)_position * 8;
        }
    }
}

/// <summary>Levels of the deprecated encoding BIT_PACKED = 4: most significant bit first, no runs.</summary>
internal sealed class BitPackedStream(byte[] data, int start, int end, int width) : IntegerStream
{
    private long _bit = (long)start * 8;

    /// <inheritdoc/>
    public override int Next()
    {
        if (_bit + width > (long)end * 8)
        {
            throw new MalformedException("bit-packed levels go on behind the end of the page");
        }

        int value = 0;
        for (int i = 0; i < width; i++, _bit++)
        {
            value = (value << 1) | ((data[_bit >> 3] >> (int)(7 - (_bit & 7))) & 1);
        }

        return value;
    }
}
