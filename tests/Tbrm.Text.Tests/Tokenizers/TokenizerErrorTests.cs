using System;
using System.IO;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core;

namespace Tbrm.Text.Tests;

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
            Throws.TypeOf<DataException>().With.Message.Contains("tokenizer.json").And.Message.Contains(place).And.Message.Contains(found));
    }

    [Test]
    public void Mutated_files_load_or_fail_with_a_message()
    {
        string[] sources = [Golden("qwen2"), Golden("added"), Golden("metaspace"), Golden("llama3")];
        Random random = new(7);
        int loaded = 0;
        for (int i = 0; i < 1500; i++)
        {
            string mutated = Mutation.Of(sources[random.Next(sources.Length)], sources[random.Next(sources.Length)], random);
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
    public void A_pattern_that_backtracks_without_end_is_stopped()
    {
        string json = Golden("qwen2").Replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)", "(a|a|b)*(a|b|a)*(a|b)*c", StringComparison.Ordinal);
        Tokenizer tokenizer = TestTokenizers.FromJson(json);
        Assert.That(() => tokenizer.Encode(string.Concat(Enumerable.Repeat("ab", 40))), Throws.TypeOf<DataException>().With.Message.Contains("too long"));
    }
}
