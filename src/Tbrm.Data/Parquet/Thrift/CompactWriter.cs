using System.Buffers;
using System.Text;

namespace Tbrm.Data.Parquet.Thrift;

/// <summary>Writes Thrift's compact protocol into a buffer.</summary>
internal sealed class CompactWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private int _lastField;

    public byte[] ToArray() => _buffer.WrittenSpan.ToArray();

    public void Field(int id, int value) => Field(id, CompactType.I32, (long)value);

    public void Field(int id, long value) => Field(id, CompactType.I64, value);

    public void Field(int id, bool value) => Header(id, value ? CompactType.True : CompactType.False);

    public void ByteField(int id, sbyte value)
    {
        Header(id, CompactType.Byte);
        Byte((byte)value);
    }

    public void Field(int id, string value)
    {
        Header(id, CompactType.Binary);
        Text(value);
    }

    /// <summary>Begins a struct in a field; give what it returns to <see cref="EndStruct"/>.</summary>
    public int BeginStruct(int id)
    {
        Header(id, CompactType.Struct);
        return BeginElement();
    }

    /// <summary>Begins a struct that is an element of a list, or the outermost one.</summary>
    public int BeginElement()
    {
        int outer = _lastField;
        _lastField = 0;
        return outer;
    }

    public void EndStruct(int outer)
    {
        Byte((byte)CompactType.Stop);
        _lastField = outer;
    }

    public void BeginList(int id, CompactType elementType, int count)
    {
        const int LongForm = 15;
        Header(id, CompactType.List);
        Byte((byte)(((count < LongForm ? count : LongForm) << 4) | (int)elementType));
        if (count >= LongForm)
        {
            Varint((ulong)count);
        }
    }

    /// <summary>An integer that is an element of a list.</summary>
    public void Element(int value) => Varint(ZigZag(value));

    /// <summary>A string that is an element of a list.</summary>
    public void Text(string value)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(value);
        Varint((ulong)utf8.Length);
        _buffer.Write(utf8);
    }

    private void Field(int id, CompactType type, long value)
    {
        Header(id, type);
        Varint(ZigZag(value));
    }

    private void Header(int id, CompactType type)
    {
        const int LargestDelta = 15;
        int delta = id - _lastField;
        if (delta is > 0 and <= LargestDelta)
        {
            Byte((byte)((delta << 4) | (int)type));
        }
        else
        {
            Byte((byte)type);
            Varint(ZigZag(id));
        }

        _lastField = id;
    }

    private static ulong ZigZag(long value) => (ulong)((value << 1) ^ (value >> 63));

    private void Varint(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            Byte((byte)(value | 0x80));
        }

        Byte((byte)value);
    }

    private void Byte(byte value)
    {
        _buffer.GetSpan(1)[0] = value;
        _buffer.Advance(1);
    }
}
