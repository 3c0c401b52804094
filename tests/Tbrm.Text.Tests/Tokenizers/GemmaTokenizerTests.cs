using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Prompts;
using Tbrm.Text.Chat;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Text.Tests.Tokenizers;

/// <summary>
/// SentencePiece's BPE as Gemma's tokenizer.json has it: blanks become ▁ and nothing is put before the text, merges run
/// over the whole text, what has no
/// token is bytes, runs of line ends are added tokens, a text begins with &lt;bos&gt;. Ids are counted by hand.
/// </summary>
public sealed class GemmaTokenizerTests
{
    private const int Bos = 2, Turn = 4, TurnEnd = 5, TwoLines = 6, FirstByte = 7;

    private static readonly string[] s_words =
        ["\n", "▁", "t", "h", "e", "c", "a", "u", "s", "r", "1", "+", "?", "th", "the", "▁c", "▁ca", "▁▁", "us", "er"];

    private static int Id(string word) => FirstByte + 256 + System.Array.IndexOf(s_words, word);

    [Test]
    public void Blanks_are_marks_and_merges_run_over_words()
    {
        Tokenizer tokenizer = Make();
        int[] ids = [Id("the"), Id("▁ca"), Id("t")];
        Assert.That(tokenizer.Encode("the cat"), Is.EqualTo(ids));
        Assert.That(tokenizer.Encode("the cat", addSpecialTokens: true), Is.EqualTo(new[] { Bos }.Concat(ids)));
        Assert.That(tokenizer.Decode([Bos, .. ids], skipSpecialTokens: true), Is.EqualTo("the cat"));
        Assert.That(tokenizer.Encode("a  t"), Is.EqualTo(new[] { Id("a"), Id("▁▁"), Id("t") }));
        Assert.That(tokenizer.Decode([Id("▁▁"), Id("the")]), Is.EqualTo("  the"), "nothing is taken off the beginning");
    }

    [Test]
    public void What_has_no_token_is_its_bytes()
    {
        Tokenizer tokenizer = Make();
        int[] ids = [.. new[] { 0xC3, 0xA9, 0xF0, 0x9F, 0x98, 0x80 }.Select(b => FirstByte + b), Id("a")];
        Assert.That(tokenizer.Encode("é😀a"), Is.EqualTo(ids));
        Assert.That(tokenizer.Decode(ids), Is.EqualTo("é😀a"));
        Assert.That(string.Concat(TestTokenizers.Stream(tokenizer, ids)), Is.EqualTo("é😀a"));
    }

    [Test]
    public void A_conversation_in_gemmas_turns_becomes_its_tokens()
    {
        Tokenizer tokenizer = Make();
        // Of the kind of Gemma's: roles that alternate, the assistant called model, a system prompt before the first
        // question, contents trimmed.
        ChatTemplate template = ChatTemplate.FromSource("""
            {{ '<bos>' }}
            {%- if messages[0]['role'] == 'system' -%}
                {%- set prefix = messages[0]['content'] + '\n\n' -%}
                {%- set turns = messages[1:] -%}
            {%- else -%}
                {%- set prefix = '' -%}
                {%- set turns = messages -%}
            {%- endif -%}
            {%- for turn in turns -%}
                {%- if (turn['role'] == 'user') != (loop.index0 % 2 == 0) -%}
                    {{ raise_exception('roles must alternate') }}
                {%- endif -%}
                {%- set role = 'model' if turn['role'] == 'assistant' else turn['role'] -%}
                {{ '<start_of_turn>' + role + '\n' + (prefix if loop.first else '') }}
                {%- if turn['content'] is string -%}
                    {{ turn['content'] | trim }}
                {%- else -%}
                    {%- for part in turn['content'] -%}{{ part['text'] | trim }}{%- endfor -%}
                {%- endif -%}
                {{ '<end_of_turn>\n' }}
            {%- endfor -%}
            {%- if add_generation_prompt -%}{{ '<start_of_turn>user\n' }}{%- endif -%}
            """);
        string text = template.Render(
            [new ChatMessage("system", "the cat"), new ChatMessage("user", " 1+1? ")], addGenerationPrompt: true);
        Assert.That(text, Is.EqualTo("<bos><start_of_turn>user\nthe cat\n\n1+1?<end_of_turn>\n<start_of_turn>user\n"));
        int[] user = [Turn, Id("us"), Id("er"), Id("\n")];
        Assert.That(tokenizer.Encode(text), Is.EqualTo(new[] { Bos }.Concat(user)
            .Concat([Id("the"), Id("▁ca"), Id("t"), TwoLines, Id("1"), Id("+"), Id("1"), Id("?"), TurnEnd, Id("\n")])
                .Concat(user)));
    }

    private static Tokenizer Make()
    {
        string[] special = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"];
        JsonObject vocabulary = [];
        foreach (string word in special.Append("\n\n").Concat(Enumerable.Range(0, 256).Select(b => $"<0x{b:X2}>"))
            .Concat(s_words))
        {
            vocabulary[word] = vocabulary.Count;
        }

        JsonObject Added(string content, int id, bool isSpecial) => new()
        {
            ["id"] = id,
            ["content"] = content,
            ["single_word"] = false,
            ["lstrip"] = false,
            ["rstrip"] = false,
            ["normalized"] = false,
            ["special"] = isSpecial,
        };
        return TestTokenizers.FromJson(new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(
                [.. special.Select((s, i) => (JsonNode)Added(s, i, true)), Added("\n\n", TwoLines, false)]),
            ["normalizer"] = JsonNode.Parse("""{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}"""),
            ["pre_tokenizer"] = JsonNode.Parse(
                """{"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false}"""),
            ["post_processor"] = JsonNode.Parse("""
                {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<bos>", "type_id": 0}},
                 {"Sequence": {"id": "A", "type_id": 0}}],
                 "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                 "special_tokens": {"<bos>": {"id": "<bos>", "ids": [2], "tokens": ["<bos>"]}}}
                """),
            ["decoder"] = JsonNode.Parse("""
                {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                 {"type": "ByteFallback"}, {"type": "Fuse"}]}
                """),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["unk_token"] = "<unk>",
                ["fuse_unk"] = true,
                ["byte_fallback"] = true,
                ["vocab"] = vocabulary,
                ["merges"] = JsonNode.Parse(
                    """[["t", "h"], ["th", "e"], ["▁", "c"], ["▁c", "a"], ["▁", "▁"], ["u", "s"], ["e", "r"]]"""),
            },
        }.ToJsonString());
    }
}
