using System;
using System.Buffers.Binary;
using System.Numerics;

namespace Tbrm.Data.Parquet.Codecs.Zstd;

/// <summary>
/// A bit stream that is read from its end (RFC 8878, 4.1 and 4.2.2): the highest bit set in the last byte marks where
/// it begins.
/// </summary>
internal ref struct BackwardBits
{
    private readonly ReadOnlySpan<byte> _data;

    public BackwardBits(ReadOnlySpan<byte> data)
    {
        if (data.Length == 0 || data[^1] == 0)
        {
            throw new MalformedException("zstd: a bit stream has no end mark");
        }

        _data = data;
        Left = (8L * data.Length) - 1 - BitOperations.LeadingZeroCount((uint)data[^1]) + 24;
    }

    /// <summary>Bits not read yet; negative when more were read than there are.</summary>
    public long Left { get; private set; }

    /// <summary>The next <paramref name="count"/> (0 to 56) bits; bits before the stream's start are zero.</summary>
    public ulong Read(int count)
    {
        ulong value = Peek(count);
        Left -= count;
        return value;
    }

    /// <summary>As <see cref="Read"/>, and the bits stay.</summary>
    public readonly ulong Peek(int count)
    {
        if (count == 0)
        {
            return 0;
        }

        long low = Left - count;
        if (low < 0)
        {
            return Left <= 0 ? 0 : Bits(0, (int)Left) << (int)-low;
        }

        return Bits(low, count);
    }

    public void Skip(int count) => Left -= count;

    private readonly ulong Bits(long low, int count)
    {
        int position = (int)(low >> 3);
        ReadOnlySpan<byte> from = _data[position..];
        ulong word;
        if (from.Length >= sizeof(ulong))
        {
            word = BinaryPrimitives.ReadUInt64LittleEndian(from);
        }
        else
        {
            word = 0;
            for (int i = from.Length - 1; i >= 0; i--)
            {
                word = (word << 8) | from[i];
            }
        }

        return (word >> (int)(low & 7)) & (ulong.MaxValue >> (64 - count));
    }
}
