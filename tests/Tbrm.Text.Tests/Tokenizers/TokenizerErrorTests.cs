using System;
using System.IO;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Testing;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Text.Tests.Tokenizers;

public sealed class TokenizerErrorTests
{
    private static string Golden(string name) => File.ReadAllText(GoldenFiles.PathOf("tokenizers", name + ".json"));

    [TestCase("\"type\":\"NFC\"", "\"type\":\"Foo\"", "$.normalizer.type", "Foo")]
    [TestCase("\"behavior\":\"Isolated\"", "\"behavior\":\"Odd\"", "$.pre_tokenizer.pretokenizers[0].behavior", "Odd")]
    [TestCase("(?!\\\\S)", "(?!\\\\S", "$.pre_tokenizer.pretokenizers[0].pattern.Regex", "not closed")]
    [TestCase("\"type\":\"BPE\"", "\"type\":\"Unigram\"", "$.model.type", "Unigram")]
    [TestCase("\"dropout\":null", "\"dropout\":0.1", "$.model.dropout", "null or 0")]
    [TestCase("\"merges\":[[\"", "\"merges\":[[\"zz", "merge 0", "zz")]
    [TestCase("\"version\":\"1.0\"", "\"version\":\"2.0\"", "$.version", "2.0")]
    [TestCase("\"unk_token\":null", "\"unk_token\":\"<none>\"", "$.model.unk_token", "<none>")]
    [TestCase("\"byte_fallback\":false", "\"byte_fallback\":3", "$.model.byte_fallback", "3")]
    [TestCase("\"vocab\":{\"", "\"vocab\":{\"big\":99999999,\"", "$.model.vocab", "99999999")]
    public void What_cannot_be_used_is_named_with_its_place(string old, string replacement, string place, string found)
    {
        string json = Golden("qwen2");
        Assert.That(json, Does.Contain(old));
        json = json.Replace(old, replacement, StringComparison.Ordinal);
        Assert.That(
            () => TestTokenizers.FromJson(json),
            Throws.TypeOf<DataException>().With.Message.Contains("tokenizer.json").And.Message.Contains(
                place).And.Message.Contains(found));
    }

    [Test]
    public void Mutated_files_load_or_fail_with_a_message()
    {
        string[] sources = [Golden("qwen2"), Golden("added"), Golden("metaspace"), Golden("llama3")];
        Random random = new(7);
        int loaded = 0;
        for (int i = 0; i < 1500; i++)
        {
            string mutated = Mutation.Of(
                sources[random.Next(sources.Length)], sources[random.Next(sources.Length)], random);
            try
            {
                Tokenizer tokenizer = TestTokenizers.FromJson(mutated);
                _ = tokenizer.Decode(tokenizer.Encode("The theorem 123 é <|im_start|>\n\n数", addSpecialTokens: true));
                loaded++;
            }
            catch (DataException e)
            {
                Assert.That(e.Message, Does.Contain("(test)").Or.Contain("pattern"));
            }
        }

        Assert.That(loaded, Is.InRange(30, 1470));
    }

    [Test]
    public void Steps_that_double_the_text_are_stopped()
    {
        string doubling = string.Join(',',
            Enumerable.Repeat("""{"type":"Replace","pattern":{"String":"a"},"content":"aa"}""", 40));
        string normalizer = Golden("qwen2")
            .Replace("{\"type\":\"NFC\"}", $$"""{"type":"Sequence","normalizers":[{{doubling}}]}""",
                StringComparison.Ordinal);
        Assert.That(() => TestTokenizers.FromJson(normalizer).Encode("banana"),
            Throws.TypeOf<DataException>().With.Message.Contains("make more than"));

        string bytes = string.Join(',',
            Enumerable.Repeat("""{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}""", 40));
        string preTokenizer = WithPart("pre_tokenizer", $$"""{"type":"Sequence","pretokenizers":[{{bytes}}]}""");
        Assert.That(() => TestTokenizers.FromJson(preTokenizer).Encode("é"),
            Throws.TypeOf<DataException>().With.Message.Contains("make more than"));
    }

    [Test]
    public void More_steps_than_any_real_file_has_are_refused(
        [Values("normalizer", "pre_tokenizer", "decoder")] string part)
    {
        (string list, string step) = part switch
        {
            "normalizer" => ("normalizers", """{"type":"NFC"}"""),
            "pre_tokenizer" => ("pretokenizers", """{"type":"Punctuation"}"""),
            _ => ("decoders", """{"type":"Fuse"}"""),
        };
        string steps = string.Join(',', Enumerable.Repeat(step, 5000));
        string json = WithPart(part, $$"""{"type":"Sequence","{{list}}":[{{steps}}]}""");
        Assert.That(() => TestTokenizers.FromJson(json),
            Throws.TypeOf<DataException>().With.Message.Contains("64 steps"));
    }

