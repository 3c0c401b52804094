using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using ParquetSharp;
using ParquetSharp.Schema;
using Tbrm.Data.Parquet;
using Tbrm.Data.Parquet.Writing;
using Tbrm.Data.Tests.Support;

namespace Tbrm.Data.Tests.Parquet;

/// <summary>Schemas, rows and files for the Parquet tests.</summary>
internal static class ParquetSamples
{
    public static GroupNode Schema(params Node[] columns) => new("schema", Repetition.Required, columns);

    public static PrimitiveNode Leaf(string name, PhysicalType type, LogicalType? logical = null,
        Repetition repetition = Repetition.Optional, int length = -1)
    {
        return new PrimitiveNode(name, repetition, logical ?? LogicalType.None(), type, length);
    }

    public static GroupNode Group(string name, LogicalType? logical, params Node[] children) =>
        new(name, Repetition.Optional, children, logical);

    public static GroupNode Repeated(string name, params Node[] children) =>
        new(name, Repetition.Repeated, children);

    /// <summary>Every physical type that JSON rows can hold, required and optional, and lists of lists of
    /// structs.</summary>
    public static GroupNode RichSchema() => Schema(
        Leaf("id", PhysicalType.Int64, repetition: Repetition.Required),
        Leaf("flag", PhysicalType.Boolean),
        Leaf("small", PhysicalType.Int32),
        Leaf("single", PhysicalType.Float),
        Leaf("real", PhysicalType.Double),
        Leaf("text", PhysicalType.ByteArray, LogicalType.String()),
        Leaf("fixed", PhysicalType.FixedLenByteArray, length: 5),
        Leaf("bytes", PhysicalType.ByteArray, LogicalType.Bson()),
        Group("rows", LogicalType.List(),
            Repeated("list", Group("element", LogicalType.List(), Repeated("list", Group("element", null,
                Leaf("key", PhysicalType.ByteArray, LogicalType.String(), Repetition.Required),
                Leaf("value", PhysicalType.Int64)))))),
        Group("info", null,
            Leaf("index", PhysicalType.Int64),
            Group("deep", null, Leaf("name", PhysicalType.ByteArray, LogicalType.String()))));

    /// <summary>Gives the columns of <see cref="RichSchema"/> that can have it an encoding.</summary>
    public static Action<WriterPropertiesBuilder> Encode(ParquetSharp.Encoding encoding) => builder =>
    {
        (string Path, string Kind)[] columns =
        [
            ("id", "integer"), ("small", "integer"), ("single", "real"), ("real", "real"), ("text", "bytes"),
            ("bytes", "bytes"), ("fixed", "fixed"), ("flag", "boolean"), ("info.index", "integer"),
            ("info.deep.name", "bytes"), ("rows.list.element.list.element.key", "bytes"),
            ("rows.list.element.list.element.value", "integer"),
        ];
        string[] kinds = encoding switch
        {
            ParquetSharp.Encoding.Plain => ["integer", "real", "bytes", "fixed", "boolean"],
            ParquetSharp.Encoding.DeltaBinaryPacked => ["integer"],
            ParquetSharp.Encoding.DeltaLengthByteArray => ["bytes"],
            ParquetSharp.Encoding.DeltaByteArray => ["bytes", "fixed"],
            ParquetSharp.Encoding.ByteStreamSplit => ["integer", "real", "fixed"],
            ParquetSharp.Encoding.Rle => ["boolean"],
            _ => [],
        };
        foreach ((string path, string kind) in columns.Where(column => kinds.Contains(column.Kind)))
        {
            builder.Encoding(new ColumnPath(path.Split('.')), encoding);
        }
    };

    /// <summary>Writes rows.</summary>
    public static string Write(TemporaryFolder folder, GroupNode schema, IEnumerable<JsonObject> rows,
        ParquetWriterOptions options)
    {
        string path = folder.PathOf("rows.parquet");
        using ParquetWriter writer = new(path, schema, options);
        foreach (JsonObject row in rows)
        {
            writer.Write(row);
        }

        writer.Complete();
        return path;
    }

    /// <summary>Writes hand-made entries as they are.</summary>
    public static byte[] Write(GroupNode schema, params Entries[] columns)
    {
        using MemoryStream file = new();
        using (WriterPropertiesBuilder builder = new())
        using (WriterProperties properties = builder.DisableDictionary().Build())
        using (ParquetFileWriter writer = new(file, schema, properties, leaveOpen: true))
        {
            using (RowGroupWriter group = writer.AppendRowGroup())
            {
                foreach (Entries entries in columns)
                {
                    using ColumnWriter column = group.NextColumn();
                    entries.Write(column);
                }
            }

            writer.Close();
        }

        return file.ToArray();
    }

