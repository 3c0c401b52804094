using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.Win32.SafeHandles;

namespace Tbrm.Data.Parquet.Guard;

/// <summary>
/// Looks over a file's footer before the native library parses it: sizes and nesting that would cost it memory or its
/// stack are refused here, and the places of the pages, which its interface does not give, are noted for
/// <see cref="PageScan"/>.
/// </summary>
internal static class FooterScan
{
    private const int MagicBytes = 4;
    private const int TailBytes = sizeof(int) + MagicBytes;

    /// <summary>What every Parquet file begins and ends with.</summary>
    public static ReadOnlySpan<byte> Magic => "PAR1"u8;

    /// <summary>What files with an encrypted footer begin and end with.</summary>
    public static ReadOnlySpan<byte> EncryptedMagic => "PARE"u8;

    /// <summary>Reads the layout.</summary>
    /// <exception cref="MalformedException">It breaks the format, or goes beyond <see cref="ReadLimits"/>.</exception>
    public static FileLayout Read(SafeFileHandle file)
    {
        long length = RandomAccess.GetLength(file);
        Span<byte> tail = stackalloc byte[TailBytes];
        if (length < MagicBytes + TailBytes || RandomAccess.Read(file, tail, length - TailBytes) != TailBytes)
        {
            throw new MalformedException($"{length} bytes are too few");
        }

        if (tail[sizeof(int)..].SequenceEqual(EncryptedMagic))
        {
            throw new MalformedException("its footer is encrypted; rewrite it without encryption");
        }

        if (!tail[sizeof(int)..].SequenceEqual(Magic))
        {
            throw new MalformedException("it does not end with PAR1; was it cut off?");
        }

        int footerBytes = BinaryPrimitives.ReadInt32LittleEndian(tail);
        long footerStart = length - TailBytes - footerBytes;
        if (footerBytes <= 0 || footerBytes > ReadLimits.MaxFooterBytes || footerStart < MagicBytes)
        {
            throw new MalformedException($"a footer of {footerBytes} bytes in a file of {length}");
        }

        byte[] footer = new byte[footerBytes];
        int read = RandomAccess.Read(file, footer, footerStart);
        return read == footerBytes ? new FileLayout(ReadGroups(footer), footerStart)
            : throw new MalformedException("the footer could not be read whole");
    }

    /// <summary>The row groups of a footer (parquet.thrift, FileMetaData).</summary>
    /// <exception cref="MalformedException">It breaks the format, or goes beyond <see cref="ReadLimits"/>.</exception>
    public static List<GroupLayout> ReadGroups(ReadOnlySpan<byte> thrift)
    {
        CompactReader reader = new(thrift);
        List<GroupLayout> groups = [];
        bool hasSchema = false;
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            switch (id)
            {
                case 2:
                    CheckSchema(ref reader, type);
                    hasSchema = true;
                    break;
                case 4:
                    for (int i = reader.BeginList(type, CompactType.Struct); i > 0; i--)
                    {
                        groups.Add(ReadGroup(ref reader));
                    }

                    break;
                default:
                    reader.Skip(type);
                    break;
            }
        }

        reader.EndStruct(outer);
        return hasSchema ? groups : throw new MalformedException("the schema is empty");
    }

    /// <summary>The schema is a tree, stored depth first with the number of every node's children.</summary>
    private static void CheckSchema(ref CompactReader reader, CompactType listType)
    {
        int elements = reader.BeginList(listType, CompactType.Struct);
        if (elements is 0 or > ReadLimits.MaxSchemaElements)
        {
            throw new MalformedException(
                $"a schema of {elements} elements; 1 to {ReadLimits.MaxSchemaElements} are read");
        }

        // For each ancestor of the next element, how many of its children are still to come.
        Stack<int> open = new();
        for (int i = 0; i < elements; i++)
        {
            int children = ReadChildCount(ref reader);
            while (open.TryPeek(out int left) && left == 0)
            {
                open.Pop();
            }

            if (i > 0 && open.Count == 0)
            {
                throw new MalformedException($"the schema has {elements} elements, its tree only {i}");
            }

            if (children < 0 || children >= elements || open.Count >= ReadLimits.MaxSchemaDepth)
            {
                throw new MalformedException($"schema element {i} has {children} children at depth {open.Count}");
            }

            if (open.TryPop(out int coming))
            {
                open.Push(coming - 1);
            }

            if (children > 0)
            {
                open.Push(children);
            }
        }

        if (open.Any(left => left > 0))
        {
            throw new MalformedException("the schema ends before its last element");
        }
    }

    private static int ReadChildCount(ref CompactReader reader)
    {
        int children = 0;
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            if (id == 5)
            {
                children = reader.ReadI32(type);
            }
            else
            {
                reader.Skip(type);
            }
        }

        reader.EndStruct(outer);
        return children;
    }

    private static GroupLayout ReadGroup(ref CompactReader reader)
    {
        List<ChunkLayout> chunks = [];
        long rows = -1;
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            switch (id)
            {
                case 1:
                    for (int i = reader.BeginList(type, CompactType.Struct); i > 0; i--)
                    {
                        chunks.Add(ReadChunk(ref reader));
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
        return rows >= 0 ? new GroupLayout(rows, chunks)
            : throw new MalformedException("a row group does not say how many rows it has");
    }

    private static ChunkLayout ReadChunk(ref CompactReader reader)
    {
        ChunkLayout? chunk = null;
        string? obstacle = null;
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            switch (id)
            {
                case 1:
                    obstacle ??= $"lies in another file ('{reader.ReadString(type)}')";
                    break;
                case 3 when type == CompactType.Struct:
                    chunk = ReadMetadata(ref reader);
                    break;
                case 8 or 9:
                    obstacle = "is encrypted";
                    reader.Skip(type);
                    break;
                default:
                    reader.Skip(type);
                    break;
            }
        }

        reader.EndStruct(outer);
        return (chunk ?? (obstacle is null ? throw new MalformedException("a column chunk has no metadata")
            : new ChunkLayout(0, 0, 0, 0, null))) with
        { Obstacle = obstacle };
    }

    private static ChunkLayout ReadMetadata(ref CompactReader reader)
    {
        int physical = -1, codec = -1;
        long values = -1, dataOffset = -1, dictionaryOffset = -1;
        int outer = reader.BeginStruct();
        while (reader.NextField(out int id, out CompactType type))
        {
            switch (id)
            {
                case 1: physical = reader.ReadI32(type); break;
                case 4: codec = reader.ReadI32(type); break;
                case 5: values = reader.ReadI64(type); break;
                case 9: dataOffset = reader.ReadI64(type); break;
                case 11: dictionaryOffset = reader.ReadI64(type); break;
                default: reader.Skip(type); break;
            }
        }

        reader.EndStruct(outer);
        long start = dictionaryOffset > 0 && dictionaryOffset < dataOffset ? dictionaryOffset : dataOffset;
        return physical >= 0 && codec >= 0 && values >= 0 ? new ChunkLayout(physical, codec, values, start, null)
            : throw new MalformedException("a column chunk lacks its type, its codec or its number of values");
    }
}
