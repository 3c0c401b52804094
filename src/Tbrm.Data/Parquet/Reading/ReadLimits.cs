using System.Threading;

namespace Tbrm.Data.Parquet.Reading;

/// <summary>
/// What a file may cost in memory, whatever its headers claim. A row or a page beyond these bounds is refused, with the
/// bound in the message.
/// </summary>
internal sealed class ReadLimits
{
    /// <summary>Bytes of one page after unpacking.</summary>
    public const int MaxPageBytes = 512 << 20;

    /// <summary>Bytes of the footer.</summary>
    public const int MaxFooterBytes = 64 << 20;

    /// <summary>Nodes of the schema: its elements take up far more memory than the byte or two that each may have in
    /// the footer.</summary>
    public const int MaxSchemaElements = 1 << 17;

    /// <summary>Bytes of a page's header, statistics included.</summary>
    public const int MaxHeaderBytes = 16 << 20;

    /// <summary>Entries of one row, over all of its columns.</summary>
    public const int MaxEntriesPerRow = 4 << 20;

    /// <summary>Bytes that one row may take from dictionaries, where a few bytes of indices stand for any number of
    /// long values.</summary>
    public const int MaxDictionaryBytesPerRow = 256 << 20;

    /// <summary>Bytes of all pages and dictionaries that are open at the same time.</summary>
    public const long MaxOpenBytes = 4L << 30;

    private long _open;

    /// <summary>Notes that so many bytes more (or fewer) are in use.</summary>
    /// <exception cref="MalformedException">That is too much.</exception>
    public void Reserve(long bytes)
    {
        if (Interlocked.Add(ref _open, bytes) > MaxOpenBytes)
        {
            throw new MalformedException(
                $"the pages in use need more than {MaxOpenBytes >> 30} GiB; read fewer columns at a time");
        }
    }
}
