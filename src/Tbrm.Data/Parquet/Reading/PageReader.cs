using System;
using System.Buffers;
using System.IO;
using Microsoft.Win32.SafeHandles;
using Tbrm.Data.Parquet.Codecs;
using Tbrm.Data.Parquet.Metadata;

namespace Tbrm.Data.Parquet.Reading;

/// <summary>Reads the pages of one column chunk from the file, in order, checked and unpacked.</summary>
internal sealed class PageReader(SafeFileHandle file, long start, long limit, ParquetCodec codec, ReadLimits limits)
    : IDisposable
{
    private const int FirstHeaderBytes = 1 << 10;

    private byte[] _packed = [];
    private byte[] _unpacked = [];
    private long _next = start;

    /// <summary>Where the page last read begins in the file; for messages.</summary>
    public long Offset { get; private set; } = start;

    /// <summary>The page's bytes after unpacking; valid until the next call.</summary>
    public byte[] Bytes => _unpacked;

    /// <summary>How many of <see cref="Bytes"/> belong to the page.</summary>
    public int Length { get; private set; }

    /// <summary>Reads the next page into <see cref="Bytes"/>.</summary>
    /// <exception cref="MalformedException">Its header or content is damaged, or goes beyond
    /// <see cref="ReadLimits"/>.</exception>
    public PageHeader Next()
    {
        Offset = _next;
        (PageHeader header, int headerBytes) = ReadHeader();
        long dataStart = _next + headerBytes;
        if (header.CompressedBytes > limit - dataStart)
        {
            throw new MalformedException(
                $"a page of {header.CompressedBytes} bytes where {limit - dataStart} are left before the footer");
        }

        _next = dataStart + header.CompressedBytes;
        if (header.UncompressedBytes > ReadLimits.MaxPageBytes)
        {
            throw new MalformedException(
                $"a page of {header.UncompressedBytes} bytes; at most {ReadLimits.MaxPageBytes} are read");
        }

        if (header.Type is PageType.DataPage or PageType.DataPageV2 or PageType.DictionaryPage)
        {
            ReadContent(header, dataStart);
        }

        return header;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Return(ref _packed);
        Return(ref _unpacked);
    }

    private (PageHeader Header, int Length) ReadHeader()
    {
        for (int size = FirstHeaderBytes; ; size *= 4)
        {
            int length = (int)Math.Min(size, limit - _next);
            if (length <= 0)
            {
                throw new MalformedException("the column's pages go on behind the end of the data");
            }

            Grow(ref _packed, length);
            ReadExactly(_packed.AsSpan(0, length), _next);
            try
            {
                return PageHeaderReader.Read(_packed.AsSpan(0, length));
            }
            catch (TruncatedException) when (size < ReadLimits.MaxHeaderBytes && length < limit - _next)
            {
                // Statistics can make a header long: once more, with more of it.
            }
        }
    }

    private void ReadContent(PageHeader header, long dataStart)
    {
        Grow(ref _packed, header.CompressedBytes);
        ReadExactly(_packed.AsSpan(0, header.CompressedBytes), dataStart);
        if (header.Crc is uint crc && crc != Crc32.Compute(_packed.AsSpan(0, header.CompressedBytes)))
        {
            throw new MalformedException("the page's checksum does not match its content");
        }

        int levels = header.Type == PageType.DataPageV2 ? LevelBytes(header) : 0;
        int values = header.UncompressedBytes - levels;
        bool isPacked = codec != ParquetCodec.Uncompressed && header.IsCompressed;
        int packedValues = header.CompressedBytes - levels;
        ParquetCodec used = isPacked ? codec : ParquetCodec.Uncompressed;
        if (!Codec.IsPlausible(used, packedValues, values))
        {
            throw new MalformedException($"{packedValues} bytes of {used} cannot hold {values} bytes");
        }

        Grow(ref _unpacked, header.UncompressedBytes);
        Length = header.UncompressedBytes;
        _packed.AsSpan(0, levels).CopyTo(_unpacked);

        // Some writers leave no bytes at all where a codec would have written an empty block.
        if (values > 0 || packedValues > 0 && used == ParquetCodec.Uncompressed)
        {
            Codec.Decompress(used, new ArraySegment<byte>(_packed, levels, packedValues),
                _unpacked.AsSpan(levels, values));
        }
    }

    private static int LevelBytes(PageHeader header)
    {
        long levels = (long)header.RepetitionBytes + header.DefinitionBytes;
        bool fits = header.RepetitionBytes >= 0 && header.DefinitionBytes >= 0 && levels <= header.CompressedBytes
            && levels <= header.UncompressedBytes;
        return fits ? (int)levels
            : throw new MalformedException(
                $"levels of {header.RepetitionBytes} and {header.DefinitionBytes} bytes in a page of {header.CompressedBytes}");
    }

    private void ReadExactly(Span<byte> target, long offset)
    {
        while (target.Length > 0)
        {
            int read = RandomAccess.Read(file, target, offset);
            if (read == 0)
            {
                throw new MalformedException("the file was cut off while it was read");
            }

            target = target[read..];
            offset += read;
        }
    }

    private void Grow(ref byte[] buffer, int length)
    {
        if (buffer.Length >= length)
        {
            return;
        }

        Return(ref buffer);
        limits.Reserve(length);
        buffer = ArrayPool<byte>.Shared.Rent(length);
        limits.Reserve(buffer.Length - length);
    }

    private void Return(ref byte[] buffer)
    {
        limits.Reserve(-buffer.Length);
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        buffer = [];
    }
}
