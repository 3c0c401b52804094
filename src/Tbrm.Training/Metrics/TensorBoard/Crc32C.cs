using System;
using System.Buffers.Binary;
using System.Numerics;

namespace Tbrm.Training.Metrics.TensorBoard;

/// <summary>CRC-32C (Castagnoli), and the masked form that TFRecord files carry.</summary>
internal static class Crc32C
{
    private const uint MaskDelta = 0xa282ead8;

    /// <summary>The checksum of some bytes, as RFC 3720 defines it.</summary>
    public static uint Compute(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        while (bytes.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (byte value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return ~crc;
    }

    /// <summary>A checksum that may itself stand in data that is checksummed.</summary>
    public static uint Masked(ReadOnlySpan<byte> bytes) =>
        unchecked(BitOperations.RotateRight(Compute(bytes), 15) + MaskDelta);
}
