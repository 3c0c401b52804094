using System;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Data.Json;
using Tbrm.Data.Tests.Support;

namespace Tbrm.Data.Tests.Json;

internal sealed class JsonLinesTests
{
    [Test]
    public void A_byte_order_mark_carriage_returns_and_empty_lines_are_no_rows()
    {
        JsonLine[] rows = Read("\uFEFF{\"a\":1}\r\n\r\n  \n{\"a\":2}\n{\"a\":3}");

        Assert.That(rows.Select(row => row.LineNumber), Is.EqualTo(new long[] { 1, 4, 5 }));
        Assert.That(rows.Select(row => (int)row.Row["a"]!), Is.EqualTo(new[] { 1, 2, 3 }));
    }

    [TestCase("{\"a\":1}\n{\"a\":}\n", ":2: not valid JSON")]
    [TestCase("{\"a\":1}\n[1]\n", ":2: expected a JSON object")]
    [TestCase("{\"a\":1} {\"a\":2}\n", ":1: not valid JSON")]
    [TestCase("{\"a\":1,\"a\":2}\n", ":1: not valid JSON")]
    [TestCase("{\"a\":\"\\ud800\"}\n", ":1: not valid JSON")]
    [TestCase("{\"a\":NaN}\n", ":1: not valid JSON")]
    [TestCase("null\n", ":1: expected a JSON object")]
    public void A_bad_line_is_named(string text, string message)
    {
        Assert.That(() => Read(text), Throws.TypeOf<DataException>().With.Message.Contains("rows.jsonl" + message));
    }

    [Test]
    public void Bytes_that_are_not_utf8_and_bottomless_nesting_are_refused()
    {
        byte[] latin1 = [.. "{\"a\":\""u8, 0xE9, .. "\"}"u8];
        string deep = "{\"a\":" + new string('[', 100_000);

        Assert.That(() => Read(latin1), Throws.TypeOf<DataException>().With.Message.Contains("UTF-8"));
        Assert.That(() => Read(deep), Throws.TypeOf<DataException>().With.Message.Contains(":1:"));
    }

    [Test]
    public void A_surrogate_pair_written_as_escapes_is_text()
    {
        Assert.That((string?)Read("{\"a\":\"\\ud83d\\ude00\"}")[0].Row["a"], Is.EqualTo("\U0001F600"));
    }

    [Test]
    public void Lines_of_any_length_up_to_the_bound_are_read_and_longer_ones_refused()
    {
        foreach (int length in new[] { 1, 65_530, 65_536, 200_000 })
        {
            string text = new('x', length);
            Assert.That((string?)Read($"{{\"a\":\"{text}\"}}\n{{\"a\":\"b\"}}")[0].Row["a"], Is.EqualTo(text));
        }

        using MemoryStream stream = new(Encoding.UTF8.GetBytes("{}\n{\"a\":\"" + new string('x', 5000) + "\"}"));
        Assert.That(() => JsonLines.Read(stream, "rows.jsonl", maxLineBytes: 4096).ToArray(),
            Throws.TypeOf<DataException>().With.Message.Contains("rows.jsonl:2: the line is longer than 4096"));
    }

    [TestCase("rows.jsonl")]
    [TestCase("rows.jsonl.gz")]
    public void What_is_written_is_read_again(string name)
    {
        using TemporaryFolder folder = new();
        JsonObject[] rows = [new() { ["text"] = "π ≤ \"4\"\n\\frac 中文 \U0001F600 </script>", ["n"] = 1.5,
            ["none"] = null }, new() { ["list"] = new JsonArray(1, "two") }];
        using (JsonLinesWriter writer = new(folder.PathOf(name)))
        {
            foreach (JsonObject row in rows)
            {
                writer.Write(row);
            }

            writer.Complete();
        }

        JsonLine[] read = [.. JsonLines.ReadFile(folder.PathOf(name))];
        Assert.That(read, Has.Length.EqualTo(rows.Length));
        for (int i = 0; i < rows.Length; i++)
        {
            Assert.That(JsonNode.DeepEquals(read[i].Row, rows[i]), Is.True, read[i].Row.ToJsonString());
        }
    }

    [Test]
    public void Characters_are_written_as_themselves_one_row_a_line()
    {
        using MemoryStream stream = new();
        using (JsonLinesWriter writer = new(stream))
        {
            writer.Write(new JsonObject { ["a"] = "é中+<" });
            writer.Write(new JsonObject { ["a"] = "x\ny" });
            writer.Complete();
        }

        Assert.That(Encoding.UTF8.GetString(stream.ToArray()), Is.EqualTo("{\"a\":\"é中+<\"}\n{\"a\":\"x\\ny\"}\n"));
    }

    [Test]
    public void An_unfinished_file_never_gets_its_name()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("out.jsonl", "old\n");
        using (JsonLinesWriter writer = new(path))
        {
            writer.Write(new JsonObject { ["a"] = 1 });
        }

        Assert.That(File.ReadAllText(path), Is.EqualTo("old\n"));
        Assert.That(Directory.GetFiles(Path.GetDirectoryName(path)!), Has.Length.EqualTo(1));
    }

    [Test]
    public void A_torn_gzip_file_is_an_error_with_its_line()
    {
        using TemporaryFolder folder = new();
        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(Encoding.UTF8.GetBytes(
                string.Concat(Enumerable.Range(0, 50_000).Select(i => $"{{\"a\":{i * 7919L % 10_007}}}\n"))));
        }

        string path = folder.Write("torn.jsonl.gz", packed.ToArray()[..(int)(packed.Length / 2)]);
        Assert.That(() => JsonLines.ReadFile(path).Count(),
            Throws.TypeOf<DataException>().With.Message.Contains("torn.jsonl.gz:"));
    }

    [Test]
    public void A_missing_file_and_a_folder_are_said_to_be_so()
    {
        using TemporaryFolder folder = new();

        Assert.That(() => JsonLines.ReadFile(folder.PathOf("no.jsonl")).Count(),
            Throws.TypeOf<DataException>().With.Message.Contains("no such file"));
        Assert.That(() => JsonLines.ReadFile(folder.PathOf(".")).Count(),
            Throws.TypeOf<DataException>().With.Message.Contains("folder"));
    }

    private static JsonLine[] Read(string text) => Read(Encoding.UTF8.GetBytes(text));

    private static JsonLine[] Read(byte[] bytes)
    {
        using MemoryStream stream = new(bytes);
        return [.. JsonLines.Read(stream, "rows.jsonl")];
    }
}
