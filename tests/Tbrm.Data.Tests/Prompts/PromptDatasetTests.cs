using System;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Prompts;
using Tbrm.Data.Tests.Support;

namespace Tbrm.Data.Tests.Prompts;

internal sealed class PromptDatasetTests
{
    private const string Wrapped =
        """Solve the following math problem step by step. The last line of your response should be of the form Answer: $Answer (without quotes) where $Answer is the answer to the problem.\n\nIn triangle $ABC$,\n\nfind $x$.\n\nRemember to put your answer on its own line after \"Answer:\".""";

    [Test]
    public void A_row_of_verl_s_schema_becomes_a_prompt()
    {
        Prompt prompt = Load(
            """{"data_source":"math_dapo","prompt":[{"role":"system","content":"s"},{"role":"user","content":"u"}],"ability":"MATH","reward_model":{"ground_truth":"34","style":"rule"},"extra_info":{"index":"9a9b"}}""")
                .Get(0);

        Assert.That(prompt.DataSource, Is.EqualTo("math_dapo"));
        Assert.That(prompt.Messages,
            Is.EqualTo(new[] { new ChatMessage("system", "s"), new ChatMessage("user", "u") }));
        Assert.That(prompt.GroundTruth.Text, Is.EqualTo("34"));
        Assert.That(prompt.Ability, Is.EqualTo("MATH"));
        Assert.That(prompt.ExtraInfo!.ToJsonString(), Is.EqualTo("""{"index":"9a9b"}"""));
    }

    [TestCase("\"-3\"", "-3")]
    [TestCase("12", "12")]
    [TestCase("12.0", "12")]
    [TestCase("1.5", "1.5")]
    [TestCase("1e3", "1000")]
    [TestCase("123456789012345678901234567890", "123456789012345678901234567890")]
    [TestCase("[\"a\"]", "a")]
    [TestCase("[\"a\",\"é\"]", "[\"a\",\"é\"]")]
    [TestCase("true", "true")]
    public void Ground_truths_of_every_kind_become_text(string json, string text)
    {
        Assert.That(Load($$$"""{"data_source":"d","prompt":"p","reward_model":{"ground_truth":{{{json}}} }}""").Get(0)
            .GroundTruth.Text, Is.EqualTo(text));
    }

    [Test]
    public void Keys_can_be_named()
    {
        PromptOptions options = new() { Keys = new() { Prompt = "q.text", DataSource = "kind", GroundTruth = "gold" } };
        Prompt prompt = Load("""{"kind":"k","q":{"text":"what?"},"gold":1}""", options).Get(0);

        Assert.That((prompt.DataSource, prompt.Messages[0].Content, prompt.GroundTruth.Text),
            Is.EqualTo(("k", "what?", "1")));
    }

    [TestCase("""{"data_source":"d","prompt":[],"reward_model":{"ground_truth":"1"}}""",
        "rows.jsonl:1: 'prompt' is an empty conversation")]
    [TestCase("""{"data_source":"d","prompt":[{"role":"user"}],"reward_model":{"ground_truth":"1"}}""",
        "'prompt'[0].content must be a string, found null")]
    [TestCase("""{"data_source":"d","prompt":7,"reward_model":{"ground_truth":"1"}}""", "must be a list")]
    [TestCase("""{"prompt":"p","reward_model":{"ground_truth":"1"}}""", "no 'data_source'")]
    [TestCase("""{"text":"p"}""", "its keys: text")]
    public void A_row_that_does_not_fit_is_named_with_what_it_has(string row, string message)
    {
        Assert.That(() => Load(row), Throws.TypeOf<DataException>().With.Message.Contains(message));
    }

    [Test]
    public void The_wrapper_of_dapo_is_cut_and_only_on_demand()
    {
        string row =
            $$$"""{"data_source":"math_dapo","prompt":[{"role":"user","content":"{{{Wrapped}}}"}],"reward_model":{"ground_truth":"1"}}""";

        Assert.That(Load(row, new() { Shape = PromptShape.Dapo }).Get(0).Messages[0].Content,
            Is.EqualTo("In triangle $ABC$,\n\nfind $x$."));
        Assert.That(Load(row).Get(0).Messages[0].Content, Does.StartWith("Solve the following"));
    }

