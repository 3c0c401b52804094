using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Schema;
using Tbrm.Data.Parquet.Writing;
using Tbrm.Data.Sources;
using Tbrm.Data.Tests.Support;
using static Tbrm.Data.Tests.Parquet.ParquetSamples;

namespace Tbrm.Data.Tests.Parquet;

/// <summary>Lists and maps in the forms of older writers, from hand-made levels.</summary>
internal sealed class FieldReaderTests
{
    [Test]
    public void A_repeated_field_without_annotation_is_a_list()
    {
        SchemaNode schema = Schema(Leaf("a", PhysicalType.Int64, repetition: Repetition.Repeated));

        Assert.That(Read(schema, Column([0, 0, 1, 1], [0, 1, 1, 1], 7, 8, 9)), Is.EqualTo(new[] { """{"a":[]}""", """{"a":[7,8,9]}""" }));
    }

    [Test]
    public void A_two_level_list_of_values_is_a_list()
    {
        SchemaNode schema = Schema(
            Group("a", 1, LogicalKind.List), Leaf("array", PhysicalType.Int64, repetition: Repetition.Repeated));

        Assert.That(Read(schema, Column([0, 0, 0, 1], [0, 1, 2, 2], 7, 8)), Is.EqualTo(new[] { """{"a":null}""", """{"a":[]}""", """{"a":[7,8]}""" }));
    }

    [TestCase("array", """{"a":[{"x":7},{"x":null}]}""")]
    [TestCase("a_tuple", """{"a":[{"x":7},{"x":null}]}""")]
    [TestCase("list", """{"a":[7,null]}""")]
    [TestCase("bag", """{"a":[7,null]}""")]
    public void The_name_of_the_repeated_group_tells_a_struct_from_a_wrapper(string name, string expected)
    {
        SchemaNode schema = Schema(
            Group("a", 1, LogicalKind.List), Group(name, 1, repetition: Repetition.Repeated),
            Leaf("x", PhysicalType.Int64));

        Assert.That(Read(schema, Column([0, 1], [3, 2], 7)), Is.EqualTo(new[] { expected }));
    }

    [Test]
    public void A_repeated_group_of_two_fields_is_the_element()
    {
        SchemaNode schema = Schema(
            Group("a", 1, LogicalKind.List), Group("list", 2, repetition: Repetition.Repeated),
                Leaf("x", PhysicalType.Int64), Leaf("y", PhysicalType.Int64));

        Assert.That(Read(schema, Column([0, 1], [3, 2], 7), Column([0, 1], [2, 3], 8)), Is.EqualTo(new[] { """{"a":[{"x":7,"y":null},{"x":null,"y":8}]}""" }));
    }

    [Test]
    public void A_two_level_list_of_lists_is_a_list_of_lists()
    {
        SchemaNode schema = Schema(
            Group("a", 1, LogicalKind.List), Group("array", 1, LogicalKind.List, Repetition.Repeated),
                Leaf("array", PhysicalType.Int64, repetition: Repetition.Repeated));

        Assert.That(Read(schema, Column([0, 2, 1, 1], [3, 3, 2, 3], 1, 2, 3)), Is.EqualTo(new[] { """{"a":[[1,2],[],[3]]}""" }));
    }

