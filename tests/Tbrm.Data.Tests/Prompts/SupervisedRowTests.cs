using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Prompts;
using Tbrm.Data.Sources;

namespace Tbrm.Data.Tests.Prompts;

/// <summary>Rows that show a model what to say.</summary>
internal sealed class SupervisedRowTests
{
    [TestCase("""{"prompt":"1?","response":[{"type":"text","text":"on"},{"type":"text","text":"e"}]}""",
        "user: 1? => one")]
    [TestCase("""{"prompt":[{"role":"user","content":["a","b"]}],"response":"one"}""", "user: ab => one")]
    [TestCase(
        """{"messages":[{"role":"user","content":[{"type":"text","text":"1"},{"type":"text","text":"?"}]},{"role":"assistant","content":"one","tool_calls":null}]}""",
        "user: 1? assistant: one")]
    [TestCase(
        """{"conversations":[{"from":"gpt","value":"hello"},{"from":"human","value":"1?"},{"from":"gpt","value":"one"}]}""",
        "user: 1? assistant: one")]
    [TestCase(
        """{"conversations":[{"from":"system","value":"s"},{"from":"human","value":"1?"},{"from":"gpt","value":"one"}],"messages":null}""",
        "system: s user: 1? assistant: one")]
    public void Text_is_read_in_every_shape_that_it_comes_in(string row, string expected)
    {
        SupervisedExample example = Read(row);
        Assert.That(example.Unusable, Is.Null);
        string text = string.Join(' ', example.Messages.Select(m => $"{m.Role}: {m.Content}"))
            + (example.Response is null ? "" : " => " + example.Response);
        Assert.That(text, Is.EqualTo(expected));
    }

    [TestCase("""{"prompt":"1?","completion":"one"}""", "user: 1? => one")]
    [TestCase("""{"prompt":[{"role":"user","content":"1?"}],"completion":[{"role":"assistant","content":"one"}]}""",
        "user: 1? assistant: one")]
    [TestCase("""{"prompt":"1?","completion":"[{\"role\": \"assistant\", \"content\": \"one\"}]"}""",
        "user: 1? assistant: one")]
    [TestCase(
        """{"messages":"[{\"role\": \"user\", \"content\": \"1?\"}, {\"role\": \"assistant\", \"content\": \"one\"}]"}""",
        "user: 1? assistant: one")]
    [TestCase(
        """{"messages":[{"role":"user","content":"1?"},{"role":"assistant","content":"","tool_calls":[{"id":"x"}]}],"images":[]}""",
        "user: 1? assistant: ")]
    public void Text_is_read_in_every_shape_that_trl_has(string row, string expected) =>
        Text_is_read_in_every_shape_that_it_comes_in(row, expected);

    [TestCase(
        """[{"role":"user","content":"1?"},{"role":"assistant","content":"a","weight":0},{"role":"user","content":"2?"},{"role":"assistant","content":"b","weight":1}]""",
        "b")]
    [TestCase(
        """[{"role":"user","content":"1?"},{"role":"assistant","content":"a","train":true},{"role":"user","content":"2?","train":true},{"role":"assistant","content":"b","train":false}]""",
        "a")]
    [TestCase(
        """[{"role":"user","content":"1?"},{"role":"assistant","content":"a","loss":false},{"role":"user","content":"2?"},{"role":"assistant","content":"b"}]""",
        "b")]
    [TestCase(
        """[{"role":"user","content":"1?"},{"role":"assistant","content":"a","loss_mask":0.0},{"role":"user","content":"2?"},{"role":"assistant","content":"b","trainable":true}]""",
        "b")]
    [TestCase(
        """[{"from":"human","value":"1?"},{"from":"gpt","value":"a","weight":0},{"from":"human","value":"2?"},{"from":"gpt","value":"b","weight":null}]""",
        "b")]
    [TestCase(
        """[{"role":"user","content":"1?"},{"role":"assistant","content":"a","masked":true},{"role":"user","content":"2?"},{"role":"assistant","content":"b","masked":false}]""",
        "b")]
    public void Turns_that_are_flagged_are_not_learned(string messages, string learned)
    {
        SupervisedExample example = Read($$"""{"messages":{{messages}}}""");

        Assert.That(string.Concat(
            example.Messages.Where((m, i) => m.Role == "assistant" && !example.NotLearned![i]).Select(m => m.Content)),
            Is.EqualTo(learned));
    }

    [Test]
    public void Turns_of_the_prompt_are_not_learned()
    {
        SupervisedExample example = Read(
            """{"prompt":[{"role":"user","content":"1?"},{"role":"assistant","content":"a"},{"role":"user","content":"2?"}],"completion":[{"role":"assistant","content":"b"}]}""");

        Assert.That(example.NotLearned, Is.EqualTo(new[] { false, true, false, false }));
    }

