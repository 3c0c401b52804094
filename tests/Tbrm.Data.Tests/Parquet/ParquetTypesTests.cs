using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using ParquetSharp;
using ParquetSharp.Schema;
using Tbrm.Core.Errors;
using Tbrm.Data.Parquet.Writing;
using Tbrm.Data.Sources;
using Tbrm.Data.Tests.Support;
using Tbrm.Testing.Parquet;

namespace Tbrm.Data.Tests.Parquet;

internal sealed class ParquetTypesTests
{
    private static IEnumerable<TestCaseData> Integers()
    {
        yield return Case(PhysicalType.Int32, LogicalType.Date(), 0, "\"1970-01-01\"");
        yield return Case(PhysicalType.Int32, LogicalType.Date(), -1, "\"1969-12-31\"");
        yield return Case(PhysicalType.Int32, LogicalType.Date(), 11016, "\"2000-02-29\"");
        yield return Case(PhysicalType.Int32, LogicalType.Date(), -719_528, "\"0000-01-01\"");
        yield return Case(PhysicalType.Int32, LogicalType.Date(), -719_529, "\"-0001-12-31\"");
        yield return Case(PhysicalType.Int32, LogicalType.Date(), 2_932_897, "\"+10000-01-01\"");
        yield return Case(PhysicalType.Int64, LogicalType.Timestamp(true, TimeUnit.Micros),
            1_704_141_296_123_456, "\"2024-01-01T20:34:56.123456Z\"");
        yield return Case(PhysicalType.Int64, LogicalType.Timestamp(false, TimeUnit.Millis), -1,
            "\"1969-12-31T23:59:59.999\"");
        yield return Case(PhysicalType.Int64, LogicalType.Timestamp(false, TimeUnit.Nanos), 1_000_000_000,
            "\"1970-01-01T00:00:01\"");
        yield return Case(PhysicalType.Int64, LogicalType.Timestamp(false, TimeUnit.Nanos), long.MinValue,
            "\"1677-09-21T00:12:43.145224192\"");
        yield return Case(PhysicalType.Int32, LogicalType.Time(true, TimeUnit.Millis), 86_399_999,
            "\"23:59:59.999\"");
        yield return Case(PhysicalType.Int64, LogicalType.Time(true, TimeUnit.Nanos), 1, "\"00:00:00.000000001\"");
        yield return Case(PhysicalType.Int32, LogicalType.Decimal(9, 2), -5, "-0.05");
        yield return Case(PhysicalType.Int64, LogicalType.Decimal(18, 0), 123, "123");
        yield return Case(PhysicalType.Int32, LogicalType.Int(32, false), -1,
            "4294967295");
        yield return Case(PhysicalType.Int64, LogicalType.Int(64, false), -1,
            "18446744073709551615");
        yield return Case(PhysicalType.Int32, LogicalType.Int(8, true), -128, "-128");
        yield return Case(PhysicalType.Int32, LogicalType.Null(), 5, "null");
        yield return Case(PhysicalType.Int64, null, long.MinValue, "-9223372036854775808");
    }

    private static IEnumerable<TestCaseData> ByteArrays()
    {
        yield return Bytes(PhysicalType.ByteArray, LogicalType.Decimal(40, 3), "FFFF", "-0.001");
        yield return Bytes(PhysicalType.FixedLenByteArray, LogicalType.Decimal(38, 10),
            "0102030405060708090A0B0C0D0E0F10", "133967375519815834904458130.7228491536");
        yield return Bytes(PhysicalType.FixedLenByteArray, LogicalType.Uuid(), "00112233445566778899AABBCCDDEEFF",
            "\"00112233-4455-6677-8899-aabbccddeeff\"");
        yield return Bytes(PhysicalType.FixedLenByteArray, LogicalType.Float16(), "003E", "1.5");
        yield return Bytes(PhysicalType.FixedLenByteArray, LogicalType.Float16(), "007E", "\"NaN\"");
        yield return Bytes(PhysicalType.FixedLenByteArray, LogicalType.Interval(), "010000000200000003000000",
            "{\"months\":1,\"days\":2,\"millis\":3}");
        yield return Bytes(PhysicalType.FixedLenByteArray, null, "4142", "\"QUI=\"");
        yield return Bytes(PhysicalType.ByteArray, null, "4142", "\"AB\"");
        yield return Bytes(PhysicalType.ByteArray, null, "FF", "\"/w==\"");
        yield return Bytes(PhysicalType.ByteArray, LogicalType.Bson(), "4142", "\"QUI=\"");
        yield return Bytes(PhysicalType.Int96, null, "00000000000000008C3D2500", "\"1970-01-01T00:00:00\"");
        yield return Bytes(PhysicalType.Int96, null, "01000000000000008D3D2500",
            "\"1970-01-02T00:00:00.000000001\"");
    }

