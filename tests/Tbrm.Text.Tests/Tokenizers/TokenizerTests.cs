using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Text.Tokenizers;
using Tbrm.Text.Unicode;

namespace Tbrm.Text.Tests.Tokenizers;

public sealed class TokenizerTests
{
    private static readonly string[] s_texts =
    [
        "", " ", "  ", "\n", "a", "The theorem then gives 700.", "WE'RE SURE it'ſ", "é e\u0301 \u1E9B\u0323",
            "数学の問題\U00020000\U0001D4B3x",
        "   \n\n \t x\r\n\r\ny  ", "\0\u0001\u007F\u0085\u00A0\u3000z", "👨‍👩‍👧 🇩🇪",
            "<|im_start|>user\nhi<|im_end|>\n<tool_call>", "<|im_start", "don't y'all'd've",
    ];

    [Test]
    public void Decoding_gives_the_normalized_text_back_for_every_split([Values] WordSplit split)
    {
        Tokenizer tokenizer = TestTokenizers.Trained(split);
        foreach (string text in s_texts)
        {
            Assert.That(tokenizer.Decode(tokenizer.Encode(text)), Is.EqualTo(UnicodeNormalization.Nfc(text)), text);
        }
    }

    [Test]
    public void Special_and_added_tokens_are_one_id_each_and_only_special_ones_are_skipped()
    {
        Tokenizer tokenizer = TestTokenizers.Trained();
        int[] ids = tokenizer.Encode("<|im_start|>x<tool_call>y<|im_end|>");
        Assert.That(ids[0], Is.EqualTo(tokenizer.TokenToId("<|im_start|>")));
        Assert.That(ids[^1], Is.EqualTo(tokenizer.EosId));
        Assert.That(tokenizer.Decode(ids, skipSpecialTokens: true), Is.EqualTo("x<tool_call>y"));
        Assert.That(ids.Select(tokenizer.IsSpecial), Is.EqualTo(new[] { true, false, false, false, true }));
    }

    /// <summary>Ids of Hugging Face's tokenizers 0.23.2: blanks that a token took along are no second token, unless it
    /// takes none before it.</summary>
    [TestCase(true, true, "a    a", new[] { 0, 2, 0 })]
    [TestCase(true, true, "     a", new[] { 2, 0 })]
    [TestCase(true, true, "    ", new[] { 2 })]
    [TestCase(false, true, "a    a", new[] { 0, 2, 2, 0 })]
    [TestCase(false, true, "     a", new[] { 2, 2, 0 })]
    [TestCase(true, false, "     a", new[] { 2, 2, 1, 0 })]
    public void An_added_token_of_blanks_takes_neighbouring_blanks_along_once(bool before, bool after, string text,
        int[] ids)
    {
        Tokenizer tokenizer = TestTokenizers.FromJson($$"""
            {"added_tokens": [{"id": 2, "content": "  ", "lstrip": {{(before ? "true" : "false")}},
             "rstrip": {{(after ? "true" : "false")}}, "normalized": false}],
             "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
             "decoder": {"type": "ByteLevel"},
             "model": {"type": "BPE", "vocab": {"a": 0, "\u0120": 1}, "merges": []} }
            """);
        Assert.That(tokenizer.Encode(text, false), Is.EqualTo(ids));
    }

    [Test]
    public void Bytes_of_ids_joined_are_the_utf8_of_the_text()
    {
        Tokenizer tokenizer = TestTokenizers.Trained();
        foreach (string text in s_texts)
        {
            byte[] joined = [.. tokenizer.Encode(text).SelectMany(id => tokenizer.IdToBytes[id].ToArray())];
            Assert.That(joined, Is.EqualTo(Encoding.UTF8.GetBytes(UnicodeNormalization.Nfc(text))), text);
        }
    }

    [Test]
    public void Streaming_never_splits_a_character_and_joins_to_the_whole_text()
    {
        Tokenizer tokenizer = TestTokenizers.Trained(size: 256);
        foreach (string text in s_texts)
        {
            List<string> parts = TestTokenizers.Stream(tokenizer, tokenizer.Encode(text));
            Assert.That(string.Concat(parts), Is.EqualTo(UnicodeNormalization.Nfc(text)));
            Assert.That(parts, Has.None.Contains('\uFFFD'));
            Assert.That(parts.Count(part => part.Length > 0 && char.IsHighSurrogate(part[^1])), Is.Zero);
        }
    }

    [Test]
    public void Bytes_that_are_no_text_decode_to_replacement_characters_at_once_and_in_a_stream()
    {
        Tokenizer tokenizer = TestTokenizers.Trained(size: 256);
        int[] ids = [tokenizer.TokenToId("â")!.Value, .. tokenizer.Encode("é")[..1], .. tokenizer.Encode("a😀")[..4]];
        string whole = tokenizer.Decode(ids);
        Assert.That(whole, Does.Contain('\uFFFD'));
        Assert.That(string.Concat(TestTokenizers.Stream(tokenizer, ids)), Is.EqualTo(whole));
    }

