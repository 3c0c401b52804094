using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Json;
using Tbrm.Data.Prepare;
using Tbrm.Data.Prompts;
using Tbrm.Data.Tests.Support;

namespace Tbrm.Data.Tests.Prepare;

internal sealed class DataPreparerTests
{
    private const string Rows = """
        {"data_source":"a","prompt":[{"role":"user","content":"p1"}],"ability":"MATH","reward_model":{"style":"rule","ground_truth":"1"},"extra_info":{"index":"x-1","level":3}}
        {"data_source":"b","prompt":[{"role":"user","content":"p2"}],"ability":"MATH","reward_model":{"style":"rule","ground_truth":"2"},"extra_info":{"index":7}}
        {"data_source":"a","prompt":[{"role":"user","content":"p1"}],"ability":"MATH","reward_model":{"style":"rule","ground_truth":"1"}}
        {"data_source":"a","prompt":[{"role":"system","content":"s"},{"role":"user","content":"p3"}],"ability":"MATH","reward_model":{"style":"rule","ground_truth":"3"}}
        """;

    [TestCase("out.jsonl", null)]
    [TestCase("out.parquet", null)]
    [TestCase("out.anything", "parquet")]
    public void What_is_prepared_is_read_as_the_same_prompts(string name, string? format)
    {
        using TemporaryFolder folder = new();
        string input = folder.Write("in.jsonl", Rows), output = folder.PathOf(name);
        PromptCounts counts =
            DataPreparer.Prepare([input], output, DataPreparer.ParseFormat(format, output),
            new() { Deduplicate = true, Filters = [RowFilter.Parse("data_source:a|extra_info.index:7")] },
            CancellationToken.None);
        PromptDataset expected = PromptDataset.Load([input], new() { Deduplicate = true });
        PromptDataset actual = PromptDataset.Load([output], new());

        Assert.That(counts.ToString(),
            Is.EqualTo("read 4, kept 3, dropped 1 (filter 0, duplicate 1, overlong 0, max samples 0)"));
        Assert.That(actual.Count, Is.EqualTo(3));
        for (int i = 0; i < 3; i++)
        {
            Prompt left = actual.Get(i), right = expected.Get(i);
            Assert.That((left.DataSource, left.GroundTruth, left.Ability),
                Is.EqualTo((right.DataSource, right.GroundTruth, right.Ability)));
            Assert.That(left.Messages, Is.EqualTo(right.Messages));
        }

        Assert.That((string?)actual.Get(0).ExtraInfo!["index"], Is.EqualTo("x-1"));
        Assert.That((int)actual.Get(1).ExtraInfo!["index"]!, Is.EqualTo(7));
        Assert.That((int)actual.Get(2).ExtraInfo!["index"]!, Is.EqualTo(3), "a row without an index gets its number");
    }

    [Test]
    public void Nothing_is_written_when_nothing_is_left_or_a_row_is_bad()
    {
        using TemporaryFolder folder = new();
        string output = folder.PathOf("out.jsonl");
        string good = folder.Write("good.jsonl", Rows), bad = folder.Write("bad.jsonl", Rows + "\n{\"x\":");

        Assert.That(() => Prepare(good, output, new() { Filters = [RowFilter.Parse("data_source:none")] }),
            Throws.TypeOf<DataException>().With.Message.Contains("no prompts are left"));
        Assert.That(() => Prepare(bad, output, new()),
            Throws.TypeOf<DataException>().With.Message.Contains("bad.jsonl:5"));
        Assert.That(Directory.GetFiles(folder.PathOf("")).Select(Path.GetFileName),
            Is.EquivalentTo(new[] { "good.jsonl", "bad.jsonl" }));
    }

    [Test]
    public void Samples_drawn_by_seed_keep_their_order()
    {
        using TemporaryFolder folder = new();
        string input = folder.Write("in.jsonl",
            string.Join('\n', Enumerable.Range(0, 50).Select(i => $$"""{"problem":"p{{i}}","answer":"{{i}}"}""")));
        PromptCounts counts = Prepare(input, folder.PathOf("out.jsonl"), new() { MaxSamples = 5, MaxSamplesSeed = 1 });
        int[] golds = [.. JsonLines.ReadFile(folder.PathOf("out.jsonl"))
            .Select(row => int.Parse((string)row.Row["reward_model"]!["ground_truth"]!, null))];

        Assert.That(golds, Has.Length.EqualTo(5).And.Ordered);
        Assert.That(counts.Kept, Is.EqualTo(5));
    }