    [TestCaseSource(nameof(Integers))]
    public void An_integer_column_means_what_its_logical_type_says(object type, object? logical, long stored,
        string json)
    {
        Assert.That(ReadBack((PhysicalType)type, (LogicalType?)logical, -1, stored), Is.EqualTo(json));
    }

    [TestCaseSource(nameof(ByteArrays))]
    public void A_byte_array_column_means_what_its_logical_type_says(object type, object? logical, string hex,
        string json)
    {
        bool isFixed = (PhysicalType)type == PhysicalType.FixedLenByteArray;
        Assert.That(
            ReadBack((PhysicalType)type, (LogicalType?)logical, isFixed ? hex.Length / 2 : -1, Entries.Hex(hex)),
            Is.EqualTo(json));
    }

    [TestCase(1.1f, "1.100000023841858")]
    [TestCase(float.NaN, "\"NaN\"")]
    [TestCase(float.NegativeInfinity, "\"-Infinity\"")]
    public void A_float_gives_the_stored_value_exactly(float stored, string json)
    {
        Assert.That(ReadBack(PhysicalType.Float, null, -1, stored), Is.EqualTo(json));
        Assert.That(ReadBack(PhysicalType.Double, null, -1, (double)stored), Is.EqualTo(json));
    }

    [Test]
    public void A_json_column_gives_the_values_it_holds()
    {
        LogicalType json = LogicalType.Json();
        Assert.That(ReadBack(PhysicalType.ByteArray, json, -1, """{"a":[1,null]}"""),
            Is.EqualTo("""{"a":[1,null]}"""));
        Assert.That(ReadBack(PhysicalType.ByteArray, json, -1, "\"text\""), Is.EqualTo("\"text\""));
        Assert.That(ReadBack(PhysicalType.ByteArray, json, -1, "no {json"), Is.EqualTo("\"no {json\""));
    }

    [Test]
    public void A_timestamp_of_older_writers_is_an_instant()
    {
        // The converted type alone, as files had it before there were logical types: 9 is TIMESTAMP_MILLIS.
        ParquetParts parts = ParquetParts.Read(ParquetSamples.Write(
            ParquetSamples.Schema(ParquetSamples.Leaf("a", PhysicalType.Int64)), new Entries([0], [1], [1L])));
        const int Schema = 2, ConvertedType = 6;
        parts.Footer[Schema]!.Items[1].Value.Items.Add((ConvertedType, ThriftValue.I32(9)));

        Assert.That(ReadFile(parts.ToArray(fitSizes: true, null))[0].ToJsonString(),
            Is.EqualTo("""{"a":"1970-01-01T00:00:00.001Z"}"""));
    }

    [Test]
    public void Text_that_is_not_utf8_is_an_error_with_file_row_and_column()
    {
        GroupNode schema = ParquetSamples.Schema(
            ParquetSamples.Leaf("a", PhysicalType.ByteArray, LogicalType.String()));
        byte[] file = ParquetSamples.Write(schema, new Entries([0, 0], [1, 1], ["good", Entries.Hex("FF")]));

        Assert.That(() => ReadFile(file), Throws.TypeOf<DataException>().With.Message.Contains(
            "types.parquet: row 2, column 'a': a text value is not UTF-8"));
    }

    private static TestCaseData Case(PhysicalType type, LogicalType? logical, long stored, string json)
    {
        return new TestCaseData(type, logical, stored, json)
            .SetName($"{type} {logical?.Type} {stored} is {json}".Replace('.', ','));
    }

    private static TestCaseData Bytes(PhysicalType type, LogicalType? logical, string hex, string json)
    {
        return new TestCaseData(type, logical, hex, json)
            .SetName($"{type} {logical?.Type} {hex} is {json}".Replace('.', ','));
    }

    /// <summary>The value as JSON, from a column that holds it and a null.</summary>
    private static string ReadBack(PhysicalType type, LogicalType? logical, int length, object stored)
    {
        GroupNode schema = ParquetSamples.Schema(ParquetSamples.Leaf("a", type, logical, length: length));
        JsonObject[] rows = ReadFile(ParquetSamples.Write(schema, new Entries([0, 0], [1, 0], [stored])));

        Assert.That(rows[1]["a"], Is.Null);
        return rows[0]["a"]?.ToJsonString(SchemaInference.ReadableJson) ?? "null";
    }

    private static JsonObject[] ReadFile(byte[] file)
    {
        using TemporaryFolder folder = new();
        return [.. RowFile.Read(folder.Write("types.parquet", file)).Select(row => row.Row)];
    }
}
