using System;

namespace Tbrm.Data.Parquet.Codecs;

/// <summary>Snappy's raw format (format_description.txt), unpacked in place; packing is left to the library.</summary>
internal static class SnappyDecoder
{
    /// <summary>Unpacks a block; returns the bytes written.</summary>
    /// <exception cref="MalformedException">The block is damaged or of another size than the target.</exception>
    public static int Decompress(ReadOnlySpan<byte> source, Span<byte> target)
    {
        int read = 0;
        ulong announced = ReadLength(source, ref read);
        if (announced != (ulong)target.Length)
        {
            throw new MalformedException($"snappy: {announced} bytes where {target.Length} were announced");
        }

        int written = 0;
        while (read < source.Length)
        {
            int tag = source[read++];
            int kind = tag & 3;
            if (kind == 0)
            {
                int length = LiteralLength(tag >> 2, source, ref read);
                if (length > source.Length - read || length > target.Length - written)
                {
                    throw new MalformedException("snappy: a literal goes on behind the end");
                }

                source.Slice(read, length).CopyTo(target[written..]);
                read += length;
                written += length;
                continue;
            }

            int offsetBytes = kind == 3 ? 4 : kind;
            if (offsetBytes > source.Length - read)
            {
                throw new MalformedException("snappy: the block ends inside of a copy");
            }

            (int copied, int offset) = kind switch
            {
                1 => (((tag >> 2) & 7) + 4, ((tag >> 5) << 8) | source[read]),
                2 => ((tag >> 2) + 1, source[read] | (source[read + 1] << 8)),
                _ => ((tag >> 2) + 1,
                    source[read] | (source[read + 1] << 8) | (source[read + 2] << 16) | (source[read + 3] << 24)),
            };
            read += offsetBytes;
            MatchCopy.Copy(target, written, offset, copied);
            written += copied;
        }

        return written;
    }

    private static ulong ReadLength(ReadOnlySpan<byte> source, ref int read)
    {
        ulong length = 0;
        for (int shift = 0; shift < 35 && read < source.Length; shift += 7)
        {
            byte next = source[read++];
            length |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return length;
            }
        }

        throw new MalformedException("snappy: the block has no length");
    }

    /// <summary>Up to 60 in the tag itself; above, the tag says how many bytes of length follow.</summary>
    private static int LiteralLength(int field, ReadOnlySpan<byte> source, ref int read)
    {
        const int LargestInTag = 59;
        if (field <= LargestInTag)
        {
            return field + 1;
        }

        int bytes = field - LargestInTag;
        if (bytes > source.Length - read)
        {
            throw new MalformedException("snappy: the block ends inside of a length");
        }

        long length = 0;
        for (int i = bytes - 1; i >= 0; i--)
        {
            length = (length << 8) | source[read + i];
        }

        read += bytes;
        return length < int.MaxValue ? (int)length + 1
            : throw new MalformedException($"snappy: a literal of {length} bytes");
    }
}
