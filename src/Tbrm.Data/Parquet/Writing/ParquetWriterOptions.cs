using Tbrm.Data.Parquet.Metadata;

namespace Tbrm.Data.Parquet.Writing;

/// <summary>How a Parquet file is laid out.</summary>
public sealed record ParquetWriterOptions
{
    /// <summary>How pages are packed.</summary>
    public ParquetCodec Codec { get; init; } = ParquetCodec.Snappy;

    /// <summary>Version of the data pages: 1, which every reader knows, or 2.</summary>
    public int PageVersion { get; init; } = 1;

    /// <summary>Columns with few distinct values get a dictionary.</summary>
    public bool UseDictionary { get; init; } = true;

    /// <summary>Rows after which a row group ends.</summary>
    public int RowsPerGroup { get; init; } = 100_000;

    /// <summary>Bytes after which a row group ends as well, about.</summary>
    public long BytesPerGroup { get; init; } = 128L << 20;

    /// <summary>Rows after which a page ends.</summary>
    public int RowsPerPage { get; init; } = 20_000;

    /// <summary>Bytes of values after which a page ends as well, at the next row.</summary>
    public int BytesPerPage { get; init; } = 1 << 20;

    /// <summary>Pages carry a checksum.</summary>
    public bool WriteChecksums { get; init; } = true;

    /// <summary>The encoding for columns without a dictionary, where the type allows it; PLAIN otherwise.</summary>
    internal PageEncoding Encoding { get; init; } = PageEncoding.Plain;
}
