namespace Tbrm.Data.Parquet.Metadata;

/// <summary>How values are stored (parquet.thrift, Type).</summary>
internal enum PhysicalType
{
    Boolean = 0,
    Int32 = 1,
    Int64 = 2,
    Int96 = 3,
    Float = 4,
    Double = 5,
    ByteArray = 6,
    FixedLenByteArray = 7,
}

/// <summary>parquet.thrift, FieldRepetitionType.</summary>
internal enum Repetition
{
    Required = 0,
    Optional = 1,
    Repeated = 2,
}

/// <summary>parquet.thrift, Encoding.</summary>
internal enum PageEncoding
{
    Plain = 0,
    PlainDictionary = 2,
    Rle = 3,
    BitPacked = 4,
    DeltaBinaryPacked = 5,
    DeltaLengthByteArray = 6,
    DeltaByteArray = 7,
    RleDictionary = 8,
    ByteStreamSplit = 9,
}

/// <summary>parquet.thrift, CompressionCodec.</summary>
public enum ParquetCodec
{
    /// <summary>As it is.</summary>
    Uncompressed = 0,

    /// <summary>Snappy, raw blocks.</summary>
    Snappy = 1,

    /// <summary>Gzip, one member or several.</summary>
    Gzip = 2,

    /// <summary>LZO: named in the format, in no use, and not read.</summary>
    Lzo = 3,

    /// <summary>Brotli.</summary>
    Brotli = 4,

    /// <summary>The older LZ4: Hadoop's framing, or a bare block.</summary>
    Lz4 = 5,

    /// <summary>Zstandard frames.</summary>
    Zstd = 6,

    /// <summary>A bare LZ4 block.</summary>
    Lz4Raw = 7,
}

/// <summary>parquet.thrift, PageType.</summary>
internal enum PageType
{
    DataPage = 0,
    IndexPage = 1,
    DictionaryPage = 2,
    DataPageV2 = 3,
}

/// <summary>What values mean: the union of logical types, with the older converted types mapped onto it.</summary>
internal enum LogicalKind
{
    None,
    String,
    Map,
    List,
    Enum,
    Decimal,
    Date,
    Time,
    Timestamp,
    Integer,
    Null,
    Json,
    Bson,
    Uuid,
    Float16,
    Interval,

    /// <summary>One this reader does not know: the values come as they are stored.</summary>
    Other,
}

/// <summary>Resolution of times and timestamps; the value is the number of decimals of a second.</summary>
internal enum TimeUnit
{
    Millis = 3,
    Micros = 6,
    Nanos = 9,
}
