using System.Collections.Generic;
using System.Linq;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Schema;
using Tbrm.Data.Parquet.Thrift;

namespace Tbrm.Data.Parquet.Writing;

/// <summary>Writes page headers and the footer.</summary>
internal static class MetadataWriter
{
    private const int FormatVersion = 2;

    /// <summary>A page's header.</summary>
    public static byte[] Write(PageHeader header, int rows, int nulls)
    {
        CompactWriter writer = new();
        int outer = writer.BeginElement();
        writer.Field(1, (int)header.Type);
        writer.Field(2, header.UncompressedBytes);
        writer.Field(3, header.CompressedBytes);
        if (header.Crc is uint crc)
        {
            writer.Field(4, (int)crc);
        }

        int id = header.Type switch { PageType.DataPage => 5, PageType.DictionaryPage => 7, _ => 8 };
        int page = writer.BeginStruct(id);
        writer.Field(1, header.ValueCount);
        if (header.Type == PageType.DataPageV2)
        {
            writer.Field(2, nulls);
            writer.Field(3, rows);
            writer.Field(4, (int)header.Encoding);
            writer.Field(5, header.DefinitionBytes);
            writer.Field(6, header.RepetitionBytes);
        }
        else
        {
            writer.Field(2, (int)header.Encoding);
        }

        if (header.Type == PageType.DataPage)
        {
            writer.Field(3, (int)header.DefinitionEncoding);
            writer.Field(4, (int)header.RepetitionEncoding);
        }

        writer.EndStruct(page);
        writer.EndStruct(outer);
        return writer.ToArray();
    }

    /// <summary>The footer.</summary>
    public static byte[] Write(SchemaNode root, IReadOnlyList<WrittenRowGroup> groups, string createdBy)
    {
        CompactWriter writer = new();
        int outer = writer.BeginElement();
        writer.Field(1, FormatVersion);
        List<SchemaNode> nodes = [.. Flatten(root)];
        writer.BeginList(2, CompactType.Struct, nodes.Count);
        foreach (SchemaNode node in nodes)
        {
            WriteSchemaNode(writer, node, isRoot: ReferenceEquals(node, root));
        }

        writer.Field(3, groups.Sum(group => group.RowCount));
        writer.BeginList(4, CompactType.Struct, groups.Count);
        foreach (WrittenRowGroup group in groups)
        {
            WriteRowGroup(writer, group);
        }

        writer.Field(6, createdBy);
        writer.EndStruct(outer);
        return writer.ToArray();
    }

    private static IEnumerable<SchemaNode> Flatten(SchemaNode node) => node.Children.SelectMany(Flatten).Prepend(node);

    private static void WriteSchemaNode(CompactWriter writer, SchemaNode node, bool isRoot)
    {
        int outer = writer.BeginElement();
        if (node.Type is PhysicalType type)
        {
            writer.Field(1, (int)type);
        }

        if (node.Type == PhysicalType.FixedLenByteArray)
        {
            writer.Field(2, node.TypeLength);
        }

        if (!isRoot)
        {
            writer.Field(3, (int)node.Repetition);
        }

        writer.Field(4, node.Name);
        if (!node.IsLeaf)
        {
            writer.Field(5, node.Children.Count);
        }

        WriteLogicalType(writer, node.Logical);
        writer.EndStruct(outer);
    }

    /// <summary>The older converted type where there is one, then the logical type.</summary>
    private static void WriteLogicalType(CompactWriter writer, LogicalType logical)
    {
        int? converted = logical.Kind switch
        {
            LogicalKind.String => 0,
            LogicalKind.Map => 1,
            LogicalKind.List => 3,
            LogicalKind.Enum => 4,
            LogicalKind.Decimal => 5,
            LogicalKind.Date => 6,
            LogicalKind.Json => 19,
            LogicalKind.Bson => 20,
            LogicalKind.Interval => 21,
            _ => null,
        };
        if (converted is int known)
        {
            writer.Field(6, known);
        }

        if (logical.Kind == LogicalKind.Decimal)
        {
            writer.Field(7, logical.Scale);
            writer.Field(8, logical.Precision);
        }

        if (MemberId(logical.Kind) is int member)
        {
            int union = writer.BeginStruct(10);
            int inner = writer.BeginStruct(member);
            WriteParameters(writer, logical);
            writer.EndStruct(inner);
            writer.EndStruct(union);
        }
    }

