using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Prompts;

namespace Tbrm.Data.Tests.Prompts;

/// <summary>Conversations are read alike for reinforcement (prompt) and for supervision (messages).</summary>
internal sealed class ConversationTests
{
    private const string Call =
        """[{"type":"function","function":{"name":"f","arguments":{"city":"Ulm","days":null}}}]""";

    [TestCase("\"1+2\"", "user: 1+2")]
    [TestCase("""[{"role":"user","content":"1+2"}]""", "user: 1+2")]
    [TestCase("""[{"role":"user","content":[{"type":"text","text":"1+2"},{"type":"text","text":"=?"}]}]""",
        "user: 1+2=?")]
    [TestCase("""[{"role":"user","content":[{"type":"text","text":"1+2","image":null},"=?"]}]""", "user: 1+2=?")]
    [TestCase("""[{"from":"system","value":"s"},{"from":"human","value":"1+2"}]""", "system: s|user: 1+2")]
    [TestCase("""[{"role":"developer","content":"s"},{"role":"user","content":"1+2"}]""", "developer: s|user: 1+2")]
    [TestCase(""" "[{\"role\": \"system\", \"content\": \"s\"}, {\"role\": \"user\", \"content\": \"1+2\"}]" """,
        "system: s|user: 1+2")]
    [TestCase(""" "[{\"from\": \"human\", \"value\": \"1+2\"}]" """, "user: 1+2")]
    [TestCase(""" "[{\"role\": \"user\"}]" """, "user: [{\"role\": \"user\"}]")]
    [TestCase(""" "[1, 2]" """, "user: [1, 2]")]
    [TestCase(""" "[{x}]" """, "user: [{x}]")]
    public void Every_form_is_the_same_messages(string json, string expected)
    {
        Assert.That(string.Join('|', Read(json).Select(m => $"{m.Role}: {m.Content}")), Is.EqualTo(expected));
    }

    [Test]
    public void Other_fields_are_kept_and_nulls_at_the_top_are_not_there()
    {
        ChatMessage message = Read(
            $$"""[{"role":"assistant","content":null,"tool_calls":{{Call}},"name":null,"reasoning_content":"hm"}]""")[0];

        Assert.That(message.Content, Is.Empty);
        Assert.That(message.Fields,
            Is.EqualTo($$"""{"tool_calls":{{Call}},"reasoning_content":"hm","content":null}"""));
        Assert.That(message.TextField("reasoning_content"), Is.EqualTo("hm"));
    }

    [Test]
    public void A_file_with_one_schema_fills_structs_with_nulls_which_are_not_there_either()
    {
        ChatMessage message = Read($$"""[{"role":"assistant","content":"","tool_calls":{{Call}}}]""",
            isColumnar: true)[0];

        Assert.That(message.Field("tool_calls")!.ToJsonString(),
            Is.EqualTo("""[{"type":"function","function":{"name":"f","arguments":{"city":"Ulm"}}}]"""));
    }

    [TestCase(
        """[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"?"}]}]""",
        "'prompt'[0] has parts that are no text (image_url)", "'prompt' has parts that are no text (image_url)")]
    [TestCase("""[{"role":"user","content":[{"type":"input_audio"}]}]""",
        "'prompt'[0] has parts that are no text (input_audio)", "'prompt' has parts that are no text (input_audio)")]
    [TestCase("""[{"role":"user","content":"?"},{"role":"user","content":"?","images":["aGk="]}]""",
        "'prompt'[1] has a picture, audio or video: 'images' holds", null)]
    [TestCase("""[{"role":"user","content":null}]""", "'prompt'[0] has no content", "'prompt' has no content")]
    [TestCase("""[{"role":"assistant","content":null,"tool_calls":[]}]""", "'prompt'[0] has no content",
        "'prompt' has no content")]
    public void What_a_model_of_text_cannot_see_leaves_the_row_out_and_is_counted_by_name(string json, string message,
        string? reason)
    {
        LeftOutException e = Assert.Throws<LeftOutException>(() => Read(json))!;

        Assert.That(e.Message, Does.StartWith("f.jsonl:3: " + message));
        Assert.That(reason is null || e.Reason == reason, Is.True, e.Reason);
    }

