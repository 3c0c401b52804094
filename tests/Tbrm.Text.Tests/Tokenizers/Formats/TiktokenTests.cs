using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Text.Tokenizers.Formats;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Text.Tests.Tokenizers.Formats;

/// <summary>Folders with a <c>*.tiktoken</c> file.</summary>
public sealed class TiktokenTests
{
    [TestCase("gpt2", WordSplit.Gpt2)]
    [TestCase("qwen", WordSplit.Qwen2)]
    [TestCase("cl100k_base", WordSplit.Llama3)]
    public void Ids_are_those_of_the_same_merges_in_tokenizer_json(string name, WordSplit split)
    {
        Tokenizer json = TestTokenizers.TrainedBuilder(split).Also(builder => builder.Normalize = false).Build();
        Tokenizer tiktoken = SentencePieces.Load((name + ".tiktoken", File(json)));

        foreach (string text in RandomTexts.Make(500, seed: 3))
        {
            int[] ids = tiktoken.Encode(text);
            Assert.That(ids, Is.EqualTo(json.Encode(text)), text);
            Assert.That(tiktoken.Decode(ids), Is.EqualTo(text));
        }
    }

    [Test]
    public void Special_tokens_follow_from_the_name()
    {
        byte[] file = File(TestTokenizers.Trained());
        Tokenizer qwen = SentencePieces.Load(("qwen.tiktoken", file));
        Tokenizer llama = SentencePieces.Load(("tokenizer.model", file));
        Tokenizer o200k = SentencePieces.Load(("o200k_base.tiktoken", file));

        Assert.That(qwen.Encode("<|im_start|>a<|im_end|>"), Is.EqualTo(new[] { 151644, qwen.Encode("a")[0], 151645 }));
        Assert.That(qwen.EosId, Is.EqualTo(151643));
        Assert.That((llama.BosId, llama.EosId, llama.TokenToId("<|eot_id|>"), llama.VocabularySize),
            Is.EqualTo(((int?)128000, (int?)128001, (int?)128009, 128256)));
        Assert.That(llama.Encode("a", addSpecialTokens: true)[0], Is.EqualTo(128000));
        const string Text = "Don't HELLOworld 12345 \r\n";
        Assert.That(o200k.Decode(o200k.Encode(Text)), Is.EqualTo(Text));
    }

    [Test]
    public void What_cannot_be_known_or_is_damaged_is_refused()
    {
        byte[] file = File(TestTokenizers.Trained());
        Assert.That(() => SentencePieces.Load(("mine.tiktoken", file)),
            Throws.TypeOf<DataException>().With.Message.Contains("known by name are gpt2.tiktoken"));
        Assert.That(() => SentencePieces.Load(("gpt2.tiktoken", [.. file, .. "not base64! 7\n"u8])),
            Throws.TypeOf<DataException>().With.Message.Contains("expected a new token in base64 and its rank"));
        Assert.That(() => SentencePieces.Load(("gpt2.tiktoken", [.. "IQ== 50256\n"u8])),
            Throws.TypeOf<DataException>().With.Message.Contains("gpt2 has <|endoftext|> at 50256"));
        Assert.That(TiktokenReader.Recognizes("IQ== 0\r\nIg== 1\r\n"u8), Is.True);
        Assert.That(TiktokenReader.Recognizes([0x0A, 0x0E, 0x0A, 0x05]), Is.False);
    }

    /// <summary>The vocabulary of a byte-level tokenizer, whose ids are its ranks, as a tiktoken file.</summary>
    internal static byte[] File(Tokenizer tokenizer)
    {
        IEnumerable<string> lines = Enumerable.Range(0, tokenizer.VocabularySize)
            .Where(id => !tokenizer.AddedTokens.ContainsKey(id))
            .Select(id => $"{Convert.ToBase64String(tokenizer.IdToBytes[id].Span)} {id}\n");
        return Encoding.ASCII.GetBytes(string.Concat(lines));
    }
}

/// <summary>Setting properties inside of an expression.</summary>
internal static class BuilderExtensions
{
    public static TokenizerBuilder Also(this TokenizerBuilder builder, Action<TokenizerBuilder> change)
    {
        change(builder);
        return builder;
    }
}
