using System;
using System.Buffers.Binary;

namespace Tbrm.Data.Parquet.Codecs.Zstd;

/// <summary>
/// Unpacks zstd frames (RFC 8878) into memory of known size. Frames that need a dictionary are refused; the window is
/// not
/// a concern, since everything written so far stays in reach.
/// </summary>
internal static class ZstdDecoder
{
    private const uint FrameMagic = 0xFD2FB528;
    private const uint SkippableMagic = 0x184D2A50;
    private const uint SkippableMask = 0xFFFFFFF0;
    private const int MaxBlockBytes = 128 << 10;

    /// <summary>Unpacks all frames; returns the bytes written.</summary>
    /// <exception cref="MalformedException">The data is damaged, cut off or larger than the target.</exception>
    public static int Decompress(ReadOnlySpan<byte> source, Span<byte> target)
    {
        int written = 0;
        while (source.Length > 0)
        {
            uint magic = BinaryPrimitives.ReadUInt32LittleEndian(Take(ref source, sizeof(uint)));
            if ((magic & SkippableMask) == SkippableMagic)
            {
                uint length = BinaryPrimitives.ReadUInt32LittleEndian(Take(ref source, sizeof(uint)));
                Take(ref source, length);
            }
            else if (magic == FrameMagic)
            {
                written += DecompressFrame(ref source, target[written..]);
            }
            else
            {
                throw new MalformedException($"zstd: a frame begins with 0x{magic:X8}");
            }
        }

        return written;
    }

    private static int DecompressFrame(ref ReadOnlySpan<byte> source, Span<byte> target)
    {
        bool hasChecksum = ReadHeader(ref source, out ulong? contentBytes);
        ZstdBlock block = new();
        int written = 0;
        bool last = false;
        while (!last)
        {
            ReadOnlySpan<byte> header = Take(ref source, 3);
            int bits = header[0] | (header[1] << 8) | (header[2] << 16);
            last = (bits & 1) != 0;
            int kind = (bits >> 1) & 3, size = bits >> 3;
            if (size > MaxBlockBytes)
            {
                throw new MalformedException($"zstd: a block of {size} bytes");
            }

            switch (kind)
            {
                case 0:
                    Take(ref source, (uint)size).CopyTo(Room(target, written, size));
                    written += size;
                    break;
                case 1:
                    Room(target, written, size).Fill(Take(ref source, 1)[0]);
                    written += size;
                    break;
                case 2:
                    written = block.Decompress(Take(ref source, (uint)size), target, written);
                    break;
                default:
                    throw new MalformedException("zstd: a block of the reserved kind");
            }
        }

        if (contentBytes is ulong expected && expected != (ulong)written)
        {
            throw new MalformedException($"zstd: a frame of {written} bytes announced {expected}");
        }

        if (hasChecksum && BinaryPrimitives.ReadUInt32LittleEndian(Take(ref source, sizeof(uint))) != (
            uint)XxHash64.Compute(target[..written]))
        {
            throw new MalformedException("zstd: a frame's checksum does not match its content");
        }

        return written;
    }

    /// <summary>Reads the frame header; returns whether a checksum follows the frame.</summary>
    private static bool ReadHeader(ref ReadOnlySpan<byte> source, out ulong? contentBytes)
    {
        byte descriptor = Take(ref source, 1)[0];
        bool isSingleSegment = (descriptor & 0x20) != 0;
        if ((descriptor & 0x08) != 0)
        {
            throw new MalformedException("zstd: a reserved bit of the frame header is set");
        }

        if (!isSingleSegment)
        {
            Take(ref source, 1);
        }

        int dictionaryBytes = (descriptor & 3) == 3 ? 4 : descriptor & 3;
        if (Take(ref source, (uint)dictionaryBytes).ContainsAnyExcept((byte)0))
        {
            throw new MalformedException("zstd: the frame needs a dictionary");
        }

        int sizeFlag = descriptor >> 6;
        int sizeBytes = sizeFlag == 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeFlag;
        ReadOnlySpan<byte> size = Take(ref source, (uint)sizeBytes);
        contentBytes = sizeBytes switch
        {
            0 => null,
            1 => size[0],
            2 => BinaryPrimitives.ReadUInt16LittleEndian(size) + 256UL,
            4 => BinaryPrimitives.ReadUInt32LittleEndian(size),
            _ => BinaryPrimitives.ReadUInt64LittleEndian(size),
        };
        return (descriptor & 0x04) != 0;
    }

    private static Span<byte> Room(Span<byte> target, int written, int size)
    {
        return size <= target.Length - written ? target.Slice(written, size)
            : throw new MalformedException($"zstd: more than the {target.Length} bytes that were announced");
    }

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> source, uint length)
    {
        if (length > (uint)source.Length)
        {
            throw new MalformedException("zstd: the frame ends too early");
        }

        ReadOnlySpan<byte> taken = source[..(int)length];
        source = source[(int)length..];
        return taken;
    }
}
