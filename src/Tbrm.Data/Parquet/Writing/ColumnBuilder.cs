using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using ParquetSharp;
using Tbrm.Data.Json;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet.Writing;

/// <summary>The entries of one column, collected for a row group.</summary>
internal sealed class ColumnBuilder(SchemaNode column)
{
    private const int BytesPerEntry = 16;

    private readonly List<short> _repetitions = [];
    private readonly List<short> _definitions = [];
    private readonly List<long> _integers = [];
    private readonly List<double> _reals = [];
    private readonly List<int> _lengths = [];
    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <summary>Memory in use, about.</summary>
    public long Size => ((long)BytesPerEntry * _definitions.Count) + _bytes.WrittenCount;

    /// <summary>Appends an entry without a value.</summary>
    public void AddUndefined(int repetition, int definition)
    {
        _repetitions.Add((short)repetition);
        _definitions.Add((short)definition);
    }

    /// <summary>Appends a value; bytes that are no text come as base64, numbers as they are stored.</summary>
    public void Add(JsonNode value, int repetition)
    {
        AddUndefined(repetition, column.DefinitionLevel);
        switch (column.Type)
        {
            case PhysicalType.Boolean:
                _integers.Add(value.GetValue<bool>() ? 1 : 0);
                break;
            case PhysicalType.Int32 or PhysicalType.Int64:
                _integers.Add(JsonNumbers.TryGetInteger(value, out long integer) ? integer
                    : throw new FormatException($"{value.ToJsonString()} is no 64-bit integer"));
                break;
            case PhysicalType.Float or PhysicalType.Double:
                _reals.Add(JsonNumbers.GetReal(value));
                break;
            default:
                byte[] bytes = ToBytes(value);
                _lengths.Add(bytes.Length);
                _bytes.Write(bytes);
                break;
        }
    }

    /// <summary>Gives the entries to the native writer, and forgets them.</summary>
    public void Write(ColumnWriter writer)
    {
        switch (writer)
        {
            case ColumnWriter<bool> w: Write(w, [.. _integers.Select(value => value != 0)]); break;
            case ColumnWriter<int> w: Write(w, [.. _integers.Select(value => (int)value)]); break;
            case ColumnWriter<long> w: Write(w, [.. _integers]); break;
            case ColumnWriter<float> w: Write(w, [.. _reals.Select(value => (float)value)]); break;
            case ColumnWriter<double> w: Write(w, [.. _reals]); break;
            case ColumnWriter<ByteArray> w: WriteBytes(w, (at, length) => new ByteArray(at, length)); break;
            case ColumnWriter<FixedLenByteArray> w: WriteBytes(w, (at, _) => new FixedLenByteArray(at)); break;
            default: throw new NotSupportedException($"a column of type {writer.Type} cannot be written");
        }

        _repetitions.Clear();
        _definitions.Clear();
        _integers.Clear();
        _reals.Clear();
        _lengths.Clear();
        _bytes.ResetWrittenCount();
    }

    private void Write<T>(ColumnWriter<T> writer, T[] values) where T : unmanaged
    {
        writer.WriteBatch(_definitions.Count, CollectionsMarshal.AsSpan(_definitions),
            CollectionsMarshal.AsSpan(_repetitions), values);
    }

    private void WriteBytes<T>(ColumnWriter<T> writer, Func<IntPtr, int, T> point) where T : unmanaged
    {
        byte[] bytes = _bytes.WrittenSpan.ToArray();
        GCHandle pinned = GCHandle.Alloc(bytes, GCHandleType.Pinned);
        try
        {
            IntPtr at = pinned.AddrOfPinnedObject();
            T[] values = new T[_lengths.Count];
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = point(at, _lengths[i]);
                at += _lengths[i];
            }

            Write(writer, values);
        }
        finally
        {
            pinned.Free();
        }
    }

    private byte[] ToBytes(JsonNode value) => column.Logical switch
    {
        JsonLogicalType => System.Text.Encoding.UTF8.GetBytes(value.ToJsonString(SchemaInference.ReadableJson)),
        StringLogicalType or EnumLogicalType => System.Text.Encoding.UTF8.GetBytes(value.GetValue<string>()),
        _ => Convert.FromBase64String(value.GetValue<string>()),
    };
}
