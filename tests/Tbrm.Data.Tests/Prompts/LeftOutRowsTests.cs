using System.Linq;
using System.Text.Json.Nodes;
using System.Threading;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Prepare;
using Tbrm.Data.Prompts;
using Tbrm.Data.Tests.Support;

namespace Tbrm.Data.Tests.Prompts;

/// <summary>Rows that cannot be used, answers that are none, and what a file says of itself, from the file to the
/// prompt.</summary>
internal sealed class LeftOutRowsTests
{
    [Test]
    public void Rows_with_pictures_and_without_answers_are_left_out_and_counted_by_name()
    {
        PromptDataset data = Load("rows.jsonl", """
            {"problem":"p1","answer":"proof"}
            {"problem":"p2","answer":"notfound"}
            {"problem":"p3","answer":"NaN"}
            {"problem":"p4","answer":"2"}
            {"problem":"p5","answer":"2","image":{"bytes":"aGk=","path":null}}
            {"problem":"p6","answer":"2","images":[]}
            {"problem":"p7","answer":""}
            {"problem":"p8","answer":["1","notfound"]}
            {"problem":"p9","answer":"\\text{none}"}
            """);

        Assert.That(Enumerable.Range(0, (int)data.Count!).Select(i => data.Get(i).Messages[0].Content),
            Is.EqualTo(new[] { "p4", "p6", "p9" }));
        Assert.That(data.Counts.LeftOut.Total, Is.EqualTo(6));
        Assert.That(data.Counts.ToString(),
            Does.StartWith("read 9, kept 3, dropped 6 (filter 0, duplicate 0, overlong 0, max samples 0, unusable 6)"));
        Assert.That(data.Counts.Notes(),
            Does.Contain("1: 'answer' is 'proof', which is no answer").And.Contain(
            "2: 'answer' is 'notfound'").And.Contain("'image' holds pictures").And.Contain("rows.jsonl:1"));
    }

    [TestCase("""{"problem":"p","answer":"2","image_filename":"a.png"}""", "'image_filename' holds")]
    [TestCase("""{"problem":"p","answer":"2","gt_img":"data:image/png;base64,aGk="}""", "'gt_img' holds")]
    [TestCase("""{"problem":"p","answer":"2","chartImage":["charts/1.jpg"]}""", "'chartImage' holds")]
    [TestCase("""{"problem":"p","answer":"2","figure":{"src":"https://x.org/f.svg?v=1"}}""", "'figure' holds")]
    [TestCase("""{"problem":"<image>\nHow many?","answer":"2"}""",
        "place of a picture, audio or video in its text (<image>)")]
    [TestCase("""{"problem":"In <image 1>, how many?","answer":"2"}""", "(<image 1>)")]
    [TestCase("""{"problem":"How many? <|vision_start|><|image_pad|><|vision_end|>","answer":"2"}""",
        "(<|vision_start|>)")]
    [TestCase(
        """{"data_source":"d","prompt":[{"role":"user","content":[{"type":"text","text":"Count.","image":"a.png"}]}],"reward_model":{"ground_truth":"2"}}""",
        "parts that are no text")]
    [TestCase(
        """{"data_source":"d","prompt":[{"role":"user","content":"How many?","input_image":"a.png"}],"reward_model":{"ground_truth":"2"}}""",
        "'input_image' holds")]
    public void Media_are_found_under_other_names_in_parts_and_by_their_tokens(string row, string why) =>
        Assert.That(() => Load("rows.jsonl", row), Throws.TypeOf<DataException>().With.Message.Contains(why));

    [TestCase(
        """{"problem":"p","answer":"2","figures":"12 and 13","has_image":false,"num_frames":3,"media":"print"}""")]
    [TestCase("""{"problem":"Write <image href='a.png'></image> once.","answer":"2","audio_language":"en"}""")]
    [TestCase(
        """{"problem":"Is 3 <image of f> 4? Use <video> with a source.","answer":"2","configure":"x.png","image_count":"two"}""")]
    public void Words_that_look_like_media_are_none(string row) =>
        Assert.That(Load("rows.jsonl", row).Count, Is.EqualTo(1));