    [Test]
    public void A_map_with_text_keys_is_an_object_and_others_are_lists_of_entries()
    {
        SchemaNode text = Schema(
            Group("m", 1, LogicalKind.Map), Group("key_value", 2, repetition: Repetition.Repeated),
            Leaf("key", PhysicalType.ByteArray, LogicalKind.String, Repetition.Required),
                Leaf("value", PhysicalType.Int64));
        SchemaNode number = Schema(
            Group("m", 1, LogicalKind.Map), Group("map", 2, repetition: Repetition.Repeated),
            Leaf("k", PhysicalType.Int64, repetition: Repetition.Required), Leaf("v", PhysicalType.Int64));
        SchemaNode keysOnly = Schema(
            Group("m", 1, LogicalKind.Map), Group("map", 1, repetition: Repetition.Repeated),
                Leaf("key", PhysicalType.Int64, repetition: Repetition.Required));

        Assert.That(Read(text, Column([0, 1, 0], [2, 2, 0], "a", "b"), Column([0, 1, 0], [3, 2, 0], 7)), Is.EqualTo(new[] { """{"m":{"a":7,"b":null}}""", """{"m":null}""" }));
        Assert.That(Read(number, Column([0, 1], [2, 2], 1, 2), Column([0, 1], [3, 3], 7, 8)), Is.EqualTo(new[] { """{"m":[{"key":1,"value":7},{"key":2,"value":8}]}""" }));
        Assert.That(Read(keysOnly, Column([0, 0], [1, 2], 5)), Is.EqualTo(new[] { """{"m":[]}""", """{"m":[{"key":5,"value":null}]}""" }));
    }

    [Test]
    public void Sibling_columns_that_disagree_are_an_error()
    {
        SchemaNode schema = Schema(
            Group("a", 1, LogicalKind.List), Group("list", 1, repetition: Repetition.Repeated), Group("element", 2),
                Leaf("x", PhysicalType.Int64), Leaf("y", PhysicalType.Int64));

        Assert.That(() => Read(schema, Column([0, 1], [4, 4], 1, 2), Column([0], [4], 3)),
            Throws.TypeOf<DataException>().With.Message.Contains("contradict"));
        Assert.That(() => Read(schema, Column([0], [0]), Column([0], [4], 3)),
            Throws.TypeOf<DataException>().With.Message.Contains("contradict"));
        Assert.That(() => Read(schema, Column([0, 0], [0, 0]), Column([0], [0])),
            Throws.TypeOf<DataException>().With.Message.Contains("fewer rows"));
        Assert.That(() => Read(schema, Column([1], [4], 1), Column([0], [4], 3)),
            Throws.TypeOf<DataException>().With.Message.Contains("does not begin"));
    }

    private static Entries Column(int[] repetitions, int[] definitions, params object[] values) =>
        new(repetitions, definitions, values);

    /// <summary>Writes the entries as they are, and reads the file.</summary>
    private static string[] Read(SchemaNode schema, params Entries[] columns)
    {
        using MemoryStream file = new();
        file.Write("PAR1"u8);
        List<WrittenColumn> written = [];
        SchemaNode[] leaves = [.. SchemaTree.Leaves(schema)];
        for (int i = 0; i < leaves.Length; i++)
        {
            ColumnBuilder builder = columns[i].Build(leaves[i]);
            (ColumnChunk chunk, IReadOnlyCollection<PageEncoding> encodings) =
                new ColumnChunkWriter(file, file.Position, builder, new() { UseDictionary = false }).Write();
            written.Add(new WrittenColumn(chunk, encodings, leaves[i].Path.Split('.')));
        }

        byte[] footer = MetadataWriter.Write(schema, [new WrittenRowGroup(columns[0].Rows, written)], "test");
        file.Write(footer);
        file.Write(BitConverter.GetBytes(footer.Length));
        file.Write("PAR1"u8);
        using TemporaryFolder folder = new();
        return [.. RowFile.Read(folder.Write("levels.parquet", file.ToArray())).Select(row => row.Row.ToJsonString())];
    }

    private sealed record Entries(int[] Repetitions, int[] Definitions, object[] Values)
    {
        public int Rows => Math.Max(1, Repetitions.Count(level => level == 0));

        public ColumnBuilder Build(SchemaNode leaf)
        {
            ColumnBuilder builder = new(leaf);
            Queue<object> values = new(Values);
            for (int i = 0; i < Repetitions.Length; i++)
            {
                if (Definitions[i] == leaf.DefinitionLevel)
                {
                    object value = values.Dequeue();
                    builder.Add(value is string text ? JsonValue.Create(text) : JsonValue.Create((long)(int)value),
                        Repetitions[i]);
                }
                else
                {
                    builder.AddUndefined(Repetitions[i], Definitions[i]);
                }
            }

            return builder;
        }
    }
}
