using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using ParquetSharp;
using ParquetSharp.Schema;
using Tbrm.Core.Errors;
using Tbrm.Data.Parquet;
using Tbrm.Data.Parquet.Writing;
using Tbrm.Data.Sources;
using Tbrm.Data.Tests.Support;

namespace Tbrm.Data.Tests.Parquet;

internal sealed class ParquetRoundTripTests
{
    [Test]
    public void Every_codec_page_version_and_dictionary_choice_gives_the_rows_back(
        [Values(Compression.Uncompressed, Compression.Snappy, Compression.Gzip, Compression.Brotli, Compression.Zstd,
            Compression.Lz4)] Compression codec,
        [Values(1, 2)] int version,
        [Values] bool dictionary)
    {
        ParquetWriterOptions options =
            new()
            {
                Codec = codec,
                PageVersion = version,
                UseDictionary = dictionary,
                RowsPerGroup = 300,
                BytesPerPage = 500
            };
        AssertRoundTrip(ParquetSamples.RichSchema(), ParquetSamples.RichRows(1000, seed: 1), options);
    }

    [TestCase(Compression.Lz4Hadoop)]
    [TestCase(Compression.Zstd)]
    public void Codecs_and_row_counts_that_only_other_writers_choose_are_read(Compression codec)
    {
        ParquetWriterOptions options = new()
        {
            Configure = builder => builder.Compression(codec).DataPageVersion(ParquetDataPageVersion.V2),
        };
        AssertRoundTrip(ParquetSamples.RichSchema(), ParquetSamples.RichRows(50, seed: 6), options);
    }

    [Test]
    public void Every_encoding_gives_the_rows_back(
        [Values(Encoding.Plain, Encoding.Rle, Encoding.DeltaBinaryPacked, Encoding.DeltaLengthByteArray,
            Encoding.DeltaByteArray, Encoding.ByteStreamSplit)] Encoding encoding, [Values(1, 2)] int version)
    {
        ParquetWriterOptions options = new()
        {
            PageVersion = version,
            UseDictionary = false,
            BytesPerPage = 2000,
            Configure = ParquetSamples.Encode(encoding),
        };
        AssertRoundTrip(ParquetSamples.RichSchema(), ParquetSamples.RichRows(1000, seed: 2), options);
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(7)]
    [TestCase(8)]
    [TestCase(129)]
    public void Any_number_of_rows_is_possible(int count)
    {
        AssertRoundTrip(ParquetSamples.RichSchema(), ParquetSamples.RichRows(count, seed: 3), new());
    }

    [Test]
    public void Integers_at_the_ends_of_their_range_survive_the_delta_encoding()
    {
        long[] values = [long.MinValue, long.MaxValue, 0, -1, long.MinValue, long.MinValue, 1, long.MaxValue];
        GroupNode schema = ParquetSamples.Schema(
            ParquetSamples.Leaf("a", PhysicalType.Int64), ParquetSamples.Leaf("b", PhysicalType.Int32));
        List<JsonObject> rows =
            [.. Enumerable.Range(0, 300)
            .Select(i => new JsonObject { ["a"] = values[i % values.Length], ["b"] = (int)values[i % values.Length] })];

        AssertRoundTrip(schema, rows, new()
        {
            UseDictionary = false,
            Configure = builder => builder.Encoding(Encoding.DeltaBinaryPacked),
        });
    }

    [Test]
    public void A_projection_reads_only_what_it_names()
    {
        using TemporaryFolder folder = new();
        List<JsonObject> rows = ParquetSamples.RichRows(50, seed: 4);
        string path = ParquetSamples.Write(folder, ParquetSamples.RichSchema(), rows, new());
        using ParquetFile file = ParquetFile.Open(path);

        JsonObject[] read = [.. file.ReadRows(["id", "info.deep"])];
        for (int i = 0; i < rows.Count; i++)
        {
            JsonObject expected =
                new()
                {
                    ["id"] = rows[i]["id"]!.DeepClone(),
                    ["info"] = rows[i]["info"] is null ? null
                : new JsonObject { ["deep"] = rows[i]["info"]!["deep"]?.DeepClone() }
                };
            Assert.That(JsonNode.DeepEquals(read[i], expected), Is.True, read[i].ToJsonString());
        }

        Assert.That(() => file.ReadRows(["info.missing"]).ToArray(),
            Throws.TypeOf<DataException>().With.Message.Contains("no column 'info.missing'"));
    }