    [Test]
    public void A_task_s_own_answers_are_never_taken_for_none()
    {
        PromptDataset data = Load("rows.jsonl",
            """{"data_source":"reasoning_gym/x","prompt":"p","reward_model":{"ground_truth":"None"}}""");

        Assert.That(data.Get(0).GroundTruth.Text, Is.EqualTo("None"));
    }

    [Test]
    public void Where_nothing_is_left_the_reasons_are_the_error()
    {
        Assert.That(() => Load("rows.jsonl", """{"problem":"p1","answer":"proof"}"""),
            Throws.TypeOf<DataException>().With.Message.Contains("'proof'"));
    }

    [Test]
    public void Where_every_row_must_be_answered_such_a_row_is_an_error()
    {
        Assert.That(() => Load("rows.jsonl", """{"prompt":"p","images":["x"]}""", new() { NeedsAnswer = false }),
            Throws.InstanceOf<DataException>().With.Message.Contains("rows.jsonl:1: 'images' holds"));
    }

    [Test]
    public void Columns_that_nothing_reads_are_named()
    {
        PromptDataset data = Load("rows.jsonl",
            """{"data_source":"d","prompt":"p","reward_model":{"style":"rule","ground_truth":"1"},"extra_info":{},"level":3,"solution":"s","tools":null,"empty":null,"kind":"a"}""",
            new() { Filters = [RowFilter.Parse("kind:a")] });

        Assert.That(data.Counts.Notes(), Is.EqualTo("columns that nothing reads: level, solution"));
    }

    [TestCase("aime_2024/data/train-00000-of-00001.jsonl", "aime24", "33")]
    [TestCase("datasets--HuggingFaceH4--aime_2024/snapshots/0a1b/data/train.jsonl", "aime24", "33")]
    [TestCase("math-ai/aime25/default/test/0000.jsonl", "aime25", "33")]
    [TestCase("owner/AMC_2023/main/x/y.jsonl", "amc23", "033")]
    [TestCase("HuggingFaceH4/MATH-500/default/x.jsonl", "math500", "033")]
    [TestCase("aimed/damco/grammar/x.jsonl", "math", "033")]
    public void The_benchmark_is_looked_up_along_the_whole_path(string path, string dataSource, string answer)
    {
        Prompt prompt = Load(path, """{"problem":"p","answer":"033"}""").Get(0);

        Assert.That((prompt.DataSource, prompt.GroundTruth.Text), Is.EqualTo((dataSource, answer)));
    }

    [TestCase(
        """{"problem":"p","answer":"033","url":"https://artofproblemsolving.com/wiki/index.php/2024_AIME_I_Problems/Problem_1"}""",
        "aime24", "33")]
    [TestCase("""{"problem":"p","answer":"033","source":"HuggingFaceH4/aime_2025"}""", "aime25", "33")]
    [TestCase("""{"ID":"2024-II-4","Problem":"p","Answer":"033"}""", "aime24", "33")]
    [TestCase("""{"problem":"p","answer":"033","subject":"Algebra","level":5,"unique_id":"test/algebra/1.json"}""",
        "math500", "033")]
    [TestCase("""{"question":"p","answer":"so\n#### 1,033","source":"amc"}""", "gsm8k", "1033")]
    [TestCase("""{"prompt":"p","reward_model":{"ground_truth":"033"},"source":"aime24"}""", "aime24", "33")]
    public void The_rows_say_it_where_the_name_does_not(string row, string dataSource, string answer)
    {
        Prompt prompt = Load("train-00000-of-00001.jsonl", row).Get(0);

        Assert.That((prompt.DataSource, prompt.GroundTruth.Text), Is.EqualTo((dataSource, answer)));
    }

