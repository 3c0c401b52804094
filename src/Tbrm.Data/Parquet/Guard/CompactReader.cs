using System;
using System.Text;

namespace Tbrm.Data.Parquet.Guard;

/// <summary>
/// Reads Thrift's compact protocol. No length is believed before the bytes are there: a count of elements is bounded by
/// the bytes that are left, since each takes at least one.
/// </summary>
internal ref struct CompactReader(ReadOnlySpan<byte> data)
{
    private const int MaxSkipDepth = 32;
    private const int MaxVarintBytes = 10;

    private readonly ReadOnlySpan<byte> _data = data;
    private int _lastField;
    private long _elements;

    /// <summary>How many bytes have been read.</summary>
    public int Position { get; private set; }

    /// <summary>Enters a struct; give what it returns to <see cref="EndStruct"/>.</summary>
    public int BeginStruct()
    {
        int outer = _lastField;
        _lastField = 0;
        return outer;
    }

    /// <summary>Leaves a struct whose last field was read.</summary>
    public void EndStruct(int outer) => _lastField = outer;

    /// <summary>The next field's number and type; false at the end of the struct.</summary>
    public bool NextField(out int id, out CompactType type)
    {
        byte header = NextByte();
        type = (CompactType)(header & 0x0F);
        if (type == CompactType.Stop)
        {
            id = 0;
            return false;
        }

        if (type > CompactType.Struct)
        {
            throw new MalformedException($"unknown Thrift type {(int)type}");
        }

        int delta = header >> 4;
        id = delta == 0 ? (int)ZigZag(Varint()) : _lastField + delta;
        _lastField = id;
        return true;
    }

    public static bool ReadBool(CompactType type) => type switch
    {
        CompactType.True => true,
        CompactType.False => false,
        _ => throw WrongType(type, "a boolean"),
    };

    public int ReadI32(CompactType type)
    {
        long value = ReadI64(type);
        return value is >= int.MinValue and <= int.MaxValue ? (int)value
            : throw new MalformedException($"{value} does not fit in 32 bits");
    }

    public long ReadI64(CompactType type) => type switch
    {
        CompactType.Byte => (sbyte)NextByte(),
        CompactType.I16 or CompactType.I32 or CompactType.I64 => ZigZag(Varint()),
        _ => throw WrongType(type, "an integer"),
    };

    public string ReadString(CompactType type)
    {
        return type == CompactType.Binary ? Encoding.UTF8.GetString(Take(Varint())) : throw WrongType(type, "a string");
    }

    /// <summary>Enters a list and returns the number of its elements, which must be of the given type.</summary>
    public int BeginList(CompactType type, CompactType elementType)
    {
        if (type != CompactType.List)
        {
            throw WrongType(type, "a list");
        }

        int count = ListHeader(out CompactType found);
        return count == 0 || found == elementType ? count : throw WrongType(found, $"elements of type {elementType}");
    }

    /// <summary>Steps over a value of any type.</summary>
    public void Skip(CompactType type) => Skip(type, 0);

    private void Skip(CompactType type, int depth)
    {
        if (depth > MaxSkipDepth)
        {
            throw new MalformedException("Thrift structures are nested too deeply");
        }

        switch (type)
        {
            case CompactType.True or CompactType.False:
                break;
            case CompactType.Byte:
                NextByte();
                break;
            case CompactType.I16 or CompactType.I32 or CompactType.I64:
                Varint();
                break;
            case CompactType.Double:
                Take(sizeof(double));
                break;
            case CompactType.Binary:
                Take(Varint());
                break;
            case CompactType.List or CompactType.Set:
                SkipList(depth);
                break;
            case CompactType.Map:
                SkipMap(depth);
                break;
            case CompactType.Struct:
                int outer = BeginStruct();
                while (NextField(out _, out CompactType fieldType))
                {
                    Skip(fieldType, depth + 1);
                }

                EndStruct(outer);
                break;
            default:
                throw new MalformedException($"unknown Thrift type {(int)type}");
        }
    }

    private void SkipList(int depth)
    {
        int count = ListHeader(out CompactType elementType);
        for (int i = 0; i < count; i++)
        {
            SkipElement(elementType, depth + 1);
        }
    }

    private void SkipMap(int depth)
    {
        int count = Count(Varint());
        if (count == 0)
        {
            return;
        }

        byte types = NextByte();
        for (int i = 0; i < count; i++)
        {
            SkipElement((CompactType)(types >> 4), depth + 1);
            SkipElement((CompactType)(types & 0x0F), depth + 1);
        }
    }

    /// <summary>Outside of structs a boolean is a byte of its own.</summary>
    private void SkipElement(CompactType type, int depth)
    {
        Skip(type is CompactType.True or CompactType.False ? CompactType.Byte : type, depth);
    }

    private int ListHeader(out CompactType elementType)
    {
        const int LongForm = 15;
        byte header = NextByte();
        elementType = (CompactType)(header & 0x0F);
        int count = header >> 4;
        return Count(count == LongForm ? Varint() : (ulong)count);
    }

    private int Count(ulong count)
    {
        if (count > (ulong)(_data.Length - Position))
        {
            throw new TruncatedException($"a list of {count} elements in {_data.Length - Position} bytes");
        }

        _elements += (long)count;
        return _elements <= ReadLimits.MaxFooterElements ? (int)count
            : throw new MalformedException(
                $"lists of {_elements} elements; at most {ReadLimits.MaxFooterElements} are read");
    }

    private ulong Varint()
    {
        ulong value = 0;
        for (int i = 0; i < MaxVarintBytes; i++)
        {
            byte next = NextByte();
            value |= (ulong)(next & 0x7F) << (7 * i);
            if (next < 0x80)
            {
                return value;
            }
        }

        throw new MalformedException("an integer of more than 64 bits");
    }

    private static long ZigZag(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);

    private byte NextByte()
    {
        return Position < _data.Length ? _data[Position++]
            : throw new TruncatedException("the Thrift structure ends too early");
    }

    private ReadOnlySpan<byte> Take(ulong length)
    {
        if (length > (ulong)(_data.Length - Position))
        {
            throw new TruncatedException($"a value of {length} bytes where {_data.Length - Position} are left");
        }

        ReadOnlySpan<byte> bytes = _data.Slice(Position, (int)length);
        Position += (int)length;
        return bytes;
    }

    private static MalformedException WrongType(CompactType found, string expected) =>
        new($"expected {expected}, found Thrift type {found}");
}
