using System;
using System.Buffers.Binary;
using System.IO;
using System.IO.Compression;
using Tbrm.Data.Parquet.Codecs.Zstd;
using Tbrm.Data.Parquet.Metadata;

namespace Tbrm.Data.Parquet.Codecs;

/// <summary>Unpacks pages. The size after unpacking stands in the page header and has to be met exactly.</summary>
internal static class Codec
{
    // Beyond these ratios no encoder can get: a header that claims more is wrong, and is not given the memory.
    private const int MaxSnappyRatio = 64;
    private const int MaxLz4Ratio = 256;
    private const int MaxGzipRatio = 1040;

    // Zstd and Brotli have no such bound worth the name. Real pages are a few MiB; those beyond the slack have to hold
    // something.
    private const int MaxOpenEndedRatio = 4096;
    private const int OpenEndedSlack = 16 << 20;

    /// <summary>Fills <paramref name="target"/> from <paramref name="source"/>.</summary>
    /// <exception cref="MalformedException">The data is damaged, or gives more or fewer bytes.</exception>
    public static void Decompress(ParquetCodec codec, ArraySegment<byte> source, Span<byte> target)
    {
        int written = codec switch
        {
            ParquetCodec.Uncompressed => Copy(source, target),
            ParquetCodec.Snappy => SnappyDecoder.Decompress(source, target),
            ParquetCodec.Gzip => Inflate(new GZipStream(Open(source), CompressionMode.Decompress), target, "gzip"),
            ParquetCodec.Brotli =>
                Inflate(new BrotliStream(Open(source), CompressionMode.Decompress), target, "brotli"),
            ParquetCodec.Zstd => ZstdDecoder.Decompress(source, target),
            ParquetCodec.Lz4Raw => Lz4Block.Decompress(source, target),
            ParquetCodec.Lz4 => DecompressLegacyLz4(source, target),
            _ => throw new MalformedException($"codec {codec} is not supported; rewrite the file with snappy or zstd"),
        };
        if (written != target.Length)
        {
            throw new MalformedException($"{codec}: {written} bytes where {target.Length} were announced");
        }
    }

    /// <summary>Whether so many bytes can come from so few.</summary>
    public static bool IsPlausible(ParquetCodec codec, int compressedBytes, int uncompressedBytes)
    {
        const int Slack = 1024;
        (long ratio, int slack) = codec switch
        {
            ParquetCodec.Uncompressed => (1, Slack),
            ParquetCodec.Snappy => (MaxSnappyRatio, Slack),
            ParquetCodec.Lz4Raw or ParquetCodec.Lz4 => (MaxLz4Ratio, Slack),
            ParquetCodec.Gzip => (MaxGzipRatio, Slack),
            _ => (MaxOpenEndedRatio, OpenEndedSlack),
        };
        return uncompressedBytes <= (ratio * compressedBytes) + slack;
    }

    private static int Copy(ReadOnlySpan<byte> source, Span<byte> target)
    {
        source[..Math.Min(source.Length, target.Length)].CopyTo(target);
        return source.Length;
    }

    private static MemoryStream Open(ArraySegment<byte> source) =>
        new(source.Array!, source.Offset, source.Count, writable: false);

    private static int Inflate(Stream stream, Span<byte> target, string name)
    {
        using (stream)
        {
            try
            {
                int written = stream.ReadAtLeast(target, target.Length, throwOnEndOfStream: false);
                return written == target.Length && stream.ReadByte() >= 0 ? written + 1 : written;
            }
            catch (Exception e) when (e is InvalidDataException or InvalidOperationException or IOException)
            {
                throw new MalformedException($"{name}: {e.Message}", e);
            }
        }
    }

    /// <summary>
    /// LZ4 = 5 was never specified: Hadoop wrote blocks, each behind its two big-endian sizes; parquet-cpp once wrote
    /// one
    /// bare block.
    /// </summary>
    private static int DecompressLegacyLz4(ReadOnlySpan<byte> source, Span<byte> target)
    {
        try
        {
            return DecompressHadoopLz4(source, target);
        }
        catch (MalformedException)
        {
            return Lz4Block.Decompress(source, target);
        }
    }

    private static int DecompressHadoopLz4(ReadOnlySpan<byte> source, Span<byte> target)
    {
        const int PrefixBytes = 2 * sizeof(uint);
        int written = 0;
        while (source.Length >= PrefixBytes)
        {
            uint unpacked = BinaryPrimitives.ReadUInt32BigEndian(source);
            uint packed = BinaryPrimitives.ReadUInt32BigEndian(source[sizeof(uint)..]);
            source = source[PrefixBytes..];
            if (packed > (uint)source.Length || unpacked > (uint)(target.Length - written))
            {
                throw new MalformedException("lz4: no Hadoop framing");
            }

            int got = Lz4Block.Decompress(source[..(int)packed], target.Slice(written, (int)unpacked));
            written += got == unpacked ? got : throw new MalformedException("lz4: a framed block of another size");
            source = source[(int)packed..];
        }

        return source.Length == 0 && written == target.Length ? written
            : throw new MalformedException("lz4: no Hadoop framing");
    }
}
