using System.Collections.Generic;

namespace Tbrm.Data.Parquet.Guard;

/// <summary>What the footer says of one column chunk (parquet.thrift, ColumnChunk and ColumnMetaData).</summary>
/// <param name="Type">The number of the physical type.</param>
/// <param name="Codec">The number of the codec.</param>
/// <param name="ValueCount">Entries, nulls included.</param>
/// <param name="Start">Where the first page begins, in bytes from the file's start.</param>
/// <param name="Obstacle">Why the chunk cannot be read at all; null when it can.</param>
internal sealed record ChunkLayout(int Type, int Codec, long ValueCount, long Start, string? Obstacle)
{
    private static readonly string[] s_codecs =
        ["uncompressed", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4_raw"];

    /// <summary>The codec's name.</summary>
    public string CodecName => Codec >= 0 && Codec < s_codecs.Length ? s_codecs[Codec] : $"codec {Codec}";
}

/// <summary>A horizontal slice of the table.</summary>
internal sealed record GroupLayout(long RowCount, IReadOnlyList<ChunkLayout> Chunks);

/// <summary>Where a file's row groups are.</summary>
/// <param name="Groups">In order.</param>
/// <param name="DataEnd">Where the footer begins; no page may reach behind.</param>
internal sealed record FileLayout(IReadOnlyList<GroupLayout> Groups, long DataEnd);