    [Test]
    public void Templates_that_repeat_the_text_without_end_are_refused()
    {
        string texts = string.Join(',', Enumerable.Repeat("""{"Sequence":{"id":"A","type_id":0}}""", 5000));
        const string NoTokens = """ "special_tokens":{} """;
        string json = WithPart("post_processor",
            $$"""{"type":"TemplateProcessing","single":[{{texts}}],"pair":[],{{NoTokens}}}""");
        Assert.That(() => TestTokenizers.FromJson(json),
            Throws.TypeOf<DataException>().With.Message.Contains("$.post_processor"));
    }

    [Test]
    public void A_key_that_is_no_text_is_named([Values("tokenizer.json", "tokenizer_config.json")] string file)
    {
        TokenizerFiles files = new("(test)");
        files.Set("tokenizer.json", System.Text.Encoding.UTF8.GetBytes(Golden("qwen2")));
        files.Set(file, System.Text.Encoding.UTF8.GetBytes(
            "{\"bos_toke\\udcb3\":1,\"\\udcb3\":2,\"versio\\ud800\":2}"));
        Assert.That(() => TokenizerLoader.Load(files),
            Throws.TypeOf<DataException>().With.Message.Contains("surrogate").And.Message.Contains(file));
    }

    [Test]
    public void A_row_with_a_key_that_is_no_text_names_its_line()
    {
        string folder = TestTokenizers.NewFolder();
        string input = Path.Combine(folder, "in.jsonl");
        File.WriteAllText(input, "{\"text\":\"a\"}\n{\"tex\\ud800\":\"a\",\"text\":\"b\"}\n");
        Assert.That(
            () => TokenizeJob.Encode(TestTokenizers.Trained(), input, Path.Combine(folder, "out.jsonl")),
            Throws.TypeOf<DataException>().With.Message.Contains("line 2").And.Message.Contains("surrogate"));
        Assert.That(Directory.GetFiles(folder), Is.EqualTo(new[] { input }));
    }

    [Test]
    public void A_pattern_with_thousands_of_loops_is_stopped()
    {
        string json = Golden("qwen2")
            .Replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)", string.Concat(Enumerable.Repeat("(?:yz)*?", 2500)) + "x",
            StringComparison.Ordinal);
        Tokenizer tokenizer = TestTokenizers.FromJson(json);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.That(() => tokenizer.Encode(new string('1', 30_000)),
            Throws.TypeOf<DataException>().With.Message.Contains("too long"));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(400 << 20));
    }

    [Test]
    public void Bytes_that_are_not_UTF8_are_named()
    {
        byte[] file = System.Text.Encoding.Latin1.GetBytes(
            "{\"version\":\"1.0\",\"model\":{\"type\":\"BPE\",\"vocab\":[\"\u00e9\"]}}");
        TokenizerFiles files = new("(test)");
        files.Set("tokenizer.json", file);
        Assert.That(() => TokenizerLoader.Load(files), Throws.TypeOf<DataException>().With.Message.Contains("UTF-8"));
    }

    [Test]
    public void Streaming_of_a_decoder_that_sees_its_neighbours_takes_linear_memory()
    {
        string decoder =
            """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}]}""";
        Tokenizer tokenizer = TestTokenizers.FromJson(WithPart("decoder", decoder));
        int[] ids = [.. Enumerable.Range(0, 5000).Select(i => 40 + (i % 20))];
        long before = GC.GetAllocatedBytesForCurrentThread();

        string streamed = string.Concat(TestTokenizers.Stream(tokenizer, ids));

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(5000 * 20_000),
            "5000 ids, each with a window of at most 64");
        Assert.That(streamed, Is.EqualTo(tokenizer.Decode(ids)));
    }

    [Test]
    public void A_pattern_that_backtracks_without_end_is_stopped()
    {
        string json = Golden("qwen2")
            .Replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)", "(a|a|b)*(a|b|a)*(a|b)*c", StringComparison.Ordinal);
        Tokenizer tokenizer = TestTokenizers.FromJson(json);
        Assert.That(() => tokenizer.Encode(string.Concat(Enumerable.Repeat("ab", 40))),
            Throws.TypeOf<DataException>().With.Message.Contains("too long"));
    }

    private static string WithPart(string part, string json)
    {
        System.Text.Json.Nodes.JsonNode root = System.Text.Json.Nodes.JsonNode.Parse(Golden("qwen2"))!;
        root[part] = System.Text.Json.Nodes.JsonNode.Parse(json);
        return root.ToJsonString();
    }
}
