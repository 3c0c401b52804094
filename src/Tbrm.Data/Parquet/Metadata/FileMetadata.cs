using System.Collections.Generic;

namespace Tbrm.Data.Parquet.Metadata;

/// <summary>A file's footer, as far as reading rows needs it (parquet.thrift, FileMetaData).</summary>
internal sealed record FileMetadata(IReadOnlyList<SchemaElement> Schema, long RowCount,
    IReadOnlyList<RowGroup> RowGroups, string? CreatedBy);

/// <summary>One node of the schema; the list holds the tree depth first (parquet.thrift, SchemaElement).</summary>
internal sealed record SchemaElement(
    string Name, PhysicalType? Type, int TypeLength, Repetition Repetition, int ChildCount, LogicalType Logical);

/// <summary>A horizontal slice of the table (parquet.thrift, RowGroup).</summary>
internal sealed record RowGroup(long RowCount, IReadOnlyList<ColumnChunk> Columns);

/// <summary>One column of a row group (parquet.thrift, ColumnChunk and ColumnMetaData); offsets are bytes from the
/// file's start.</summary>
internal sealed record ColumnChunk(
    PhysicalType Type,
    ParquetCodec Codec,
    long ValueCount,
    long UncompressedBytes,
    long CompressedBytes,
    long DataPageOffset,
    long? DictionaryPageOffset,
    bool IsEncrypted,
    string? ExternalFile);

/// <summary>parquet.thrift, PageHeader, with what its kind of page adds.</summary>
internal sealed record PageHeader(PageType Type, int UncompressedBytes, int CompressedBytes, uint? Crc)
{
    /// <summary>Entries of a data page, nulls included; values of a dictionary page.</summary>
    public int ValueCount { get; init; }

    public PageEncoding Encoding { get; init; }

    /// <summary>Data page v1: how the levels are stored.</summary>
    public PageEncoding DefinitionEncoding { get; init; } = PageEncoding.Rle;

    public PageEncoding RepetitionEncoding { get; init; } = PageEncoding.Rle;

    /// <summary>Data page v2: bytes of the levels, which are never compressed.</summary>
    public int DefinitionBytes { get; init; }

    public int RepetitionBytes { get; init; }

    /// <summary>Data page v2: whether the values are compressed.</summary>
    public bool IsCompressed { get; init; } = true;
}
