using System.Linq;
using NUnit.Framework;
using ParquetSharp;
using ParquetSharp.Schema;
using Tbrm.Core.Errors;
using Tbrm.Data.Sources;
using Tbrm.Data.Tests.Support;
using Tbrm.Testing.Parquet;
using static Tbrm.Data.Tests.Parquet.ParquetSamples;

namespace Tbrm.Data.Tests.Parquet;

/// <summary>Lists and maps in the forms of older writers, from hand-made levels.</summary>
internal sealed class FieldReaderTests
{
    [Test]
    public void A_repeated_field_without_annotation_is_a_list()
    {
        GroupNode schema = Schema(Leaf("a", PhysicalType.Int64, repetition: Repetition.Repeated));

        Assert.That(Read(schema, Column([0, 0, 1, 1], [0, 1, 1, 1], 7, 8, 9)),
            Is.EqualTo(new[] { """{"a":[]}""", """{"a":[7,8,9]}""" }));
    }

    [Test]
    public void A_two_level_list_of_values_is_a_list()
    {
        GroupNode schema = Schema(Group("a", LogicalType.List(),
            Leaf("array", PhysicalType.Int64, repetition: Repetition.Repeated)));

        Assert.That(Read(schema, Column([0, 0, 0, 1], [0, 1, 2, 2], 7, 8)),
            Is.EqualTo(new[] { """{"a":null}""", """{"a":[]}""", """{"a":[7,8]}""" }));
    }

    [TestCase("array", """{"a":[{"x":7},{"x":null}]}""")]
    [TestCase("a_tuple", """{"a":[{"x":7},{"x":null}]}""")]
    [TestCase("list", """{"a":[7,null]}""")]
    [TestCase("bag", """{"a":[7,null]}""")]
    public void The_name_of_the_repeated_group_tells_a_struct_from_a_wrapper(string name, string expected)
    {
        GroupNode schema = Schema(Group("a", LogicalType.List(), Repeated(name, Leaf("x", PhysicalType.Int64))));

        Assert.That(Read(schema, Column([0, 1], [3, 2], 7)), Is.EqualTo(new[] { expected }));
    }

    [Test]
    public void A_repeated_group_of_two_fields_is_the_element()
    {
        GroupNode schema = Schema(Group("a", LogicalType.List(),
            Repeated("list", Leaf("x", PhysicalType.Int64), Leaf("y", PhysicalType.Int64))));

        Assert.That(Read(schema, Column([0, 1], [3, 2], 7), Column([0, 1], [2, 3], 8)),
            Is.EqualTo(new[] { """{"a":[{"x":7,"y":null},{"x":null,"y":8}]}""" }));
    }

    [Test]
    public void A_two_level_list_of_lists_is_a_list_of_lists()
    {
        GroupNode schema = Schema(Group("a", LogicalType.List(), new GroupNode("array", Repetition.Repeated,
            [Leaf("array", PhysicalType.Int64, repetition: Repetition.Repeated)], LogicalType.List())));

        Assert.That(Read(schema, Column([0, 2, 1, 1], [3, 3, 2, 3], 1, 2, 3)),
            Is.EqualTo(new[] { """{"a":[[1,2],[],[3]]}""" }));
    }

    [Test]
    public void A_map_with_text_keys_is_an_object_and_others_are_lists_of_entries()
    {
        GroupNode text = Schema(Group("m", LogicalType.Map(), Repeated("key_value",
            Leaf("key", PhysicalType.ByteArray, LogicalType.String(), Repetition.Required),
            Leaf("value", PhysicalType.Int64))));
        GroupNode number = Schema(Group("m", LogicalType.Map(), Repeated("map",
            Leaf("k", PhysicalType.Int64, repetition: Repetition.Required), Leaf("v", PhysicalType.Int64))));
        GroupNode keysOnly = Schema(Group("m", LogicalType.Map(), Repeated("map",
            Leaf("key", PhysicalType.Int64, repetition: Repetition.Required))));

        Assert.That(Read(text, Column([0, 1, 0], [2, 2, 0], "a", "b"), Column([0, 1, 0], [3, 2, 0], 7)),
            Is.EqualTo(new[] { """{"m":{"a":7,"b":null}}""", """{"m":null}""" }));
        Assert.That(Read(number, Column([0, 1], [2, 2], 1, 2), Column([0, 1], [3, 3], 7, 8)),
            Is.EqualTo(new[] { """{"m":[{"key":1,"value":7},{"key":2,"value":8}]}""" }));
        Assert.That(Read(keysOnly, Column([0, 0], [1, 2], 5)),
            Is.EqualTo(new[] { """{"m":[]}""", """{"m":[{"key":5,"value":null}]}""" }));
    }

    [Test]
    public void Sibling_columns_that_disagree_are_an_error()
    {
        GroupNode schema = Schema(Group("a", LogicalType.List(), Repeated("list", Group("element", null,
            Leaf("x", PhysicalType.Int64), Leaf("y", PhysicalType.Int64)))));

        Assert.That(() => Read(schema, Column([0, 1], [4, 4], 1, 2), Column([0], [4], 3)),
            Throws.TypeOf<DataException>().With.Message.Contains(
                "row 1, column 'a.list.element.y': its levels contradict"));
        Assert.That(() => Read(schema, Column([0], [0]), Column([0], [4], 3)),
            Throws.TypeOf<DataException>().With.Message.Contains("contradict"));
    }

    [TestCase(3, "row 3, column 'a': the column has fewer rows")]
    [TestCase(1, "row 2, column 'a': the column has more rows")]
    public void A_row_group_of_another_number_of_rows_is_an_error(int claimed, string expected)
    {
        byte[] file = ParquetSamples.Write(Schema(Leaf("a", PhysicalType.Int64)), Column([0, 0], [1, 1], 7, 8));
        ParquetParts parts = ParquetParts.Read(file);
        const int RowGroups = 4, Rows = 3;
        parts.Footer[RowGroups]!.Items[0].Value.Set(Rows, claimed);

        Assert.That(() => ReadFile(parts.ToArray(fitSizes: true, null)),
            Throws.TypeOf<DataException>().With.Message.Contains(expected));
    }

    private static Entries Column(short[] repetitions, short[] definitions, params object[] values) =>
        new(repetitions, definitions, values);

    /// <summary>Writes the entries as they are, and reads the file.</summary>
    private static string[] Read(GroupNode schema, params Entries[] columns) =>
        ReadFile(ParquetSamples.Write(schema, columns));

    private static string[] ReadFile(byte[] file)
    {
        using TemporaryFolder folder = new();
        return [.. RowFile.Read(folder.Write("levels.parquet", file)).Select(row => row.Row.ToJsonString())];
    }
}