    private static int? MemberId(LogicalKind kind) => kind switch
    {
        LogicalKind.String => 1,
        LogicalKind.Map => 2,
        LogicalKind.List => 3,
        LogicalKind.Enum => 4,
        LogicalKind.Decimal => 5,
        LogicalKind.Date => 6,
        LogicalKind.Time => 7,
        LogicalKind.Timestamp => 8,
        LogicalKind.Integer => 10,
        LogicalKind.Null => 11,
        LogicalKind.Json => 12,
        LogicalKind.Bson => 13,
        LogicalKind.Uuid => 14,
        LogicalKind.Float16 => 15,
        _ => null,
    };

    private static void WriteParameters(CompactWriter writer, LogicalType logical)
    {
        switch (logical.Kind)
        {
            case LogicalKind.Decimal:
                writer.Field(1, logical.Scale);
                writer.Field(2, logical.Precision);
                break;
            case LogicalKind.Time or LogicalKind.Timestamp:
                writer.Field(1, logical.IsUtc);
                int union = writer.BeginStruct(2);
                int unit = writer.BeginStruct(
                    logical.Unit switch { TimeUnit.Millis => 1, TimeUnit.Micros => 2, _ => 3 });
                writer.EndStruct(unit);
                writer.EndStruct(union);
                break;
            case LogicalKind.Integer:
                writer.ByteField(1, (sbyte)logical.BitWidth);
                writer.Field(2, logical.IsSigned);
                break;
        }
    }

    private static void WriteRowGroup(CompactWriter writer, WrittenRowGroup group)
    {
        int outer = writer.BeginElement();
        writer.BeginList(1, CompactType.Struct, group.Columns.Count);
        foreach (WrittenColumn column in group.Columns)
        {
            WriteColumn(writer, column);
        }

        writer.Field(2, group.Columns.Sum(column => column.Chunk.UncompressedBytes));
        writer.Field(3, group.RowCount);
        writer.EndStruct(outer);
    }

    private static void WriteColumn(CompactWriter writer, WrittenColumn column)
    {
        ColumnChunk chunk = column.Chunk;
        int outer = writer.BeginElement();
        writer.Field(2, 0L);
        int metadata = writer.BeginStruct(3);
        writer.Field(1, (int)chunk.Type);
        writer.BeginList(2, CompactType.I32, column.Encodings.Count);
        foreach (PageEncoding encoding in column.Encodings.Order())
        {
            writer.Element((int)encoding);
        }

        writer.BeginList(3, CompactType.Binary, column.Path.Count);
        foreach (string name in column.Path)
        {
            writer.Text(name);
        }

        writer.Field(4, (int)chunk.Codec);
        writer.Field(5, chunk.ValueCount);
        writer.Field(6, chunk.UncompressedBytes);
        writer.Field(7, chunk.CompressedBytes);
        writer.Field(9, chunk.DataPageOffset);
        if (chunk.DictionaryPageOffset is long dictionary)
        {
            writer.Field(11, dictionary);
        }

        writer.EndStruct(metadata);
        writer.EndStruct(outer);
    }
}

/// <summary>A column chunk as it was written.</summary>
internal sealed record WrittenColumn(ColumnChunk Chunk, IReadOnlyCollection<PageEncoding> Encodings,
    IReadOnlyList<string> Path);

/// <summary>A row group as it was written.</summary>
internal sealed record WrittenRowGroup(long RowCount, IReadOnlyList<WrittenColumn> Columns);
