using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Tbrm.Testing.Parquet;

/// <summary>
/// A valid Parquet file in its parts, so that one can be damaged while the others still fit: footer, and for each
/// column
/// chunk its pages with their headers.
/// </summary>
public sealed class ParquetParts
{
    private const int RowGroups = 4;
    private const int Columns = 1;
    private const int ColumnMetadata = 3;
    private const int DataPageOffset = 9;
    private const int DictionaryPageOffset = 11;
    private const int CompressedSize = 7;
    private const int PageCompressedSize = 3;

    private static readonly byte[] s_magic = "PAR1"u8.ToArray();

    /// <summary>A page: its header, and the bytes behind it.</summary>
    public sealed record Page(ThriftValue Header)
    {
        /// <summary>Levels and values, packed.</summary>
        public byte[] Payload { get; set; } = [];
    }

    private ParquetParts()
    {
    }

    /// <summary>The footer.</summary>
    public required ThriftValue Footer { get; init; }

    /// <summary>The pages of the column chunks, in the order in which the footer lists them.</summary>
    public required List<List<Page>> Chunks { get; init; }

    /// <summary>Takes a file apart.</summary>
    public static ParquetParts Read(byte[] file)
    {
        int footerLength = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(file.Length - 8));
        int at = file.Length - 8 - footerLength;
        ThriftValue footer = ThriftValue.ReadStruct(file, ref at);
        return new ParquetParts
        {
            Footer = footer,
            Chunks = [.. Metadata(footer).Select(chunk => ReadPages(file, chunk))]
        };
    }

    /// <summary>A copy that shares nothing.</summary>
    public ParquetParts Clone() => new()
    {
        Footer = Footer.Clone(),
        Chunks = Chunks.ConvertAll(
            pages => pages.ConvertAll(page => new Page(page.Header.Clone()) { Payload = page.Payload })),
    };

    /// <summary>Puts the file together; sizes and offsets fit what the parts have become, where they are still
    /// there.</summary>
    public byte[] ToArray(bool fitSizes, byte[]? footerBytes)
    {
        using MemoryStream file = new();
        file.Write(s_magic);
        List<ThriftValue> metadata = [.. Metadata(Footer)];
        for (int i = 0; i < Chunks.Count; i++)
        {
            long start = file.Position;
            foreach (Page page in Chunks[i])
            {
                if (fitSizes)
                {
                    page.Header.Set(PageCompressedSize, page.Payload.Length);
                }

                file.Write(page.Header.ToArray());
                file.Write(page.Payload);
            }

            if (fitSizes && i < metadata.Count)
            {
                metadata[i].Set(CompressedSize, file.Position - start);
                metadata[i].Set(DataPageOffset, start);
                metadata[i].Set(DictionaryPageOffset, start);
            }
        }

        byte[] footer = footerBytes ?? Footer.ToArray();
        file.Write(footer);
        file.Write(BitConverter.GetBytes(footer.Length));
        file.Write(s_magic);
        return file.ToArray();
    }

    private static IEnumerable<ThriftValue> Metadata(ThriftValue footer)
    {
        return (footer[RowGroups]?.Items ?? []).SelectMany(group => group.Value[Columns]?.Items ?? [])
            .Select(chunk => chunk.Value[ColumnMetadata]).OfType<ThriftValue>();
    }

    private static List<Page> ReadPages(byte[] file, ThriftValue chunk)
    {
        List<Page> pages = [];
        long start = Math.Min(chunk[DictionaryPageOffset]?.Number ?? long.MaxValue, chunk[DataPageOffset]!.Number);
        long end = start + chunk[CompressedSize]!.Number;
        for (int at = (int)start; at < end;)
        {
            Page page = new(ThriftValue.ReadStruct(file, ref at));
            int length = (int)page.Header[PageCompressedSize]!.Number;
            page.Payload = file[at..(at += length)];
            pages.Add(page);
        }

        return pages;
    }
}
