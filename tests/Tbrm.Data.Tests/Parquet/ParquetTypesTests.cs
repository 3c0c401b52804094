using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Data.Parquet.Encodings;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Reading;
using Tbrm.Data.Parquet.Schema;
using Tbrm.Data.Parquet.Writing;
using Tbrm.Data.Sources;
using Tbrm.Data.Tests.Support;

namespace Tbrm.Data.Tests.Parquet;

internal sealed class ParquetTypesTests
{
    private static IEnumerable<TestCaseData> Integers()
    {
        yield return Case(PhysicalType.Int32, new(LogicalKind.Date), 0, "\"1970-01-01\"");
        yield return Case(PhysicalType.Int32, new(LogicalKind.Date), -1, "\"1969-12-31\"");
        yield return Case(PhysicalType.Int32, new(LogicalKind.Date), 11016, "\"2000-02-29\"");
        yield return Case(PhysicalType.Int32, new(LogicalKind.Date), -719_528, "\"0000-01-01\"");
        yield return Case(PhysicalType.Int32, new(LogicalKind.Date), -719_529, "\"-0001-12-31\"");
        yield return Case(PhysicalType.Int32, new(LogicalKind.Date), 2_932_897, "\"+10000-01-01\"");
        yield return Case(PhysicalType.Int64, new(LogicalKind.Timestamp, Unit: TimeUnit.Micros, IsUtc: true),
            1_704_141_296_123_456, "\"2024-01-01T20:34:56.123456Z\"");
        yield return Case(PhysicalType.Int64, new(LogicalKind.Timestamp, Unit: TimeUnit.Millis), -1,
            "\"1969-12-31T23:59:59.999\"");
        yield return Case(PhysicalType.Int64, new(LogicalKind.Timestamp, Unit: TimeUnit.Nanos), 1_000_000_000,
            "\"1970-01-01T00:00:01\"");
        yield return Case(PhysicalType.Int64, new(LogicalKind.Timestamp, Unit: TimeUnit.Nanos), long.MinValue,
            "\"1677-09-21T00:12:43.145224192\"");
        yield return Case(PhysicalType.Int32, new(LogicalKind.Time, Unit: TimeUnit.Millis), 86_399_999,
            "\"23:59:59.999\"");
        yield return Case(PhysicalType.Int64, new(LogicalKind.Time, Unit: TimeUnit.Nanos), 1, "\"00:00:00.000000001\"");
        yield return Case(PhysicalType.Int32, new(LogicalKind.Decimal, Scale: 2, Precision: 9), -5, "-0.05");
        yield return Case(PhysicalType.Int64, new(LogicalKind.Decimal, Scale: 0, Precision: 18), 123, "123");
        yield return Case(PhysicalType.Int32, new(LogicalKind.Integer, IsSigned: false, BitWidth: 32), -1,
            "4294967295");
        yield return Case(PhysicalType.Int64, new(LogicalKind.Integer, IsSigned: false, BitWidth: 64), -1,
            "18446744073709551615");
        yield return Case(PhysicalType.Int32, new(LogicalKind.Integer, BitWidth: 8), -128, "-128");
        yield return Case(PhysicalType.Int32, new(LogicalKind.Null), 5, "null");
        yield return Case(PhysicalType.Int64, LogicalType.None, long.MinValue, "-9223372036854775808");
    }

    private static IEnumerable<TestCaseData> ByteArrays()
    {
        yield return Bytes(PhysicalType.ByteArray, new(LogicalKind.Decimal, Scale: 3, Precision: 40), "FFFF", "-0.001");
        yield return Bytes(PhysicalType.FixedLenByteArray, new(LogicalKind.Decimal, Scale: 10, Precision: 38),
            "0102030405060708090A0B0C0D0E0F10", "133967375519815834904458130.7228491536");
        yield return Bytes(PhysicalType.FixedLenByteArray, new(LogicalKind.Uuid), "00112233445566778899AABBCCDDEEFF",
            "\"00112233-4455-6677-8899-aabbccddeeff\"");
        yield return Bytes(PhysicalType.FixedLenByteArray, new(LogicalKind.Float16), "003E", "1.5");
        yield return Bytes(PhysicalType.FixedLenByteArray, new(LogicalKind.Float16), "007E", "\"NaN\"");
        yield return Bytes(PhysicalType.FixedLenByteArray, new(LogicalKind.Interval), "010000000200000003000000",
            "{\"months\":1,\"days\":2,\"millis\":3}");
        yield return Bytes(PhysicalType.FixedLenByteArray, LogicalType.None, "4142", "\"QUI=\"");
        yield return Bytes(PhysicalType.ByteArray, LogicalType.None, "4142", "\"AB\"");
        yield return Bytes(PhysicalType.ByteArray, LogicalType.None, "FF", "\"/w==\"");
        yield return Bytes(PhysicalType.ByteArray, new(LogicalKind.Bson), "4142", "\"QUI=\"");
        yield return Bytes(PhysicalType.Int96, LogicalType.None, "00000000000000008C3D2500", "\"1970-01-01T00:00:00\"");
        yield return Bytes(PhysicalType.Int96, LogicalType.None, "01000000000000008D3D2500",
            "\"1970-01-02T00:00:00.000000001\"");
    }