    [TestCase("7", "must be a list")]
    [TestCase("[]", "empty conversation")]
    [TestCase("""[{"role":"user","content":7}]""", "'prompt'[0].content must be a string, found a number")]
    [TestCase("""[{"content":"x"}]""", "'prompt'[0].role must be a string")]
    [TestCase(""" "[{'role': 'user', 'content': '1+2'}]" """, "as Python prints it")]
    public void What_is_no_conversation_is_an_error_with_its_place(string json, string message)
    {
        Assert.That(() => Read(json),
            Throws.TypeOf<DataException>().With.Message.StartsWith("f.jsonl:3: ").And.Message.Contains(message));
    }

    [TestCase("""{"tools":[{"name":"f"}],"chat_template_kwargs":{"enable_thinking":false}}""",
        """{"enable_thinking":false,"tools":[{"name":"f"}]}""")]
    [TestCase("""{"tools":"[{\"name\":\"f\"}]","documents":[]}""", """{"tools":[{"name":"f"}]}""")]
    [TestCase("""{"tools":["{\"name\":\"f\"}"],"chat_template_kwargs":"{\"k\": 1}"}""",
        """{"k":1,"tools":[{"name":"f"}]}""")]
    [TestCase("""{"tools":null,"documents":"","chat_template_kwargs":{}}""", "{}")]
    public void Columns_that_a_template_sees_become_its_variables(string row, string expected)
    {
        Assert.That(RowVariables.Read((JsonObject)JsonNode.Parse(row)!, "f.jsonl:3", isColumnar: false).Json,
            Is.EqualTo(expected));
    }

    [TestCase("""{"tools":"f"}""", "'tools' must be a list")]
    [TestCase("""{"tools":{"name":"f"}}""", "'tools' must be a list, found an object")]
    [TestCase("""{"chat_template_kwargs":[1]}""", "'chat_template_kwargs' must be an object")]
    public void Columns_of_another_kind_are_errors(string row, string message)
    {
        Assert.That(() => RowVariables.Read((JsonObject)JsonNode.Parse(row)!, "f.jsonl:3", isColumnar: false),
            Throws.TypeOf<DataException>().With.Message.StartsWith("f.jsonl:3: ").And.Message.Contains(message));
    }

    [TestCase("""{"images":[{"bytes":"aGk="}]}""", "images")]
    [TestCase("""{"image":{"bytes":null,"path":"a.png"}}""", "image")]
    [TestCase("""{"image_2":"a.png"}""", "image_2")]
    [TestCase("""{"decoded_image":{"bytes":"aGk=","path":null}}""", "decoded_image")]
    [TestCase("""{"figure":{"bytes":"aGk=","path":null}}""", "figure")]
    [TestCase("""{"clips":[{"bytes":"aGk=","path":"x.wav","sampling_rate":16000}]}""", "clips")]
    [TestCase("""{"videos":["v.mp4"]}""", "videos")]
    [TestCase("""{"audio_path":"x.wav"}""", "audio_path")]
    [TestCase("""{"multi_modal_data":{"image":["x"]}}""", "multi_modal_data")]
    public void Pictures_audio_and_video_are_known_by_name_or_form(string row, string column)
    {
        Assert.That(MediaColumns.Problem((JsonObject)JsonNode.Parse(row)!), Does.StartWith($"'{column}' holds"));
    }

    [TestCase("""{"images":[],"image":null,"video":"","audio":{"bytes":null,"path":null}}""")]
    [TestCase("""{"images":[null],"image":0,"has_image":true,"image_id":"7","imagery":"x","videography":"y"}""")]
    [TestCase("""{"file":{"path":"a.txt","size":3}}""")]
    public void Empty_columns_and_other_names_hold_none(string row)
    {
        Assert.That(MediaColumns.Problem((JsonObject)JsonNode.Parse(row)!), Is.Null);
    }

    private static System.Collections.Generic.IReadOnlyList<ChatMessage> Read(string json, bool isColumnar = false) =>
        Conversation.Read(JsonNode.Parse(json)!, "prompt", "f.jsonl:3", isColumnar, isSupervised: true);
}
