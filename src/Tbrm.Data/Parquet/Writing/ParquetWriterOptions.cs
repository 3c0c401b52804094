using System;
using ParquetSharp;

namespace Tbrm.Data.Parquet.Writing;

/// <summary>How a Parquet file is laid out.</summary>
public sealed record ParquetWriterOptions
{
    /// <summary>How pages are packed: uncompressed, snappy, gzip, brotli, zstd or lz4.</summary>
    public Compression Codec { get; init; } = Compression.Snappy;

    /// <summary>Version of the data pages: 1, which every reader knows, or 2.</summary>
    public int PageVersion { get; init; } = 1;

    /// <summary>Columns with few distinct values get a dictionary.</summary>
    public bool UseDictionary { get; init; } = true;

    /// <summary>Rows after which a row group ends.</summary>
    public int RowsPerGroup { get; init; } = 100_000;

    /// <summary>Bytes after which a row group ends as well, about.</summary>
    public long BytesPerGroup { get; init; } = 128L << 20;

    /// <summary>Bytes of values after which a page ends, about.</summary>
    public int BytesPerPage { get; init; } = 1 << 20;

    /// <summary>Pages carry a checksum.</summary>
    public bool WriteChecksums { get; init; } = true;

    /// <summary>Sets what the options above leave open, such as the encoding of a column.</summary>
    internal Action<WriterPropertiesBuilder>? Configure { get; init; }
}
