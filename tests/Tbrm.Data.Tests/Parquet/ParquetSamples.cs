using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Tests.Parquet;

/// <summary>Schemas and rows for the Parquet tests.</summary>
internal static class ParquetSamples
{
    /// <summary>A schema from a short notation of its elements, depth first.</summary>
    public static SchemaNode Schema(params SchemaElement[] elements)
    {
        int topLevel = 0, skip = 0;
        foreach (SchemaElement element in elements)
        {
            topLevel += skip == 0 ? 1 : 0;
            skip += element.ChildCount - (skip > 0 ? 1 : 0);
        }

        return SchemaTree.Build(
            [new SchemaElement("schema", null, 0, Repetition.Required, topLevel, LogicalType.None), .. elements]);
    }

    public static SchemaElement Leaf(string name, PhysicalType type, LogicalKind logical = LogicalKind.None,
        Repetition repetition = Repetition.Optional, int length = 0)
    {
        return new SchemaElement(name, type, length, repetition, 0, new LogicalType(logical));
    }

    public static SchemaElement Leaf(string name, PhysicalType type, LogicalType logical, int length = 0)
    {
        return new SchemaElement(name, type, length, Repetition.Optional, 0, logical);
    }

    public static SchemaElement Group(string name, int children, LogicalKind logical = LogicalKind.None,
        Repetition repetition = Repetition.Optional)
    {
        return new SchemaElement(name, null, 0, repetition, children, new LogicalType(logical));
    }

    /// <summary>Every physical type, required and optional, and lists of lists of structs.</summary>
    public static SchemaNode RichSchema() => Schema(
        Leaf("id", PhysicalType.Int64, repetition: Repetition.Required),
        Leaf("flag", PhysicalType.Boolean),
        Leaf("small", PhysicalType.Int32),
        Leaf("single", PhysicalType.Float),
        Leaf("real", PhysicalType.Double),
        Leaf("text", PhysicalType.ByteArray, LogicalKind.String),
        Leaf("fixed", PhysicalType.FixedLenByteArray, length: 5),
        Leaf("bytes", PhysicalType.ByteArray, LogicalKind.Bson),
        Group("rows", 1, LogicalKind.List),
        Group("list", 1, repetition: Repetition.Repeated),
        Group("element", 1, LogicalKind.List),
        Group("list", 1, repetition: Repetition.Repeated),
        Group("element", 2),
        Leaf("key", PhysicalType.ByteArray, LogicalKind.String, Repetition.Required),
        Leaf("value", PhysicalType.Int64),
        Group("info", 2),
        Leaf("index", PhysicalType.Int64),
        Group("deep", 1),
        Leaf("name", PhysicalType.ByteArray, LogicalKind.String));

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
