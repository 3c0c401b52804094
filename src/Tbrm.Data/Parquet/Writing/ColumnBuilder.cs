using System;
using System.Collections.Generic;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Data.Json;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet.Writing;

/// <summary>The entries of one column, collected for a row group.</summary>
internal sealed class ColumnBuilder(SchemaNode column)
{
    private const int BytesPerEntry = 16;

    public SchemaNode Column => column;

    public List<byte> Repetitions { get; } = [];

    public List<byte> Definitions { get; } = [];

    /// <summary>Values of BOOLEAN, INT32, INT64.</summary>
    public List<long> Integers { get; } = [];

    /// <summary>Values of FLOAT, DOUBLE.</summary>
    public List<double> Reals { get; } = [];

    /// <summary>Values of the byte array types.</summary>
    public List<byte[]> Bytes { get; } = [];

    /// <summary>Memory in use, about.</summary>
    public long Size { get; private set; }

    /// <summary>Appends an entry without a value.</summary>
    public void AddUndefined(int repetition, int definition)
    {
        Repetitions.Add((byte)repetition);
        Definitions.Add((byte)definition);
        Size += BytesPerEntry;
    }

    /// <summary>Appends a value; bytes that are no text come as base64, numbers as they are stored.</summary>
    public void Add(JsonNode value, int repetition)
    {
        AddUndefined(repetition, column.DefinitionLevel);
        switch (column.Type)
        {
            case PhysicalType.Boolean:
                Integers.Add(value.GetValue<bool>() ? 1 : 0);
                break;
            case PhysicalType.Int32 or PhysicalType.Int64:
                Integers.Add(JsonNumbers.TryGetInteger(value, out long integer) ? integer
                    : throw new FormatException($"{value.ToJsonString()} is no 64-bit integer"));
                break;
            case PhysicalType.Float or PhysicalType.Double:
                Reals.Add(JsonNumbers.GetReal(value));
                break;
            default:
                byte[] bytes = ToBytes(value);
                Bytes.Add(bytes);
                Size += bytes.Length;
                break;
        }
    }

    public void Clear()
    {
        Repetitions.Clear();
        Definitions.Clear();
        Integers.Clear();
        Reals.Clear();
        Bytes.Clear();
        Size = 0;
    }

    private byte[] ToBytes(JsonNode value) => column.Logical.Kind switch
    {
        LogicalKind.Json => Encoding.UTF8.GetBytes(value.ToJsonString(SchemaInference.ReadableJson)),
        LogicalKind.String or LogicalKind.Enum => Encoding.UTF8.GetBytes(value.GetValue<string>()),
        _ => Convert.FromBase64String(value.GetValue<string>()),
    };
}
