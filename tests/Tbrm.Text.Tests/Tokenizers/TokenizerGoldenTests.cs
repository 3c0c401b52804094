using System.IO;
using System.Linq;
using System.Text.Json;
using NUnit.Framework;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Text.Tests.Tokenizers;

/// <summary>Ids and texts equal to those of Hugging Face's tokenizers.</summary>
public sealed class TokenizerGoldenTests
{
    private static readonly string[] s_names = ["qwen2", "llama3", "gpt2", "added", "o200k", "metaspace"];

    [TestCaseSource(nameof(s_names))]
    public void Ids_and_texts_equal_the_reference(string name)
    {
        Tokenizer tokenizer =
            TestTokenizers.FromJson(File.ReadAllText(GoldenFiles.PathOf("tokenizers", name + ".json")));
        int rows = 0;
        foreach (JsonElement row in GoldenFiles.Rows("tokenizers", name + ".jsonl"))
        {
            rows++;
            string text = row.Text("text")!;
            int[] ids = Ids(row.GetProperty("ids"));
            int[] withSpecial = row.TryGetProperty("with_special", out JsonElement special) ? Ids(special) : ids;
            string what = $"row {rows}: {text}";
            Assert.That(tokenizer.Encode(text), Is.EqualTo(ids), what);
            Assert.That(tokenizer.Encode(text, addSpecialTokens: true), Is.EqualTo(withSpecial), what);
            Assert.That(tokenizer.Decode(withSpecial), Is.EqualTo(row.Text("decoded")), what);
            Assert.That(tokenizer.Decode(withSpecial, skipSpecialTokens: true),
                Is.EqualTo(row.Text("skipped") ?? row.Text("decoded")), what);
        }

        Assert.That(rows, Is.GreaterThan(50));
    }

    [TestCaseSource(nameof(s_names))]
    public void Streaming_joins_to_the_whole_text(string name)
    {
        Tokenizer tokenizer =
            TestTokenizers.FromJson(File.ReadAllText(GoldenFiles.PathOf("tokenizers", name + ".json")));
        foreach (JsonElement row in GoldenFiles.Rows("tokenizers", name + ".jsonl"))
        {
            int[] ids = Ids(row.GetProperty("ids"));
            Assert.That(string.Concat(TestTokenizers.Stream(tokenizer, ids)), Is.EqualTo(tokenizer.Decode(ids)),
                row.Text("text"));
        }
    }

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
}
