using System;
using System.Buffers.Binary;

namespace Tbrm.Data.Parquet.Codecs;

/// <summary>LZ4 blocks (lz4_Block_format.md): sequences of literals and matches, without a frame.</summary>
internal static class Lz4Block
{
    private const int MinMatch = 4;
    private const int LongLength = 15;

    /// <summary>Unpacks one block; returns the bytes written.</summary>
    /// <exception cref="MalformedException">The block is damaged or does not fit.</exception>
    public static int Decompress(ReadOnlySpan<byte> source, Span<byte> target)
    {
        int read = 0, written = 0;
        while (read < source.Length)
        {
            int token = source[read++];
            int literals = Length(token >> 4, source, ref read);
            if (literals > source.Length - read || literals > target.Length - written)
            {
                throw new MalformedException("lz4: literals go on behind the end");
            }

            source.Slice(read, literals).CopyTo(target[written..]);
            read += literals;
            written += literals;
            if (read == source.Length)
            {
                return written;
            }

            if (source.Length - read < sizeof(ushort))
            {
                throw new MalformedException("lz4: the block ends inside of a match");
            }

            int offset = BinaryPrimitives.ReadUInt16LittleEndian(source[read..]);
            read += sizeof(ushort);
            int length = Length(token & LongLength, source, ref read) + MinMatch;
            MatchCopy.Copy(target, written, offset, length);
            written += length;
        }

        return written;
    }

    private static int Length(int nibble, ReadOnlySpan<byte> source, ref int read)
    {
        int length = nibble;
        if (nibble == LongLength)
        {
            byte more;
            do
            {
                if (read >= source.Length || length > int.MaxValue - 2 * byte.MaxValue)
                {
                    throw new MalformedException("lz4: the block ends inside of a length");
                }

                more = source[read++];
                length += more;
            }
            while (more == byte.MaxValue);
        }

        return length;
    }
}