    /// <summary>Rows of <see cref="RichSchema"/> with nulls, empty lists, repeated and long values at every
    /// level.</summary>
    public static List<JsonObject> RichRows(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(i => RichRow(i, random))];
    }

    private static JsonObject RichRow(long id, Random random) => new()
    {
        ["id"] = id * 1_000_003 * (id % 3 == 0 ? -1 : 1),
        ["flag"] = Maybe(random, () => random.Next(4) == 0),
        ["small"] = Maybe(random, () => random.Next(2) == 0 ? random.Next(5) : random.Next(int.MinValue, int.MaxValue)),
        ["single"] = Maybe(random, () => (double)(random.NextSingle() - 0.5f)),
        ["real"] = Maybe(random, () => random.NextDouble() * Math.Pow(10, random.Next(-30, 30))),
        ["text"] = Maybe(random, () => Text(random)),
        ["fixed"] = Maybe(random, () => Bytes(random, 5)),
        ["bytes"] = Maybe(random, () => Bytes(random, random.Next(20))),
        ["rows"] = MaybeList(random, () => MaybeList(random, () => random.Next(5) == 0 ? null : new JsonObject
        {
            ["key"] = Text(random),
            ["value"] = Maybe(random, () => random.NextInt64()),
        })),
        ["info"] = random.Next(5) == 0 ? null : new JsonObject
        {
            ["index"] = Maybe(random, () => random.NextInt64(10)),
            ["deep"] = random.Next(5) == 0 ? null : new JsonObject { ["name"] = Maybe(random, () => Text(random)) },
        },
    };

    private static JsonValue? Maybe<T>(Random random, Func<T> value) => random.Next(5) == 0 ? null
        : JsonValue.Create(value());

    private static JsonArray? MaybeList(Random random, Func<JsonNode?> element)
    {
        if (random.Next(6) == 0)
        {
            return null;
        }

        JsonArray list = [];
        for (int i = random.Next(4); i > 0; i--)
        {
            list.Add(element());
        }

        return list;
    }

    private static string Text(Random random) => random.Next(4) switch
    {
        0 => "",
        1 => "answer " + random.Next(10),
        2 => string.Concat(Enumerable.Repeat("π≤中\U0001F600", random.Next(6))) + random.Next(100),
        _ => new string((char)('a' + random.Next(26)), random.Next(300)),
    };

    private static string Bytes(Random random, int length)
    {
        byte[] bytes = new byte[length];
        random.NextBytes(bytes);
        return Convert.ToBase64String(bytes);
    }
}

/// <summary>The entries of one column: levels, and the values of those that have one (numbers, texts, or bytes as
/// hexadecimal digits in <see cref="Hex"/>).</summary>
internal sealed record Entries(short[] Repetitions, short[] Definitions, object[] Values)
{
    /// <summary>Bytes from hexadecimal digits.</summary>
    public static object Hex(string digits) => Convert.FromHexString(digits);

    /// <summary>Gives them to the native writer.</summary>
    public void Write(ColumnWriter writer)
    {
        switch (writer)
        {
            case ColumnWriter<int> w: Write(w, value => unchecked((int)Convert.ToInt64(value, null))); break;
            case ColumnWriter<long> w: Write(w, value => Convert.ToInt64(value, null)); break;
            case ColumnWriter<float> w: Write(w, value => (float)value); break;
            case ColumnWriter<double> w: Write(w, value => (double)value); break;
            case ColumnWriter<Int96> w: Write(w, value => MemoryMarshal.Read<Int96>((byte[])value)); break;
            case ColumnWriter<ByteArray> w: WriteBytes(w, (at, length) => new ByteArray(at, length)); break;
            case ColumnWriter<FixedLenByteArray> w: WriteBytes(w, (at, _) => new FixedLenByteArray(at)); break;
            default: throw new NotSupportedException(writer.Type.ToString());
        }
    }

    private void Write<T>(ColumnWriter<T> writer, Func<object, T> convert) where T : unmanaged =>
        writer.WriteBatch(Definitions.Length, Definitions, Repetitions, [.. Values.Select(convert)]);

    private void WriteBytes<T>(ColumnWriter<T> writer, Func<IntPtr, int, T> point) where T : unmanaged
    {
        IEnumerable<byte[]> bytes = Values.Select(
            value => value as byte[] ?? System.Text.Encoding.UTF8.GetBytes((string)value));
        GCHandle[] pinned = [.. bytes.Select(value => GCHandle.Alloc(value, GCHandleType.Pinned))];
        int next = 0;
        Write(writer, _ =>
        {
            GCHandle handle = pinned[next++];
            return point(handle.AddrOfPinnedObject(), ((byte[])handle.Target!).Length);
        });
        Array.ForEach(pinned, handle => handle.Free());
    }
}
