using System.IO;
using System.Linq;
using System.Text.Json;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Text.Chat;
using Tbrm.Text.Tests.Tokenizers;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Text.Tests.Chat;

public sealed class ChatTests
{
    private static readonly ChatMessage[] s_question = [new("user", "1+1?")];

    [Test]
    public void Qwen_math_is_the_prompt_of_its_evaluation()
    {
        Assert.That(
            PromptTemplate.Create("qwen-math").Render(s_question),
            Is.EqualTo(
                "<|im_start|>system\nPlease reason step by step, and put your final answer within "
                    + "\\boxed{}.<|im_end|>\n"
                + "<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n"));
    }

    [Test]
    public void Deepseek_r1_is_the_prompt_of_its_paper()
    {
        string prompt = PromptTemplate.Create("deepseek-r1").Render(s_question);
        Assert.That(prompt, Does.StartWith("A conversation between User and Assistant."));
        Assert.That(prompt, Does.EndWith("<answer> answer here </answer>. User: 1+1? Assistant:"));
    }

    [Test]
    public void An_instruction_goes_to_the_end_of_the_last_question()
    {
        ChatMessage[] messages = [new("user", "a"), new("assistant", "b"), new("user", "c")];
        Assert.That(
            PromptTemplate.Create("qwen-math", appendInstruction: "qwen-math").Render(messages),
            Does.Contain("user\na<|im_end|>").And.Contain(
                "user\nc\nPlease reason step by step, and put your final answer within \\boxed{}.<|im_end|>"));
        Assert.That(PromptTemplate.Create("qwen-math", appendInstruction: "Be brief.").Render(messages),
            Does.Contain("user\nc\nBe brief.<|im_end|>"));
    }

    [Test]
    public void An_unknown_name_is_named_with_the_known_ones()
    {
        Assert.That(() => PromptTemplate.Create("qwen"),
            Throws.TypeOf<ConfigException>().With.Message.Contains("qwen-math"));
    }

    [Test]
    public void A_folder_gives_its_special_tokens_and_every_key_of_a_row_to_the_template()
    {
        ChatTemplate template = Load("{\"eos_token\":{\"content\":\"</s>\"},\"bos_token\":\"<s>\",\"chat_template\":"
            + "\"{{ bos_token }}{{ messages[0].content }}{{ extra }}{{ tools is none }}{{ documents is none }}{{ "
            + "add_generation_prompt }}{{ eos_token }}\"}");
        Assert.That(Render(template, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"extra\":[1]}"),
            Is.EqualTo("<s>x[1]TrueTrueFalse</s>"));
    }

    [Test]
    public void Named_templates_are_chosen_by_tools_and_by_name()
    {
        ChatTemplate template =
            Load(
            "{\"chat_template\":[{\"name\":\"default\",\"template\":\"d\"},{\"name\":\"tool_use\",\"template\":\"t\"},"
            + "{\"name\":\"rag\",\"template\":\"r\"}]}");
        Assert.That(Render(template, "{\"messages\":[]}"), Is.EqualTo("d"));
        Assert.That(Render(template, "{\"messages\":[],\"tools\":[{}]}"), Is.EqualTo("t"));
        Assert.That(Render(template, "{\"messages\":[],\"chat_template\":\"rag\"}"), Is.EqualTo("r"));
    }

    [TestCase("a  ", "{% for m in messages %}<{{ m.content }}>{% endfor %}", "<a  ")]
    [TestCase("a  ", "{% for m in messages %}<{{ m.content | trim }}>{% endfor %}", "<a")]
    public void A_final_message_that_is_to_go_on_ends_the_prompt(string content, string source, string expected)
    {
        string row =
            $"{{\"messages\":[{{\"role\":\"assistant\",\"content\":\"{content}\"}}],\"continue_final_message\":true}}";
        Assert.That(Render(ChatTemplate.FromSource(source), row), Is.EqualTo(expected));
    }

    [Test]
    public void Rows_keep_their_keys_and_get_text_or_error_in_order()
    {
        string folder = TestTokenizers.NewFolder();
        string input = Path.Combine(folder, "in.jsonl");
        string output = Path.Combine(folder, "out.jsonl");
        File.WriteAllText(input, "{\"n\":1.0,\"a\":\"x\"}\n\nnot json\n{\"n\":2}\n");
        int errors = TemplateJob.Render("{{ a.upper() }}", input, output);
        string[] lines = File.ReadAllLines(output);
        Assert.That(errors, Is.EqualTo(2));
        Assert.That(lines[0], Is.EqualTo("{\"n\":1.0,\"a\":\"x\",\"text\":\"X\"}"));
        Assert.That(lines[1], Does.Contain("error").And.Contain("line 3"));
        Assert.That(lines[2], Does.StartWith("{\"n\":2,\"error\":").And.Contain("'a' is undefined"));
    }

    [Test]
    public void Tokenizing_rows_goes_there_and_back_and_a_bad_row_is_named()
    {
        string folder = TestTokenizers.NewFolder();
        string text = Path.Combine(folder, "text.jsonl");
        string ids = Path.Combine(folder, "ids.jsonl");
        Tokenizer tokenizer = TestTokenizers.Trained();
        File.WriteAllText(text, "{\"k\":[1],\"text\":\"The é\"}\n{\"text\":\"\"}\n");
        TokenizeJob.Encode(tokenizer, text, ids);
        TokenizeJob.Decode(tokenizer, ids, ids + ".back");
        Assert.That(File.ReadLines(ids + ".back")
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("text").GetString()),
            Is.EqualTo(new[] { "The é", "" }));
        foreach (string bad in new[] { "{\"text\":1}", "{", "[]", "{\"text\":\"\\ud800\"}",
            "{\"text\":\"a\",\"add_special_tokens\":3}" })
        {
            File.WriteAllText(text, "{\"text\":\"a\"}\n" + bad + "\n");
            Assert.That(() => TokenizeJob.Encode(tokenizer, text, ids),
                Throws.TypeOf<DataException>().With.Message.Contains("line 2"), bad);
            Assert.That(File.Exists(ids + ".tmp"), Is.False);
        }
    }

    private static ChatTemplate Load(string configJson)
    {
        string folder = TestTokenizers.NewFolder();
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), configJson);
        return ChatTemplate.Load(folder);
    }

    private static string Render(ChatTemplate template, string row)
    {
        using JsonDocument document = JsonDocument.Parse(row);
        return template.Render(document.RootElement);
    }
}
