using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;
using NUnit.Framework;
using Tbrm.Text.Tokenizers.Formats;
using Tbrm.Text.PreTokenizers;
using Tbrm.Text.Tokenizers;
using Tokenizer = Tbrm.Text.Tokenizers.Tokenizer;

namespace Tbrm.Text.Tests.Tokenizers.Formats;

/// <summary>
/// Ours against two programs that share nothing with it: Hugging Face's own (Tokenizers.DotNet) and Microsoft's, on
/// random texts.
/// </summary>
public sealed class OracleTests
{
    private const int Texts = 400;

    [TestCase(WordSplit.Qwen2)]
    [TestCase(WordSplit.Llama3)]
    [TestCase(WordSplit.Gpt2)]
    public void Byte_level_ids_and_texts_are_hugging_face_s(WordSplit split)
    {
        string folder = TestTokenizers.NewFolder();
        Tokenizer ours = TestTokenizers.TrainedBuilder(split).Save(folder);
        JsonNode json = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "tokenizer.json")))!;

        AssertEqual(ours, json, RandomTexts.Make(Texts, seed: 1).Append("<|im_start|>a <tool_call><|im_end|> "));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Sentencepiece_ids_and_texts_are_hugging_face_s(bool addsPrefix)
    {
        List<SentencePiece> pieces = SentencePieces.Llama();
        Tokenizer ours = SentencePieces.Load(("tokenizer.model", SentencePieces.Model(pieces, true, addsPrefix)));

        AssertEqual(ours, HuggingFaceJson(pieces, addsPrefix), RandomTexts.Make(Texts, seed: 2).Append("the</s> a"));
    }

    [Test]
    public void Wordpiece_ids_and_texts_are_hugging_face_s()
    {
        string[] words = [.. WordPieceTests.Words, .. "abcdefghijklmnopqrstuvwxyz0123456789"
            .SelectMany(c => new[] { c.ToString(), "##" + c }).Except(WordPieceTests.Words)];
        Tokenizer ours = SentencePieces.Load(("vocab.txt", Encoding.UTF8.GetBytes(string.Join('\n', words))));
        JsonNode json = JsonNode.Parse("""
            {"version":"1.0","added_tokens":[],"normalizer":{"type":"BertNormalizer","clean_text":true,
            "handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
            "pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":null,
            "decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
            "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",
            "max_input_chars_per_word":100}}
            """)!;
        json["model"]!["vocab"] = new JsonObject(words.Select((word, id) =>
            KeyValuePair.Create(word, (JsonNode?)JsonValue.Create(id))));

        json["added_tokens"] = new JsonArray([.. Enumerable.Range(0, 5).Select(id => Special(id, words[id]))]);

        AssertEqual(ours, json, RandomTexts.Make(Texts, seed: 4));
    }

    [Test]
    public void Sentencepiece_ids_are_microsoft_s([Values] bool addsPrefix)
    {
        byte[] model = SentencePieces.Model(SentencePieces.Llama(), true, addsPrefix);
        Tokenizer ours = SentencePieces.Load(("tokenizer.model", model));
        using MemoryStream stream = new(model);
        SentencePieceTokenizer theirs = SentencePieceTokenizer.Create(stream, false, false);

        // Of three equal characters it merges the last two, where SentencePiece, Hugging Face's program and ours merge
        // the first two.
        Regex run = new(@"(.)\1\1|[ \n]{3}", RegexOptions.Singleline);
        string[] texts = [.. RandomTexts.Make(2 * Texts, seed: 5)
            .Where(text => text.Length > 0 && !run.IsMatch(" " + text))];
        Assert.That(texts, Has.Length.GreaterThan(Texts / 2));
        foreach (string text in texts)
        {
            Assert.That(ours.Encode(text), Is.EqualTo(theirs.EncodeToIds(text)), text);
        }
    }

    [Test]
    public void Byte_level_ids_are_microsoft_s([Values] bool tiktoken)
    {
        // Its words are cut by .NET's Regex, which sees halves of characters beyond the basic plane.
        Tokenizer ours = TestTokenizers.TrainedBuilder().Also(builder => builder.Normalize = false).Build();
        RegexPreTokenizer words = new(new Regex(ModernWordPattern.Qwen2), null);
        Dictionary<string, int> vocabulary = Enumerable.Range(0, ours.VocabularySize)
            .Where(id => !ours.AddedTokens.ContainsKey(id)).ToDictionary(id => ours.IdToToken(id)!);
        using MemoryStream file = new(TiktokenTests.File(ours));
        Microsoft.ML.Tokenizers.Tokenizer theirs = tiktoken ? TiktokenTokenizer.Create(file, words, null)
            : BpeTokenizer.Create(new BpeOptions(vocabulary)
            { Merges = Merges(ours), ByteLevel = true, PreTokenizer = words });

        foreach (string text in RandomTexts.Make(Texts, seed: 6, basicPlane: true))
        {
            Assert.That(ours.Encode(text), Is.EqualTo(theirs.EncodeToIds(text)), text);
        }
    }

    private static IEnumerable<string> Merges(Tokenizer tokenizer)
    {
        string folder = TestTokenizers.NewFolder();
        tokenizer.Save(folder);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "tokenizer.json")));
        return [.. json.RootElement.GetProperty("model").GetProperty("merges").EnumerateArray()
            .Select(pair => $"{pair[0].GetString()} {pair[1].GetString()}")];
    }

    /// <summary>What transformers' converter makes of a SentencePiece model of merges.</summary>
    private static JsonObject HuggingFaceJson(List<SentencePiece> pieces, bool addsPrefix)
    {
        Dictionary<string, int> ids = Enumerable.Range(0, pieces.Count).ToDictionary(id => pieces[id].Text);
        IEnumerable<(string Left, string Right)> merges = pieces.Where(piece => piece.Kind == PieceKind.Normal)
            .OrderByDescending(piece => piece.Score)
            .SelectMany(piece => Enumerable.Range(1, piece.Text.Length - 1)
                .Select(cut => (Left: piece.Text[..cut], Right: piece.Text[cut..]))
                .Where(pair => ids.ContainsKey(pair.Left) && ids.ContainsKey(pair.Right))
                .OrderBy(pair => ids[pair.Left]).ThenBy(pair => ids[pair.Right]));
        JsonNode Replace(string from, string to) => new JsonObject
        {
            ["type"] = "Replace",
            ["pattern"] = new JsonObject { ["String"] = from },
            ["content"] = to,
        };
        JsonNode Type(string type) => new JsonObject { ["type"] = type };
        JsonArray normalizers = [Replace(" ", "▁")], decoders = [Replace("▁", " "), Type("ByteFallback"), Type("Fuse")];
        if (addsPrefix)
        {
            normalizers.Insert(0, new JsonObject { ["type"] = "Prepend", ["prepend"] = "▁" });
            decoders.Add((JsonNode)new JsonObject
            { ["type"] = "Strip", ["content"] = " ", ["start"] = 1, ["stop"] = 0 });
        }

        return new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray([.. Enumerable.Range(0, 3).Select(id => Special(id, pieces[id].Text))]),
            ["normalizer"] = new JsonObject { ["type"] = "Sequence", ["normalizers"] = normalizers },
            ["pre_tokenizer"] = null,
            ["post_processor"] = null,
            ["decoder"] = new JsonObject { ["type"] = "Sequence", ["decoders"] = decoders },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = "<unk>",
                ["fuse_unk"] = true,
                ["byte_fallback"] = true,
                ["vocab"] = new JsonObject(ids.Select(pair =>
                    KeyValuePair.Create(pair.Key, (JsonNode?)JsonValue.Create(pair.Value)))),
                ["merges"] = new JsonArray([.. merges.Select(pair => new JsonArray(pair.Left, pair.Right))]),
            },
        };
    }

    private static JsonObject Special(int id, string content) => new JsonObject
    {
        ["id"] = id,
        ["content"] = content,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = true,
    };

    private static void AssertEqual(Tokenizer ours, JsonNode json, IEnumerable<string> texts)
    {
        // It always adds what a post-processor adds, and always leaves special tokens out.
        json["post_processor"] = null;
        string path = Path.Combine(TestTokenizers.NewFolder(), "tokenizer.json");
        File.WriteAllText(path, json.ToJsonString());
        using global::Tokenizers.DotNet.Tokenizer theirs = Open(path);
        foreach (string text in texts)
        {
            int[] expected = [.. theirs.Encode(text).Select(id => (int)id)];
            int[] ids = ours.Encode(text);
            Assert.That(ids, Is.EqualTo(expected), text);
            Assert.That(ours.Decode(ids, skipSpecialTokens: true),
                Is.EqualTo(theirs.Decode([.. ids.Select(id => (uint)id)])), text);
        }
    }

    private static global::Tokenizers.DotNet.Tokenizer Open(string path) => new(path);
}