    [Test]
    public void Unpaired_surrogates_count_as_the_replacement_character()
    {
        Tokenizer tokenizer = TestTokenizers.Trained();
        Assert.That(tokenizer.Encode("a\uD800b\uDC00"), Is.EqualTo(tokenizer.Encode("a\uFFFDb\uFFFD")));
    }

    [Test]
    public void A_megabyte_of_one_character_is_encoded_without_quadratic_work(
        [Values('a', ' ', '\n', '!', '1', '学')] char c)
    {
        // A million symbols in one word: anything quadratic would take hours, not the seconds that a test run has.
        Tokenizer tokenizer = TestTokenizers.Trained();
        string text = new(c, 1_000_000);
        Assert.That(tokenizer.Decode(tokenizer.Encode(text)), Is.EqualTo(text));
    }

    [Test]
    public void A_batch_gives_what_single_texts_give()
    {
        Tokenizer tokenizer = TestTokenizers.Trained();
        string[] texts = [.. Enumerable.Range(0, 200)
            .Select(i => string.Join(' ', s_texts.Skip(i % s_texts.Length)) + i)];
        int[][] batch = tokenizer.EncodeBatch(texts, maxThreads: 4);
        Assert.That(batch, Is.EqualTo(texts.Select(text => tokenizer.Encode(text))));
    }

    [Test]
    public void Saving_gives_the_files_back_byte_for_byte()
    {
        string first = TestTokenizers.NewFolder();
        string second = TestTokenizers.NewFolder();
        TestTokenizers.TrainedBuilder().Save(first);
        File.AppendAllText(Path.Combine(first, "tokenizer.json"), "  \n\n");
        File.WriteAllText(Path.Combine(first, "chat_template.jinja"), "{{ 1 }}\r\n");
        Tokenizer.Load(first).Save(second);
        Assert.That(Directory.GetFiles(second).Select(Path.GetFileName),
            Is.EquivalentTo(Directory.GetFiles(first).Select(Path.GetFileName)));
        foreach (string path in Directory.GetFiles(first))
        {
            Assert.That(File.ReadAllBytes(Path.Combine(second, Path.GetFileName(path))),
                Is.EqualTo(File.ReadAllBytes(path)), path);
        }
    }

    [Test]
    public void A_folder_with_vocab_and_merges_gives_the_ids_of_its_tokenizer_json()
    {
        string folder = TestTokenizers.NewFolder();
        Tokenizer whole = TestTokenizers.TrainedBuilder().Build();
        whole.Save(folder);
        Tokenizer pair = ToPairOfFiles(folder, "Qwen2Tokenizer");
        foreach (string text in s_texts)
        {
            Assert.That(pair.Encode(text), Is.EqualTo(whole.Encode(text)), text);
        }
    }

    [Test]
    public void An_empty_folder_and_an_unknown_class_are_named()
    {
        string folder = TestTokenizers.NewFolder();
        Assert.That(() => Tokenizer.Load(folder),
            Throws.TypeOf<DataException>().With.Message.Contains("expected tokenizer.json"));
        TestTokenizers.TrainedBuilder().Save(folder);
        Assert.That(() => ToPairOfFiles(folder, "FooTokenizer"),
            Throws.TypeOf<DataException>().With.Message.Contains("FooTokenizer"));
        Assert.That(() => Tokenizer.Load(Path.Combine(folder, "absent")),
            Throws.TypeOf<DataException>().With.Message.Contains("absent"));
    }

    private static Tokenizer ToPairOfFiles(string folder, string tokenizerClass)
    {
        string json = Path.Combine(folder, "tokenizer.json");
        if (File.Exists(json))
        {
            using System.Text.Json.JsonDocument document = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(json));
            System.Text.Json.JsonElement model = document.RootElement.GetProperty("model");
            File.WriteAllText(Path.Combine(folder, "vocab.json"), model.GetProperty("vocab").GetRawText());
            IEnumerable<string> merges = model.GetProperty("merges").EnumerateArray()
                .Select(pair => $"{pair[0].GetString()} {pair[1].GetString()}");
            File.WriteAllLines(Path.Combine(folder, "merges.txt"), merges.Prepend("#version: 0.2"));
            File.Delete(json);
        }

        string config = Path.Combine(folder, "tokenizer_config.json");
        File.WriteAllText(config,
            File.ReadAllText(config).Replace("PreTrainedTokenizerFast", tokenizerClass, StringComparison.Ordinal));
        return Tokenizer.Load(folder);
    }
}
