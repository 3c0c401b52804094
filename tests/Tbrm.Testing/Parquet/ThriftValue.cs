using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

namespace Tbrm.Testing.Parquet;

/// <summary>
/// Any value of Thrift's compact protocol as a tree that can be changed and written again. Reads valid input only; it
/// shares no code with the reader under test.
/// </summary>
public sealed class ThriftValue
{
    private const int StructType = 12;

    /// <summary>The type's number in the protocol.</summary>
    public int Type { get; set; }

    /// <summary>The value of an integer.</summary>
    public long Number { get; set; }

    /// <summary>The content of a text or a double.</summary>
    public byte[] Bytes { get; set; } = [];

    /// <summary>What is written instead of the parts; null for the parts.</summary>
    public byte[]? Raw { get; init; }

    /// <summary>The fields of a struct by number, or (number 0) the elements of a list.</summary>
    public List<(int Id, ThriftValue Value)> Items { get; private set; } = [];

    /// <summary>The type of a list's elements.</summary>
    public int ElementType { get; set; }

    /// <summary>What the list says about its length; null for the truth.</summary>
    public ulong? ClaimedCount { get; set; }

    /// <summary>The field of a number; null when it is not there.</summary>
    public ThriftValue? this[int id] => Items.Find(item => item.Id == id).Value;

    /// <summary>A 32-bit integer.</summary>
    public static ThriftValue I32(int value) => new() { Type = 5, Number = value };

    /// <summary>A 64-bit integer.</summary>
    public static ThriftValue I64(long value) => new() { Type = 6, Number = value };

    /// <summary>A boolean field.</summary>
    public static ThriftValue Flag(bool value) => new() { Type = value ? 1 : 2 };

    /// <summary>A text.</summary>
    public static ThriftValue Text(string value) => new() { Type = 8, Bytes = Encoding.UTF8.GetBytes(value) };

    /// <summary>A struct of numbered fields.</summary>
    public static ThriftValue Struct(params (int Id, ThriftValue Value)[] fields) =>
        new() { Type = StructType, Items = [.. fields] };

    /// <summary>A list; its elements are of one type.</summary>
    public static ThriftValue List(params ThriftValue[] elements) => new()
    {
        Type = 9,
        ElementType = elements.Length > 0 ? elements[0].Type : StructType,
        Items = [.. elements.Select(element => (0, element))],
    };

    /// <summary>Reads a struct.</summary>
    public static ThriftValue ReadStruct(byte[] data, ref int at)
    {
        ThriftValue value = new() { Type = StructType };
        int last = 0;
        for (int header = data[at++]; header != 0; header = data[at++])
        {
            int delta = header >> 4;
            last = delta == 0 ? (int)ZigZag(Varint(data, ref at)) : last + delta;
            value.Items.Add((last, Read(data, ref at, header & 15)));
        }

        return value;
    }

    /// <summary>A copy that shares nothing.</summary>
    public ThriftValue Clone() => new()
    {
        Type = Type,
        Number = Number,
        Bytes = Bytes,
        ElementType = ElementType,
        Raw = Raw,
        ClaimedCount = ClaimedCount,
        Items = Items.ConvertAll(item => (item.Id, item.Value.Clone())),
    };

    /// <summary>Sets an integer field that is there.</summary>
    public void Set(int id, long number)
    {
        if (this[id] is ThriftValue field)
        {
            field.Number = number;
        }
    }

    /// <summary>Its bytes.</summary>
    public byte[] ToArray()
    {
        using MemoryStream stream = new();
        Write(stream, this);
        return stream.ToArray();
    }

    private static ThriftValue Read(byte[] data, ref int at, int type)
    {
        ThriftValue value = new() { Type = type };
        switch (type)
        {
            case 1 or 2:
                return value;
            case 3:
                value.Number = (sbyte)data[at++];
                return value;
            case 4 or 5 or 6:
                value.Number = ZigZag(Varint(data, ref at));
                return value;
            case 7:
                value.Bytes = data[at..(at += sizeof(double))];
                return value;
            case 8:
                int length = (int)Varint(data, ref at);
                value.Bytes = data[at..(at += length)];
                return value;
            case 9 or 10:
                return ReadList(data, ref at, value);
            case StructType:
                return ReadStruct(data, ref at);
            default:
                throw new InvalidDataException($"a seed with Thrift type {type}");
        }
    }

    private static ThriftValue ReadList(byte[] data, ref int at, ThriftValue list)
    {
        int header = data[at++];
        list.ElementType = header & 15;
        int count = header >> 4 == 15 ? (int)Varint(data, ref at) : header >> 4;
        for (int i = 0; i < count; i++)
        {
            list.Items.Add((0, Read(data, ref at, list.ElementType)));
        }

        return list;
    }

    private static void Write(Stream stream, ThriftValue value)
    {
        if (value.Raw is not null)
        {
            stream.Write(value.Raw);
            return;
        }

        switch (value.Type)
        {
            case 1 or 2:
                break;
            case 3:
                stream.WriteByte((byte)value.Number);
                break;
            case 4 or 5 or 6:
                WriteVarint(stream, (ulong)((value.Number << 1) ^ (value.Number >> 63)));
                break;
            case 7:
                stream.Write(value.Bytes);
                break;
            case 8:
                WriteVarint(stream, value.ClaimedCount ?? (ulong)value.Bytes.Length);
                stream.Write(value.Bytes);
                break;
            case 9 or 10:
                stream.WriteByte((byte)(0xF0 | value.ElementType));
                WriteVarint(stream, value.ClaimedCount ?? (ulong)value.Items.Count);
                value.Items.ForEach(item => Write(stream, item.Value));
                break;
            default:
                foreach ((int id, ThriftValue field) in value.Items)
                {
                    stream.WriteByte((byte)field.Type);
                    WriteVarint(stream, (ulong)(((long)id << 1) ^ ((long)id >> 63)));
                    Write(stream, field);
                }

                stream.WriteByte(0);
                break;
        }
    }

    private static ulong Varint(byte[] data, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = data[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }

    private static void WriteVarint(Stream stream, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            stream.WriteByte((byte)(value | 0x80));
        }

        stream.WriteByte((byte)value);
    }

    private static long ZigZag(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);
}