    [Test]
    public void The_schema_of_mixed_rows_is_found_and_loses_nothing()
    {
        JsonObject[] rows =
        [
            Row(
                """{"a":1,"b":"x","c":[{"role":"user","content":"q"}],"d":{"index":7},"e":null,"f":1,"g":{},"h":[1,null,2]}"""),
            Row(
                """{"a":2.5,"b":null,"c":[],"d":{"index":"9a-0b","more":[true]},"e":null,"f":"one","g":{"z":[]},"h":[]}"""),
            Row("""{"a":-3,"d":null,"f":{"k":12345678901234567890},"i":1.1,"j":[["x"],[]],"é.dot":"ü"}"""),
        ];
        SchemaInference schema = new();
        foreach (JsonObject row in rows)
        {
            schema.Add(row);
        }

        using TemporaryFolder folder = new();
        using (ParquetWriter writer = new(folder.PathOf("mixed.parquet"), schema))
        {
            foreach (JsonObject row in rows)
            {
                writer.Write(row);
            }

            writer.Complete();
        }

        JsonObject[] read = [.. RowFile.Read(folder.PathOf("mixed.parquet")).Select(row => row.Row)];
        string[] keys = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "é.dot"];
        for (int i = 0; i < rows.Length; i++)
        {
            Assert.That(read[i].Select(pair => pair.Key), Is.EquivalentTo(keys));
            foreach (string key in keys)
            {
                Assert.That(JsonNode.DeepEquals(WithoutNulls(read[i][key]), WithoutNulls(rows[i][key])), Is.True,
                    $"row {i}, {key}: {read[i][key]?.ToJsonString()}");
            }
        }
    }

    [Test]
    public void Codecs_without_an_encoder_are_refused_and_leave_no_file()
    {
        using TemporaryFolder folder = new();

        Assert.That(() =>
            ParquetSamples.Write(folder, ParquetSamples.RichSchema(), ParquetSamples.RichRows(3, 1),
            new() { Codec = Compression.Lzo }), Throws.TypeOf<ConfigException>());
        Assert.That(System.IO.Directory.GetFileSystemEntries(folder.PathOf("")), Is.Empty);
    }

    [Test]
    public void A_changed_page_is_noticed_by_its_checksum()
    {
        using TemporaryFolder folder = new();
        string path = ParquetSamples.Write(folder, ParquetSamples.RichSchema(), ParquetSamples.RichRows(100, 5),
            new() { Codec = Compression.Uncompressed });
        byte[] bytes = System.IO.File.ReadAllBytes(path);
        bytes[200] ^= 1;
        System.IO.File.WriteAllBytes(path, bytes);

        Assert.That(() => RowFile.Read(path).Count(),
            Throws.TypeOf<DataException>().With.Message.Contains("column 'id'").And.Message.Contains("CRC"));
    }

    private static void AssertRoundTrip(GroupNode schema, List<JsonObject> rows, ParquetWriterOptions options)
    {
        using TemporaryFolder folder = new();
        string path = ParquetSamples.Write(folder, schema, rows, options);
        using ParquetFile file = ParquetFile.Open(path);
        JsonObject[] read = [.. file.ReadRows()];

        Assert.That(file.RowCount, Is.EqualTo(rows.Count));
        Assert.That(read, Has.Length.EqualTo(rows.Count));
        for (int i = 0; i < read.Length; i++)
        {
            // Numbers of different CLR types are equal as text.
            Assert.That(read[i].ToJsonString(), Is.EqualTo(rows[i].ToJsonString()), $"row {i}");
        }
    }

    private static JsonObject Row(string json) => (JsonObject)JsonNode.Parse(json)!;

    /// <summary>A struct column gives every row all of its fields; those that a row lacked are null.</summary>
    private static JsonNode? WithoutNulls(JsonNode? node)
    {
        return node is JsonObject value
            ? new JsonObject(value.Where(pair => pair.Value is not null)
                .Select(pair => new KeyValuePair<string, JsonNode?>(pair.Key, WithoutNulls(pair.Value?.DeepClone()))))
            : node?.DeepClone();
    }
}
