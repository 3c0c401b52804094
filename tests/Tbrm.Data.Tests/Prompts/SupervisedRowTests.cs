using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core;

namespace Tbrm.Data.Tests;

/// <summary>Rows that show a model what to say.</summary>
internal sealed class SupervisedRowTests
{
    [TestCase("""{"prompt":"1?","response":[{"type":"text","text":"on"},{"type":"text","text":"e"}]}""", "user: 1? => one")]
    [TestCase("""{"prompt":[{"role":"user","content":["a","b"]}],"response":"one"}""", "user: ab => one")]
    [TestCase("""{"messages":[{"role":"user","content":[{"type":"text","text":"1"},{"type":"text","text":"?"}]},{"role":"assistant","content":"one","tool_calls":null}]}""", "user: 1? assistant: one")]
    [TestCase("""{"conversations":[{"from":"gpt","value":"hello"},{"from":"human","value":"1?"},{"from":"gpt","value":"one"}]}""", "user: 1? assistant: one")]
    [TestCase("""{"conversations":[{"from":"system","value":"s"},{"from":"human","value":"1?"},{"from":"gpt","value":"one"}],"messages":null}""", "system: s user: 1? assistant: one")]
    public void Text_is_read_in_every_shape_that_it_comes_in(string row, string expected)
    {
        SupervisedExample example = Read(row);
        Assert.That(example.Unusable, Is.Null);
        string text = string.Join(' ', example.Messages.Select(m => $"{m.Role}: {m.Content}")) + (example.Response is null ? "" : " => " + example.Response);
        Assert.That(text, Is.EqualTo(expected));
    }

    [TestCase("""{"conversations":[{"from":"gpt","value":"hello"}]}""", "no turn of the assistant after one of somebody else")]
    [TestCase("""{"messages":[{"role":"user","content":"hello"}]}""", "no turn of the assistant")]
    [TestCase("""{"messages":[{"role":"user","content":"1?"},{"role":"assistant","content":null}]}""", "'messages'[1] has no content")]
    [TestCase("""{"messages":[{"role":"user","content":"1?"},{"role":"assistant","content":"","tool_calls":[{"id":"x"}]}]}""", "'messages'[1] calls a tool")]
    [TestCase("""{"messages":[{"role":"user","content":[{"type":"image","url":"x"},{"type":"text","text":"?"}]},{"role":"assistant","content":"a cat"}]}""", "'messages'[0] has parts that are no text")]
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
    [TestCase("""{"messages":[{"role":"user","content":7},{"role":"assistant","content":"one"}]}""", "'messages'[0].content must be a string, found a number")]
    [TestCase("""{"messages":[{"content":"1?"},{"role":"assistant","content":"one"}]}""", "'messages'[0].role must be a string")]
    [TestCase("""{"messages":["1?","one"]}""", "'messages'[0].role must be a string")]
    [TestCase("""{"messages":[]}""", "empty conversation")]
    public void Another_shape_is_an_error_with_its_place(string row, string why)
    {
        Assert.That(() => Read(row), Throws.TypeOf<DataException>().With.Message.StartsWith("f.jsonl:3: ").And.Message.Contains(why));
    }

    private static SupervisedExample Read(string row) => SupervisedRow.Read(new((JsonObject)JsonNode.Parse(row)!, "f.jsonl:3"), new());
}
