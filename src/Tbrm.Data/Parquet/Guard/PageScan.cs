using System;
using System.Buffers;
using System.IO;
using Microsoft.Win32.SafeHandles;

namespace Tbrm.Data.Parquet.Guard;

/// <summary>
/// Walks over the headers of a column chunk's pages before the native library unpacks them: it takes the memory that a
/// header claims before it looks at the page.
/// </summary>
internal static class PageScan
{
    private const int MagicBytes = 4;
    private const int FirstHeaderBytes = 1 << 10;

    // Beyond these ratios no encoder can get: a header that claims more is wrong, and is not given the memory.
    private const int MaxSnappyRatio = 64;
    private const int MaxLz4Ratio = 256;
    private const int MaxGzipRatio = 1040;

    // Zstd and Brotli have no such bound worth the name. Real pages are a few MiB; those beyond the slack have to hold
    // something.
    private const int MaxOpenEndedRatio = 4096;
    private const int OpenEndedSlack = 16 << 20;
    private const int Slack = 1024;

    private enum PageType
    {
        Data = 0,
        Index = 1,
        Dictionary = 2,
        DataV2 = 3,
    }

    /// <summary>Checks the pages of a chunk.</summary>
    /// <returns>Bytes of the largest page after unpacking.</returns>
    /// <exception cref="MalformedException">A header is damaged, or goes beyond <see cref="ReadLimits"/>.</exception>
    public static long Check(SafeFileHandle file, ChunkLayout chunk, long dataEnd)
    {
        long at = chunk.Start, values = 0, largest = 0;
        if (chunk.ValueCount > 0 && (at < MagicBytes || at >= dataEnd))
        {
            throw new MalformedException($"its pages begin at byte {at}, the data end at byte {dataEnd}");
        }

        while (values < chunk.ValueCount)
        {
            try
            {
                (Header header, int headerBytes) = ReadHeader(file, at, dataEnd);
                long left = dataEnd - at - headerBytes;
                Check(header, chunk, left);
                largest = Math.Max(largest, header.UncompressedBytes);
                values += header.Type is PageType.Data or PageType.DataV2 ? header.ValueCount : 0;
                at += headerBytes + header.CompressedBytes;
            }
            catch (MalformedException e)
            {
                throw new MalformedException($"page at byte {at}: {e.Message}", e);
            }
        }

        return largest;
    }

    /// <summary>Whether so many bytes can come from so few.</summary>
    /// <param name="codec">Its number in parquet.thrift, CompressionCodec.</param>
    /// <param name="compressedBytes">What is stored.</param>
    /// <param name="uncompressedBytes">What the header announces.</param>
    public static bool IsPlausible(int codec, int compressedBytes, int uncompressedBytes)
    {
        (long ratio, int slack) = codec switch
        {
            0 => (1, Slack),
            1 => (MaxSnappyRatio, Slack),
            5 or 7 => (MaxLz4Ratio, Slack),
            2 => (MaxGzipRatio, Slack),
            _ => (MaxOpenEndedRatio, OpenEndedSlack),
        };
        return uncompressedBytes <= (ratio * compressedBytes) + slack;
    }

    private static void Check(Header header, ChunkLayout chunk, long left)
    {
        if (header.CompressedBytes > left)
        {
            throw new MalformedException(
                $"a page of {header.CompressedBytes} bytes where {left} are left before the footer");
        }

        if (header.UncompressedBytes > ReadLimits.MaxPageBytes)
        {
            throw new MalformedException(
                $"a page of {header.UncompressedBytes} bytes; at most {ReadLimits.MaxPageBytes} are read");
        }

        if (header.Type == PageType.Dictionary
            && (long)header.ValueCount * LeastBytes(chunk.Type) > header.UncompressedBytes)
        {
            throw new MalformedException(
                $"a dictionary of {header.ValueCount} values in {header.UncompressedBytes} bytes");
        }

        if (!IsPlausible(header.IsCompressed ? chunk.Codec : 0, header.CompressedBytes, header.UncompressedBytes))
        {
            throw new MalformedException(
                $"{header.CompressedBytes} bytes of {chunk.CodecName} cannot hold {header.UncompressedBytes} bytes");
        }
    }

    /// <summary>The least that a value takes in a dictionary, which is PLAIN: its own size, or its length's.</summary>
    private static int LeastBytes(int physicalType) => physicalType switch
    {
        1 or 4 or 6 => 4,
        2 or 5 => 8,
        3 => 12,
        _ => 1,
    };

    private static (Header Header, int Length) ReadHeader(SafeFileHandle file, long at, long dataEnd)
    {
        for (int size = FirstHeaderBytes; ; size *= 4)
        {
            int length = (int)Math.Min(size, dataEnd - at);
            if (length <= 0)
            {
                throw new MalformedException("the column's pages go on behind the end of the data");
            }

            byte[] bytes = ArrayPool<byte>.Shared.Rent(length);
            try
            {
                int read = RandomAccess.Read(file, bytes.AsSpan(0, length), at);
                return Parse(bytes.AsSpan(0, read));
            }
            catch (TruncatedException) when (size < ReadLimits.MaxHeaderBytes && length < dataEnd - at)
            {
                // Statistics can make a header long: once more, with more of it.
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(bytes);
            }
        }
    }

    /// <summary>parquet.thrift, PageHeader.</summary>
    private static (Header Header, int Length) Parse(ReadOnlySpan<byte> bytes)
    {
        CompactReader reader = new(bytes);
        int pageType = -1, uncompressed = -1, compressed = -1, values = 0;
        bool isCompressed = true;
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            switch (id)
            {
                case 1: pageType = reader.ReadI32(type); break;
                case 2: uncompressed = reader.ReadI32(type); break;
                case 3: compressed = reader.ReadI32(type); break;
                case 5 or 7 or 8 when type == CompactType.Struct:
                    ReadDetails(ref reader, id, ref values, ref isCompressed);
                    break;
                default: reader.Skip(type); break;
            }
        }

        reader.EndStruct(outer);
        if (pageType is not (>= 0 and <= 3) || uncompressed < 0 || compressed < 0 || values < 0)
        {
            throw new MalformedException(
                $"a page header of type {pageType}, {compressed} bytes ({uncompressed} uncompressed), {values} values");
        }

        return (new Header((PageType)pageType, uncompressed, compressed, values, isCompressed), reader.Position);
    }

    /// <summary>The part that belongs to the kind of page: every kind has the number of values first, and version 2
    /// tells whether they are compressed.</summary>
    private static void ReadDetails(ref CompactReader reader, int kind, ref int values, ref bool isCompressed)
    {
        const int DataPageV2 = 8;
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            switch (id)
            {
                case 1: values = reader.ReadI32(type); break;
                case 7 when kind == DataPageV2: isCompressed = CompactReader.ReadBool(type); break;
                default: reader.Skip(type); break;
            }
        }

        reader.EndStruct(outer);
    }

    private readonly record struct Header(
        PageType Type, int UncompressedBytes, int CompressedBytes, int ValueCount, bool IsCompressed);
}
