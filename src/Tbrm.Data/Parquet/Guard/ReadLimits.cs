namespace Tbrm.Data.Parquet.Guard;

/// <summary>
/// What a file may cost in memory, whatever its headers claim. A row or a page beyond these bounds is refused, with the
/// bound in the message.
/// </summary>
internal static class ReadLimits
{
    /// <summary>Bytes of one page after unpacking.</summary>
    public const int MaxPageBytes = 512 << 20;

    /// <summary>Bytes of the footer.</summary>
    public const int MaxFooterBytes = 64 << 20;

    /// <summary>Nodes of the schema: its elements take up far more memory than the byte or two that each may have in
    /// the footer.</summary>
    public const int MaxSchemaElements = 1 << 17;

    /// <summary>Levels of the schema. Real ones nest a handful deep; the bound keeps every later recursion safe, the
    /// native library's included.</summary>
    public const int MaxSchemaDepth = 64;

    /// <summary>Elements of all lists in the footer: an element may be one byte there and a kilobyte in
    /// memory.</summary>
    public const int MaxFooterElements = 1 << 21;

    /// <summary>Bytes of a page's header, statistics included.</summary>
    public const int MaxHeaderBytes = 16 << 20;

    /// <summary>Entries of one row, over all of its columns.</summary>
    public const int MaxEntriesPerRow = 4 << 20;

    /// <summary>Bytes of text and binary values of one row, where a few bytes of dictionary indices stand for any
    /// number of long values.</summary>
    public const long MaxBytesPerRow = 256L << 20;

    /// <summary>Bytes of all pages and dictionaries that are open at the same time.</summary>
    public const long MaxOpenBytes = 4L << 30;

    /// <summary>Bytes that one batch of values may need where each is as long as its page (DELTA_BYTE_ARRAY, whose
    /// values share prefixes).</summary>
    public const long MaxBatchBytes = 256L << 20;
}
