using System;
using System.Collections.Generic;
using System.IO;
using Tbrm.Data.Parquet.Encodings;

namespace Tbrm.Data.Parquet.Writing;

/// <summary>Writes the hybrid of runs and bit-packed groups that <see cref="RleStream"/> reads.</summary>
internal static class RleEncoder
{
    private const int GroupSize = 8;

    /// <summary>Values of <paramref name="width"/> bits.</summary>
    public static byte[] Encode(IReadOnlyList<int> values, int width)
    {
        using MemoryStream target = new();
        int position = 0;
        while (position < values.Count)
        {
            int run = RunLength(values, position);
            if (run >= GroupSize)
            {
                WriteVarint(target, (ulong)run << 1);
                WriteLittleEndian(target, (uint)values[position], (width + 7) / 8);
                position += run;
            }
            else
            {
                position = WriteGroups(target, values, position, width);
            }
        }

        return target.ToArray();
    }

    /// <summary>ULEB128.</summary>
    public static void WriteVarint(MemoryStream target, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            target.WriteByte((byte)(value | 0x80));
        }

        target.WriteByte((byte)value);
    }

    /// <summary>Bits of all values, the least significant first, up to a whole byte.</summary>
    public static void WriteBits(MemoryStream target, ReadOnlySpan<ulong> values, int width)
    {
        UInt128 pending = 0;
        int bits = 0;
        foreach (ulong value in values)
        {
            pending |= (UInt128)value << bits;
            for (bits += width; bits >= 8; bits -= 8)
            {
                target.WriteByte((byte)pending);
                pending >>= 8;
            }
        }

        if (bits > 0)
        {
            target.WriteByte((byte)pending);
        }
    }

    private static int RunLength(IReadOnlyList<int> values, int start)
    {
        int end = start + 1;
        while (end < values.Count && values[end] == values[start])
        {
            end++;
        }

        return end - start;
    }

    /// <summary>Packs groups of eight until a run begins at the edge of one; returns the position reached.</summary>
    private static int WriteGroups(MemoryStream target, IReadOnlyList<int> values, int start, int width)
    {
        int end = start;
        do
        {
            end += GroupSize;
        }
        while (end < values.Count && RunLength(values, end) < GroupSize);

        ulong[] packed = new ulong[end - start];
        for (int i = 0; i < packed.Length && start + i < values.Count; i++)
        {
            packed[i] = (uint)values[start + i];
        }

        WriteVarint(target, ((ulong)(packed.Length / GroupSize) << 1) | 1);
        WriteBits(target, packed, width);
        return Math.Min(end, values.Count);
    }

    private static void WriteLittleEndian(MemoryStream target, uint value, int bytes)
    {
        for (int i = 0; i < bytes; i++)
        {
            target.WriteByte((byte)(value >> (8 * i)));
        }
    }
}
