using System;
using System.Buffers.Binary;

namespace Tbrm.Data.Parquet.Encodings;

/// <summary>Reads integers of any width that are packed from the least significant bit on.</summary>
internal static class BitUnpacker
{
    /// <summary>
    /// The <paramref name="width"/> bits (0 to 64) at <paramref name="bit"/>, counted from the start of the array.
    /// Bytes at
    /// and behind <paramref name="end"/> count as zero.
    /// </summary>
    public static ulong Read(byte[] data, int end, long bit, int width)
    {
        if (width == 0)
        {
            return 0;
        }

        int position = (int)(bit >> 3);
        int shift = (int)(bit & 7);
        ulong mask = ulong.MaxValue >> (64 - width);
        if (position + sizeof(ulong) <= end && shift + width <= 64)
        {
            return (BinaryPrimitives.ReadUInt64LittleEndian(data.AsSpan(position)) >> shift) & mask;
        }

        UInt128 word = 0;
        int bytes = (shift + width + 7) / 8;
        for (int i = 0; i < bytes && position + i < end; i++)
        {
            word |= (UInt128)data[position + i] << (8 * i);
        }

        return (ulong)(word >> shift) & mask;
    }
}