    [TestCase("""{"prompt":"1?","response":"a","id":7,"system":"be brief","tools":[],"empty":null}""", "id,system")]
    [TestCase(
        """{"messages":[{"role":"user","content":"1?"},{"role":"assistant","content":"a"}],"source":"x","documents":[{"text":"t"}]}""",
        "source")]
    [TestCase("""{"question":"1?","answer":"1\n#### 1"}""", "")]
    public void Columns_that_nothing_reads_are_named(string row, string columns) =>
        Assert.That(string.Join(',', Read(row).UnreadColumns), Is.EqualTo(columns));

    [TestCase("0.5")]
    [TestCase("\"yes\"")]
    [TestCase("2")]
    public void A_flag_that_is_neither_yes_nor_no_is_refused(string weight)
    {
        Assert.That(() => Read(
            $$"""{"messages":[{"role":"user","content":"1?"},{"role":"assistant","content":"a","weight":{{weight}}}]}"""),
            Throws.TypeOf<DataException>().With.Message.StartsWith(
                "f.jsonl:3: 'messages'[1].weight is ").And.Message.Contains("expected 0, 1, true or false"));
    }

    [TestCase("""{"messages":[{"role":"user","content":"1?"},{"role":"assistant","content":"a","weight":0}]}""",
        "that is to be learned (weight")]
    [TestCase("""{"messages":[{"role":"user","content":"1?"},{"role":"assistant","content":"a"}],"image":"a.png"}""",
        "'image' holds pictures")]
    [TestCase("""{"prompt":"1?","completion":[{"role":"user","content":"a"}]}""",
        "'completion' has no turn of the assistant")]
    [TestCase("""{"conversations":[{"from":"gpt","value":"hello"}]}""",
        "no turn of the assistant after one of somebody else")]
    [TestCase("""{"messages":[{"role":"user","content":"hello"}]}""", "no turn of the assistant")]
    [TestCase("""{"messages":[{"role":"user","content":"1?"},{"role":"assistant","content":null}]}""",
        "'messages'[1] has no content")]
    [TestCase(
        """{"messages":[{"role":"user","content":[{"type":"image","url":"x"},{"type":"text","text":"?"}]},{"role":"assistant","content":"a cat"}]}""",
        "'messages'[0] has parts that are no text")]
    [TestCase("""{"prompt":[{"role":"user","content":null}],"response":"one"}""", "'prompt'[0] has no content")]
    [TestCase("""{"prompt":"1?","response":null}""", "'response' is null")]
    [TestCase("""{"prompt":"1?","response":[{"type":"audio"}]}""", "'response' has parts that are no text")]
    public void What_cannot_be_learned_says_why_and_is_no_error(string row, string why)
    {
        Assert.That(Read(row).Unusable, Does.StartWith("f.jsonl:3: ").And.Contain(why));
    }

    [TestCase("""{"prompt":"1?","answer":"one"}""", "sft.response_key")]
    [TestCase("""{"prompt":"1?","response":2}""", "found a number")]
    [TestCase("""{"messages":"hello"}""", "must be a list")]
    [TestCase("""{"messages":[{"role":"user","content":7},{"role":"assistant","content":"one"}]}""",
        "'messages'[0].content must be a string, found a number")]
    [TestCase("""{"messages":[{"content":"1?"},{"role":"assistant","content":"one"}]}""",
        "'messages'[0].role must be a string")]
    [TestCase("""{"messages":["1?","one"]}""", "'messages'[0].role must be a string")]
    [TestCase("""{"messages":[]}""", "empty conversation")]
    public void Another_shape_is_an_error_with_its_place(string row, string why)
    {
        Assert.That(() => Read(row),
            Throws.TypeOf<DataException>().With.Message.StartsWith("f.jsonl:3: ").And.Message.Contains(why));
    }

    /// <summary>The prompt is the one that training makes of the row, so that it asks what was shown.</summary>
    [TestCase(true, "1 + 1? Let's think step by step and output the final answer after \"####\".")]
    [TestCase(false, "1 + 1?")]
    public void A_row_of_gsm8k_shows_its_working_after_the_prompt_of_training(bool asksForm, string prompt)
    {
        const string row = """{"question":"1 + 1?","answer":"1 + 1 = <<1+1=2>>2\n#### 2"}""";
        SupervisedExample example = Read(row, new() { AsksGsm8kForm = asksForm });
        Prompt trained = PromptRow.ToPrompt(Source(row), "f.jsonl", 0, new() { AsksGsm8kForm = asksForm });
        Assert.That(example.Messages.Single().Content,
            Is.EqualTo(prompt).And.EqualTo(trained.Messages.Single().Content));
        Assert.That(example.Response, Is.EqualTo("1 + 1 = <<1+1=2>>2\n#### 2"));
    }

    private static SourceRow Source(string row) => new((JsonObject)JsonNode.Parse(row)!, "f.jsonl:3");

    private static SupervisedExample Read(string row, SupervisedKeys? keys = null) =>
        SupervisedRow.Read(Source(row), keys ?? new());
}
