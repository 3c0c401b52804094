using System;
using System.Buffers.Binary;
using System.IO;

namespace Tbrm.Training.Metrics.TensorBoard;

/// <summary>
/// TFRecord framing: length (u64), masked CRC of the length, the bytes, masked CRC of the bytes; all little-endian. A
/// record reaches the file
/// in one write, so that a reader meets at most one record that is cut off: the last.
/// </summary>
internal static class RecordWriter
{
    private const int LengthBytes = 8, ChecksumBytes = 4;

    public static void Write(Stream file, ReadOnlySpan<byte> data)
    {
        byte[] record = new byte[LengthBytes + ChecksumBytes + data.Length + ChecksumBytes];
        Span<byte> length = record.AsSpan(0, LengthBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(LengthBytes), Crc32C.Masked(length));
        data.CopyTo(record.AsSpan(LengthBytes + ChecksumBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(record.Length - ChecksumBytes), Crc32C.Masked(data));
        file.Write(record);
    }
}