    [TestCase("rows.jsonl")]
    [TestCase("rows.parquet")]
    public void Inspection_gives_the_rows_exactly_or_a_description(string name)
    {
        using TemporaryFolder folder = new();
        string source = folder.Write("in.jsonl", Rows), path = folder.PathOf(name);
        Prepare(source, path, new());
        string[] expected = [.. PromptDatasetRows(source)];
        using MemoryStream output = new();
        new FileInspector(path, null).WriteRows(output, head: 2, CancellationToken.None);
        string[] lines = Encoding.UTF8.GetString(output.ToArray()).Split('\n');
        using MemoryStream projected = new();
        new FileInspector(path, ["reward_model.ground_truth"]).WriteRows(projected, head: null, CancellationToken.None);

        Assert.That(lines, Has.Length.EqualTo(3));
        Assert.That(lines[2], Is.Empty);
        Assert.That((string?)JsonNode.Parse(lines[1])!["prompt"]![0]!["content"], Is.EqualTo(expected[1]));
        Assert.That(Encoding.UTF8.GetString(projected.ToArray()), Does.Contain("\"1\"").And.Not.Contain("p1"));
        Assert.That(new FileInspector(path, null).Describe(1, readsAll: true, CancellationToken.None),
            Does.Contain("4 rows").And.Contain("reward_model").And.Contain("row 0").And.Not.Contain("row 1"));
    }

    [Test]
    public void Inspection_of_the_first_rows_reads_no_further()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("rows.jsonl", """
            {"a":1}
            {"a":2}
            broken
            """);
        FileInspector inspector = new(path, null);
        using System.IO.MemoryStream output = new();
        inspector.WriteRows(output, 2, CancellationToken.None);
        Assert.That(inspector.Describe(2, readsAll: false, CancellationToken.None),
            Does.Contain("JSONL, the first 2 rows").And.Contain("a: number").And.Contain("row 1"));
        Assert.That(Encoding.UTF8.GetString(output.ToArray()), Is.EqualTo("{\"a\":1}\n{\"a\":2}\n"));
        Assert.That(() => inspector.Describe(2, readsAll: true, CancellationToken.None),
            Throws.TypeOf<DataException>().With.Message.Contains("rows.jsonl:3"));
        Assert.That(() => new FileInspector(folder.Write("short.jsonl", "{\"a\":1}"), ["b"])
            .WriteRows(output, 2, CancellationToken.None),
            Throws.TypeOf<DataException>().With.Message.Contains("no column 'b'"));
    }

    [Test]
    public void A_column_that_no_row_has_is_named()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("in.jsonl", """{"a":1}""" + "\n" + """{"a":2,"b":{"c":null}}""");
        using MemoryStream output = new();

        Assert.That(
            () => new FileInspector(path, ["a", "b.d"]).WriteRows(output, head: null, CancellationToken.None),
            Throws.TypeOf<DataException>().With.Message.Contains("no column 'b.d'; there are a, b"));
        new FileInspector(path, ["b.c"]).WriteRows(output, head: 1, CancellationToken.None);
        Assert.That(Encoding.UTF8.GetString(output.ToArray()), Is.EqualTo("""{"b.c":null}""" + "\n"));
    }

    [TestCase("")]
    [TestCase("version https://git-lfs.github.com/spec/v1\n")]
    public void A_file_called_parquet_that_is_none_is_refused(string content)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("train.parquet", content);

        Assert.That(() => new FileInspector(path, null),
            Throws.TypeOf<DataException>().With.Message.Contains("train.parquet: not a valid Parquet file"));
    }

    private static System.Collections.Generic.IEnumerable<string> PromptDatasetRows(string path)
    {
        PromptDataset data = PromptDataset.Load([path], new());
        return Enumerable.Range(0, (int)data.Count!).Select(i => data.Get(i).Messages[0].Content);
    }

    private static PromptCounts Prepare(string input, string output, PromptOptions options)
    {
        return DataPreparer.Prepare([input], output, DataPreparer.ParseFormat(null, output), options,
            CancellationToken.None);
    }
}
