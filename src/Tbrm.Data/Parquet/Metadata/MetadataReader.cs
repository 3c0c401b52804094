using System;
using System.Collections.Generic;
using Tbrm.Data.Parquet.Reading;
using Tbrm.Data.Parquet.Thrift;

namespace Tbrm.Data.Parquet.Metadata;

/// <summary>Parses the footer. Unknown fields are skipped, as newer writers add them.</summary>
internal static class MetadataReader
{
    /// <summary>The footer that <paramref name="thrift"/> holds.</summary>
    /// <exception cref="MalformedException">It breaks the format.</exception>
    public static FileMetadata ReadFile(ReadOnlySpan<byte> thrift)
    {
        CompactReader reader = new(thrift);
        List<SchemaElement> schema = [];
        List<RowGroup> rowGroups = [];
        long? rowCount = null;
        string? createdBy = null;
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            switch (id)
            {
                case 2:
                    int elements = reader.BeginList(type, CompactType.Struct);
                    if (elements > ReadLimits.MaxSchemaElements)
                    {
                        throw new MalformedException(
                            $"a schema of {elements} elements; at most {ReadLimits.MaxSchemaElements} are read");
                    }

                    for (; elements > 0; elements--)
                    {
                        schema.Add(ReadSchemaElement(ref reader));
                    }

                    break;
                case 3:
                    rowCount = reader.ReadI64(type);
                    break;
                case 4:
                    for (int i = reader.BeginList(type, CompactType.Struct); i > 0; i--)
                    {
                        rowGroups.Add(ReadRowGroup(ref reader));
                    }

                    break;
                case 6:
                    createdBy = reader.ReadString(type);
                    break;
                default:
                    reader.Skip(type);
                    break;
            }
        }

        reader.EndStruct(outer);
        return rowCount is >= 0 and long rows
            ? new FileMetadata(schema, rows, rowGroups, createdBy)
            : throw new MalformedException("the footer does not say how many rows there are");
    }

    private static SchemaElement ReadSchemaElement(ref CompactReader reader)
    {
        string name = "";
        int? physical = null, converted = null;
        int typeLength = 0, repetition = 0, children = 0, scale = 0, precision = 0;
        LogicalType? logical = null;
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            switch (id)
            {
                case 1: physical = reader.ReadI32(type); break;
                case 2: typeLength = reader.ReadI32(type); break;
                case 3: repetition = reader.ReadI32(type); break;
                case 4: name = reader.ReadString(type); break;
                case 5: children = reader.ReadI32(type); break;
                case 6: converted = reader.ReadI32(type); break;
                case 7: scale = reader.ReadI32(type); break;
                case 8: precision = reader.ReadI32(type); break;
                case 10: logical = LogicalTypeReader.Read(ref reader, type); break;
                default: reader.Skip(type); break;
            }
        }

        reader.EndStruct(outer);
        LogicalType meaning = logical
            ?? (converted is int known ? LogicalType.FromConverted(known, scale, precision) : LogicalType.None);
        return new SchemaElement(
            name, physical is int stored ? Enum<PhysicalType>(stored)
                : null, typeLength, Enum<Repetition>(repetition), children, meaning);
    }

    private static RowGroup ReadRowGroup(ref CompactReader reader)
    {
        List<ColumnChunk> columns = [];
        long rows = -1;
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            switch (id)
            {
                case 1:
                    for (int i = reader.BeginList(type, CompactType.Struct); i > 0; i--)
                    {
                        columns.Add(ReadColumnChunk(ref reader));
                    }

                    break;
                case 3:
                    rows = reader.ReadI64(type);
                    break;
                default:
                    reader.Skip(type);
                    break;
            }
        }

        reader.EndStruct(outer);
        return rows >= 0 ? new RowGroup(rows, columns)
            : throw new MalformedException("a row group does not say how many rows it has");
    }

    private static ColumnChunk ReadColumnChunk(ref CompactReader reader)
    {
        ColumnChunk? chunk = null;
        string? externalFile = null;
        bool encrypted = false;
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            switch (id)
            {
                case 1:
                    externalFile = reader.ReadString(type);
                    break;
                case 3 when type == CompactType.Struct:
                    chunk = ReadColumnMetadata(ref reader);
                    break;
                case 8 or 9:
                    encrypted = true;
                    reader.Skip(type);
                    break;
                default:
                    reader.Skip(type);
                    break;
            }
        }

        reader.EndStruct(outer);
        ColumnChunk unreadable =
            new(PhysicalType.ByteArray, ParquetCodec.Uncompressed, 0, 0, 0, 0, null, encrypted, null);
        return (chunk ?? (encrypted ? unreadable : throw new MalformedException("a column chunk has no metadata"))) with
        {
            IsEncrypted = encrypted,
            ExternalFile = externalFile,
        };
    }

    private static ColumnChunk ReadColumnMetadata(ref CompactReader reader)
    {
        int? physical = null, codec = null;
        long values = -1, uncompressed = 0, compressed = 0, dataOffset = -1;
        long? dictionaryOffset = null;
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            switch (id)
            {
                case 1: physical = reader.ReadI32(type); break;
                case 4: codec = reader.ReadI32(type); break;
                case 5: values = reader.ReadI64(type); break;
                case 6: uncompressed = reader.ReadI64(type); break;
                case 7: compressed = reader.ReadI64(type); break;
                case 9: dataOffset = reader.ReadI64(type); break;
                case 11: dictionaryOffset = reader.ReadI64(type); break;
                default: reader.Skip(type); break;
            }
        }

        reader.EndStruct(outer);
        return physical is int storedType && codec is int storedCodec && values >= 0
            ? new ColumnChunk(Enum<PhysicalType>(storedType), Enum<ParquetCodec>(storedCodec), values, uncompressed,
                compressed, dataOffset, dictionaryOffset, false, null)
            : throw new MalformedException("a column chunk lacks its type, its codec or its number of values");
    }

    private static T Enum<T>(int value) where T : struct, Enum
    {
        T named = (T)System.Enum.ToObject(typeof(T), value);
        return System.Enum.IsDefined(named) ? named : throw new MalformedException($"unknown {typeof(T).Name} {value}");
    }
}
