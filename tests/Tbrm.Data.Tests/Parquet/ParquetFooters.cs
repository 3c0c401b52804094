using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Tbrm.Testing.Parquet;

namespace Tbrm.Data.Tests.Parquet;

/// <summary>Files of a few bytes, put together by hand: what no writer would write.</summary>
internal static class ParquetFooters
{
    public const int Int64 = 2, ByteArray = 6;

    /// <summary>A node of the schema (parquet.thrift, SchemaElement).</summary>
    public static ThriftValue Element(string name, int? type, int repetition, int children = 0, int? converted = null)
    {
        List<(int, ThriftValue)> fields = [];
        if (type is int physical)
        {
            fields.Add((1, ThriftValue.I32(physical)));
        }

        fields.Add((3, ThriftValue.I32(repetition)));
        fields.Add((4, ThriftValue.Text(name)));
        if (children > 0)
        {
            fields.Add((5, ThriftValue.I32(children)));
        }

        if (converted is int meaning)
        {
            fields.Add((6, ThriftValue.I32(meaning)));
        }

        return ThriftValue.Struct([.. fields]);
    }

    /// <summary>A required column.</summary>
    public static ThriftValue[] OneColumn(int type) => [Element("schema", null, 0, 1), Element("a", type, 0)];

    /// <summary>An optional list.</summary>
    public static ThriftValue[] ListColumn(int type) =>
    [
        Element("schema", null, 0, 1), Element("a", null, 1, 1, converted: 3), Element("list", null, 2, 1),
        Element("element", type, 1),
    ];

    /// <summary>A file of one column chunk with the given pages, which begin behind the magic bytes.</summary>
    public static byte[] FileOf(ThriftValue[] schema, byte[] pages, int type, int codec, long entries, long rows = 1)
    {
        string[] path = schema.Length == 2 ? ["a"] : ["a", "list", "element"];
        ThriftValue metadata = ThriftValue.Struct(
            (1, ThriftValue.I32(type)), (2, ThriftValue.List(ThriftValue.I32(0))),
            (3, ThriftValue.List([.. path.Select(ThriftValue.Text)])), (4, ThriftValue.I32(codec)),
            (5, ThriftValue.I64(entries)), (6, ThriftValue.I64(pages.Length)), (7, ThriftValue.I64(pages.Length)),
            (9, ThriftValue.I64(4)));
        ThriftValue chunk = ThriftValue.Struct((2, ThriftValue.I64(4)), (3, metadata));
        ThriftValue group = ThriftValue.Struct(
            (1, ThriftValue.List(chunk)), (2, ThriftValue.I64(pages.Length)), (3, ThriftValue.I64(rows)));
        return FileOf(pages, ThriftValue.Struct((1, ThriftValue.I32(2)), (2, ThriftValue.List(schema)),
            (3, ThriftValue.I64(rows)), (4, ThriftValue.List(group))).ToArray());
    }

    /// <summary>A file with a footer.</summary>
    public static byte[] FileOf(byte[] pages, byte[] footer) =>
        [.. "PAR1"u8, .. pages, .. footer, .. BitConverter.GetBytes(footer.Length), .. "PAR1"u8];

    /// <summary>A data page (parquet.thrift, PageHeader and DataPageHeader).</summary>
    public static byte[] DataPage(int values, int encoding, byte[] content, int? unpacked = null) =>
        Page(0, content, unpacked ?? content.Length, (5, ThriftValue.Struct((1, ThriftValue.I32(values)),
            (2, ThriftValue.I32(encoding)), (3, ThriftValue.I32(3)), (4, ThriftValue.I32(3)))));

    /// <summary>A data page of version 2; its levels are the first bytes of the content.</summary>
    public static byte[] DataPageV2(int values, int nulls, int rows, int encoding, byte[] content, int definitionBytes,
        int repetitionBytes, int? unpacked = null)
    {
        return Page(3, content, unpacked ?? content.Length, (8, ThriftValue.Struct((1, ThriftValue.I32(values)),
            (2, ThriftValue.I32(nulls)), (3, ThriftValue.I32(rows)), (4, ThriftValue.I32(encoding)),
            (5, ThriftValue.I32(definitionBytes)), (6, ThriftValue.I32(repetitionBytes)))));
    }

    /// <summary>A dictionary page.</summary>
    public static byte[] DictionaryPage(int values, byte[] content) =>
        Page(2, content, content.Length,
            (7, ThriftValue.Struct((1, ThriftValue.I32(values)), (2, ThriftValue.I32(0)))));

    /// <summary>A run of equal levels, in the RLE encoding.</summary>
    public static byte[] Run(int count, byte level)
    {
        using MemoryStream run = new();
        ulong header = (ulong)count << 1;
        for (; header >= 0x80; header >>= 7)
        {
            run.WriteByte((byte)(header | 0x80));
        }

        run.WriteByte((byte)header);
        run.WriteByte(level);
        return run.ToArray();
    }

    private static byte[] Page(int type, byte[] content, int unpacked, (int, ThriftValue) details)
    {
        return
        [
            .. ThriftValue.Struct((1, ThriftValue.I32(type)), (2, ThriftValue.I32(unpacked)),
                (3, ThriftValue.I32(content.Length)), details).ToArray(),
            .. content,
        ];
    }
}
