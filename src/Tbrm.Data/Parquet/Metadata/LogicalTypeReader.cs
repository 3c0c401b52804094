using Tbrm.Data.Parquet.Thrift;

namespace Tbrm.Data.Parquet.Metadata;

/// <summary>Parses parquet.thrift's union LogicalType.</summary>
internal static class LogicalTypeReader
{
    /// <summary>The one member that is set; <see cref="LogicalKind.Other"/> for one that is newer than this
    /// reader.</summary>
    public static LogicalType Read(ref CompactReader reader, CompactType unionType)
    {
        if (unionType != CompactType.Struct)
        {
            throw new MalformedException($"expected a logical type, found Thrift type {unionType}");
        }

        LogicalType result = new(LogicalKind.Other);
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            result = type == CompactType.Struct ? ReadMember(ref reader, id)
                : throw new MalformedException($"a logical type is a Thrift {type}");
        }

        reader.EndStruct(outer);
        return result;
    }

    private static LogicalType ReadMember(ref CompactReader reader, int id)
    {
        int scale = 0, precision = 0, bitWidth = 0;
        bool flag = false;
        TimeUnit unit = TimeUnit.Millis;
        int outer = reader.BeginStruct();
        while (reader.NextField(out int field, out CompactType type))
        {
            switch (id, field)
            {
                case (5, 1): scale = reader.ReadI32(type); break;
                case (5, 2): precision = reader.ReadI32(type); break;
                case (7 or 8, 1): flag = CompactReader.ReadBool(type); break;
                case (7 or 8, 2): unit = ReadUnit(ref reader, type); break;
                case (10, 1): bitWidth = reader.ReadI32(type); break;
                case (10, 2): flag = CompactReader.ReadBool(type); break;
                default: reader.Skip(type); break;
            }
        }

        reader.EndStruct(outer);
        return id switch
        {
            1 => new(LogicalKind.String),
            2 => new(LogicalKind.Map),
            3 => new(LogicalKind.List),
            4 => new(LogicalKind.Enum),
            5 => new(LogicalKind.Decimal, scale, precision),
            6 => new(LogicalKind.Date),
            7 => new(LogicalKind.Time, Unit: unit, IsUtc: flag),
            8 => new(LogicalKind.Timestamp, Unit: unit, IsUtc: flag),
            10 => new(LogicalKind.Integer, IsSigned: flag, BitWidth: bitWidth),
            11 => new(LogicalKind.Null),
            12 => new(LogicalKind.Json),
            13 => new(LogicalKind.Bson),
            14 => new(LogicalKind.Uuid),
            15 => new(LogicalKind.Float16),
            _ => new(LogicalKind.Other),
        };
    }

    private static TimeUnit ReadUnit(ref CompactReader reader, CompactType unionType)
    {
        if (unionType != CompactType.Struct)
        {
            throw new MalformedException($"expected a time unit, found Thrift type {unionType}");
        }

        TimeUnit unit = TimeUnit.Millis;
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            unit = id switch
            {
                1 => TimeUnit.Millis,
                2 => TimeUnit.Micros,
                3 => TimeUnit.Nanos,
                _ => throw new MalformedException($"unknown time unit {id}"),
            };
            reader.Skip(type);
        }

        reader.EndStruct(outer);
        return unit;
    }
}