    [TestCaseSource(nameof(Integers))]
    public void An_integer_column_means_what_its_logical_type_says(object type, object logical, long stored,
        string json)
    {
        Assert.That(ReadBack((PhysicalType)type, (LogicalType)logical, 0, JsonValue.Create(stored)), Is.EqualTo(json));
    }

    [TestCaseSource(nameof(ByteArrays))]
    public void A_byte_array_column_means_what_its_logical_type_says(object type, object logical, string hex,
        string json)
    {
        byte[] bytes = Convert.FromHexString(hex);
        string actual = ReadBack(
            (PhysicalType)type, (LogicalType)logical, bytes.Length, JsonValue.Create(Convert.ToBase64String(bytes)));

        Assert.That(actual, Is.EqualTo(json));
    }

    [TestCase(1.1f, "1.100000023841858")]
    [TestCase(float.NaN, "\"NaN\"")]
    [TestCase(float.NegativeInfinity, "\"-Infinity\"")]
    public void A_float_gives_the_stored_value_exactly(float stored, string json)
    {
        // A non-finite number has no JSON form, so the column is fed directly.
        SchemaNode schema = ParquetSamples.Schema(ParquetSamples.Leaf("a", PhysicalType.Float));
        ColumnBuilder builder = new(schema.Children[0]);
        builder.Reals.Add(stored);
        byte[] page = ValueEncoders.Plain(builder, 0, 1);
        JsonNode? value = ValueConverter.Create(schema.Children[0])(
            ValueDecoders.Plain(schema.Children[0], page, 0, page.Length));

        Assert.That(value!.ToJsonString(), Is.EqualTo(json));
    }

    [Test]
    public void A_json_column_gives_the_values_it_holds()
    {
        Assert.That(ReadBack(PhysicalType.ByteArray, new(LogicalKind.Json), 0, JsonNode.Parse("""{"a":[1,null]}""")!), Is.EqualTo("""{"a":[1,null]}"""));
        Assert.That(ReadBack(PhysicalType.ByteArray, new(LogicalKind.Json), 0, JsonValue.Create("text")),
            Is.EqualTo("\"text\""));
    }

    [Test]
    public void Text_that_is_not_utf8_is_an_error_with_file_column_and_page()
    {
        using TemporaryFolder folder = new();
        SchemaNode written = ParquetSamples.Schema(ParquetSamples.Leaf("a", PhysicalType.ByteArray, LogicalKind.Bson));
        string path = ParquetRoundTripTests.Write(
            folder, written, [new JsonObject { ["a"] = "/w==" }], new() { UseDictionary = false });
        byte[] bytes = System.IO.File.ReadAllBytes(path);

        // The converted and the logical type of the schema element: BSON (20, member 13) becomes UTF8 (0, member 1).
        int element = bytes.AsSpan().LastIndexOf(new byte[] { 0x25, 0x28, 0x4C, 0xDC });
        Assert.That(element, Is.Positive);
        new byte[] { 0x25, 0x00, 0x4C, 0x1C }.CopyTo(bytes, element);
        System.IO.File.WriteAllBytes(path, bytes);

        Assert.That(() => RowFile.Read(path).Count(),
            Throws.TypeOf<DataException>().With.Message.Contains(
            "column 'a', page at byte 4: a text value is not UTF-8"));
    }

    private static TestCaseData Case(PhysicalType type, LogicalType logical, long stored, string json)
    {
        return new TestCaseData(type, logical, stored, json)
            .SetName($"{type} {logical.Kind} {stored} is {json}".Replace('.', ','));
    }

    private static TestCaseData Bytes(PhysicalType type, LogicalType logical, string hex, string json)
    {
        return new TestCaseData(type, logical, hex, json)
            .SetName($"{type} {logical.Kind} {hex} is {json}".Replace('.', ','));
    }

    private static string ReadBack(PhysicalType type, LogicalType logical, int length, JsonNode stored)
    {
        using TemporaryFolder folder = new();
        SchemaNode schema = ParquetSamples.Schema(ParquetSamples.Leaf("a", type, logical, length));
        string path = ParquetRoundTripTests.Write(
            folder, schema, [new JsonObject { ["a"] = stored }, new JsonObject { ["a"] = null }], new());
        JsonObject[] rows = [.. RowFile.Read(path).Select(row => row.Row)];

        Assert.That(rows[1]["a"], Is.Null);
        return rows[0]["a"]?.ToJsonString(SchemaInference.ReadableJson) ?? "null";
    }
}