    [Test]
    public void Duplicates_filters_and_long_prompts_are_left_out_and_counted()
    {
        string text = string.Join('\n', Enumerable.Range(0, 20).Select(i =>
            $$$"""{"data_source":"{{{(i % 4 == 0 ? "a" : "b")}}}","prompt":"{{{new string('x', 1 + i / 2)}}}","reward_model":{"ground_truth":"{{{i}}}"}}"""));
        PromptOptions options =
            new() { Filters = [RowFilter.Parse("data_source:b")], Deduplicate = true, MaxPromptTokens = 8 };
        PromptDataset data = Load(text, options, prompt => prompt.Messages[0].Content.Length);

        Assert.That(Enumerable.Range(0, (int)data.Count!).Select(i => data.Get(i).Index),
            Is.EqualTo(new long[] { 1, 2, 5, 6, 9, 10, 13, 14 }));
        Assert.That(data.Counts.ToString(),
            Is.EqualTo("read 20, kept 8, dropped 12 (filter 5, duplicate 5, overlong 2, max samples 0)"));
    }

    [Test]
    public void Samples_are_the_first_or_drawn_by_seed_in_order()
    {
        string text = string.Join('\n', Enumerable.Range(0, 100).Select(i =>
            $$$"""{"data_source":"d","prompt":"{{{i}}}","reward_model":{"ground_truth":"1"}}"""));
        PromptDataset first = Load(text, new() { MaxSamples = 10 });
        PromptDataset drawn = Load(text, new() { MaxSamples = 10, MaxSamplesSeed = 3 });
        PromptDataset again = Load(text, new() { MaxSamples = 10, MaxSamplesSeed = 3 });

        Assert.That(Indices(first), Is.EqualTo(Enumerable.Range(0, 10).Select(i => (long)i)));
        Assert.That(first.Counts.Read, Is.EqualTo(10));
        Assert.That(Indices(drawn), Is.Ordered.And.Unique.And.EqualTo(Indices(again)));
        Assert.That(Indices(drawn), Is.Not.EqualTo(Indices(first)));
        Assert.That(drawn.Counts.BeyondMaxSamples, Is.EqualTo(90));
        Assert.That(Load(text, new() { MaxSamples = -1 }).Count, Is.EqualTo(100));
    }

    [Test]
    public void Several_files_are_one_data_set()
    {
        using TemporaryFolder folder = new();
        string a = folder.Write("aime24.jsonl", """{"problem":"p","answer":"007"}""");
        string b = folder.Write("gsm8k.json", """[{"question":"q","answer":"#### 8"}]""");
        PromptDataset data = PromptDataset.Load([a, b], new());

        Assert.That(data.Count, Is.EqualTo(2));
        Assert.That((data.Get(1).DataSource, data.Get(1).GroundTruth.Text, data.Get(1).Index),
            Is.EqualTo(("gsm8k", "8", 1L)));
        Assert.That(() => data.Get(2), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void A_data_set_without_rows_is_an_error()
    {
        Assert.That(() => Load(""), Throws.TypeOf<DataException>().With.Message.Contains("no prompts are left"));
        Assert.That(() => PromptDataset.Load([], new()), Throws.TypeOf<ConfigException>());
    }

    [Test]
    public void A_prompt_written_as_a_row_is_read_as_the_same_prompt()
    {
        Prompt prompt = Load(
            """{"data_source":"d","prompt":"p é","ability":"A","reward_model":{"ground_truth":"1/2"},"extra_info":{"index":4,"level":{"n":1}}}""")
                .Get(0);
        JsonObject row = PromptRow.FromPrompt(prompt);

        Assert.That(row.ToJsonString(), Does.Contain("\"style\":\"rule\""));
        Prompt again = Load(row.ToJsonString()).Get(0);
        Assert.That(JsonNode.DeepEquals(PromptRow.FromPrompt(again), row), Is.True);
    }

    [TestCase(TruncationMode.Left, new[] { 4, 5, 6 })]
    [TestCase(TruncationMode.Right, new[] { 0, 1, 2 })]
    [TestCase(TruncationMode.Middle, new[] { 0, 5, 6 })]
    public void Long_prompts_are_cut_as_verl_cuts_them(TruncationMode mode, int[] expected)
    {
        int[] ids = [0, 1, 2, 3, 4, 5, 6];

        Assert.That(Truncation.Apply(ids, 3, mode), Is.EqualTo(expected));
        Assert.That(Truncation.Apply(ids, 7, mode), Is.EqualTo(ids));
        Assert.That(() => Truncation.Apply(ids, 6, TruncationMode.Error),
            Throws.TypeOf<DataException>().With.Message.Contains("max_prompt_length"));
    }

    private static long[] Indices(PromptDataset data) =>
        [.. Enumerable.Range(0, (int)data.Count!).Select(i => data.Get(i).Index)];

    private static PromptDataset Load(string text, PromptOptions? options = null, Func<Prompt, int>? countTokens = null)
    {
        using TemporaryFolder folder = new();
        return PromptDataset.Load([folder.Write("rows.jsonl", text)], options ?? new(), countTokens);
    }
}