    [TestCase("aime_2024", "\"033\"", "\"33\"")]
    [TestCase("math-ai/aime25", "\"033\"", "\"33\"")]
    [TestCase("aime", "[\"033\",\"007\"]", "[\"33\",\"7\"]")]
    [TestCase("aime", "33.0", "33.0")]
    [TestCase("AMC23", "\"27.0\"", "\"27\"")]
    [TestCase("openai/gsm8k", "\"so it is\\n#### 1,200\"", "\"1200\"")]
    [TestCase("openai/gsm8k", "\"1,200\"", "\"1200\"")]
    [TestCase("openai/gsm8k", "\"1,2\"", "\"1,2\"")]
    [TestCase("Hothan/OlympiadBench", "\"$2$\"", "\"2\"")]
    [TestCase("mine", "\"033\"", "\"033\"")]
    public void Rows_of_verl_s_schema_get_the_same_rules_for_answers(string dataSource, string answer, string expected)
    {
        Prompt prompt = Load("rows.jsonl",
            $$$"""{"data_source":"{{{dataSource}}}","prompt":"p","reward_model":{"ground_truth":{{{answer}}} }}""")
                .Get(0);

        Assert.That((prompt.DataSource, prompt.GroundTruth.ToJson().ToJsonString()),
            Is.EqualTo((dataSource, expected)));
    }

    [TestCase("out.jsonl")]
    [TestCase("out.parquet")]
    public void Everything_that_a_template_sees_survives_preparation(string name)
    {
        const string rows = """
            {"data_source":"d","prompt":[{"role":"user","content":"1?"},{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},{"role":"tool","content":"2","tool_call_id":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"chat_template_kwargs":{"enable_thinking":false},"reward_model":{"ground_truth":["11","12"]}}
            {"data_source":"d","prompt":[{"role":"user","content":"1?","name":"n"}],"tools":[{"type":"function","function":{"name":"g","parameters":{"type":"object"}}}],"reward_model":{"ground_truth":["3"]}}
            {"data_source":"d","prompt":[{"role":"user","content":"1?"}],"reward_model":{"ground_truth":["4"]}}
            """;
        using TemporaryFolder folder = new();
        string input = folder.Write("in.jsonl", rows), output = folder.PathOf(name);
        DataPreparer.Prepare([input], output, DataPreparer.ParseFormat(null, output), new() { Deduplicate = true },
            CancellationToken.None);
        PromptDataset expected = PromptDataset.Load([input], new()), actual = PromptDataset.Load([output], new());

        Assert.That(actual.Count, Is.EqualTo(3), "the same question with other tools is another prompt");
        for (int i = 0; i < 3; i++)
        {
            Assert.That(JsonNode.DeepEquals(
                PromptRow.FromPrompt(actual.Get(i))["prompt"], PromptRow.FromPrompt(expected.Get(i))["prompt"]),
                Is.True, PromptRow.FromPrompt(actual.Get(i)).ToJsonString());
            Assert.That(JsonNode.DeepEquals(actual.Get(i).Variables.ToObject(), expected.Get(i).Variables.ToObject()),
                Is.True);
            Assert.That(actual.Get(i).GroundTruth, Is.EqualTo(expected.Get(i).GroundTruth));
        }
    }

    [Test]
    public void Extra_info_that_was_written_as_text_is_the_object()
    {
        Prompt prompt = Load("rows.jsonl",
            """{"data_source":"d","prompt":"p","reward_model":{"ground_truth":"1"},"extra_info":"{\"index\": 7}"}""")
                .Get(0);

        Assert.That(prompt.ExtraInfo!.ToJsonString(), Is.EqualTo("""{"index":7}"""));
    }

    private static PromptDataset Load(string name, string rows, PromptOptions? options = null)
    {
        using TemporaryFolder folder = new();
        return PromptDataset.Load([folder.Write(name, rows)], options ?? new());
    }
}
