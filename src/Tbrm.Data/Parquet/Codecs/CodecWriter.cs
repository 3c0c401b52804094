using System;
using System.IO;
using System.IO.Compression;
using IronSnappy;
using Tbrm.Core.Errors;
using Tbrm.Data.Parquet.Metadata;

namespace Tbrm.Data.Parquet.Codecs;

/// <summary>Packs pages, with the codecs that the platform or a library brings.</summary>
internal static class CodecWriter
{
    /// <summary>The packed bytes.</summary>
    /// <exception cref="ConfigException">There is no encoder for the codec.</exception>
    public static byte[] Compress(ParquetCodec codec, byte[] page) => codec switch
    {
        ParquetCodec.Uncompressed => page,
        ParquetCodec.Snappy => Snappy.Encode(page),
        ParquetCodec.Gzip => Deflate(page, target => new GZipStream(target, CompressionLevel.Optimal, leaveOpen: true)),
        ParquetCodec.Brotli =>
            Deflate(page, target => new BrotliStream(target, CompressionLevel.Fastest, leaveOpen: true)),
        _ => throw new ConfigException(
            $"Parquet files cannot be written with codec {codec}; use snappy, gzip, brotli or uncompressed"),
    };

    private static byte[] Deflate(byte[] page, Func<Stream, Stream> open)
    {
        using MemoryStream packed = new();
        using (Stream stream = open(packed))
        {
            stream.Write(page);
        }

        return packed.ToArray();
    }
}
