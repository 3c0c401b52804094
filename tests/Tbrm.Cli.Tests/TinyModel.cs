using System.IO;
using System.Text.Json.Nodes;
using Tbrm.Engine;
using Tbrm.Engine.Models;
using Tbrm.Text.Chat;

namespace Tbrm.Cli.Tests;

/// <summary>
/// A Hugging Face folder like Qwen2.5-Math's: Qwen2 architecture with biases on q, k, v, a byte-level BPE in Qwen2's
/// tokenizer.json layout with its
/// special tokens, both end tokens in generation_config.json. Random weights, a few thousand of them.
/// </summary>
internal static class TinyModel
{
    /// <summary>Qwen2's pre-tokenizer, as its tokenizer.json has it.</summary>
    private const string Qwen2Split =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
            + @" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private static readonly string[] s_special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

    /// <summary>Writes the folder.</summary>
    /// <param name="folder">Where; made when it is not there.</param>
    /// <param name="tied">Whether the head shares the embedding, as in the 1.5B model and not in the 7B model.</param>
    public static void Write(string folder, bool tied)
    {
        Directory.CreateDirectory(folder);
        JsonObject tokenizer = TokenizerJson();
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), tokenizer.ToJsonString());
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), new JsonObject
        {
            ["tokenizer_class"] = "Qwen2Tokenizer",
            ["eos_token"] = "<|endoftext|>",
            ["pad_token"] = "<|endoftext|>",
            ["bos_token"] = null,
            ["add_bos_token"] = false,
            ["chat_template"] = PromptTemplate.Source("qwen-math"),
        }.ToJsonString());

        int vocabulary = ((JsonObject)tokenizer["model"]!["vocab"]!).Count;
        ModelArchitecture architecture =
            ModelArchitecture.Parse(Config(vocabulary + s_special.Length, tied).ToJsonString(), "tiny");
        using EngineDevice device = EngineDevice.Open("cpu", 1);
        using Policy policy =
            Policy.CreateRandom(device, architecture, new() { Bf16 = true, MaxPositions = 64, Trainable = false },
            seed: 5, std: 0.1f);
        JsonObject generation =
            new() { ["eos_token_id"] = new JsonArray(vocabulary + 2, vocabulary), ["max_new_tokens"] = 2048 };
        ModelFolder.Save(policy, folder, generation);
    }

    private static JsonObject Config(int vocabulary, bool tied) => new()
    {
        ["architectures"] = new JsonArray("Qwen2ForCausalLM"),
        ["model_type"] = "qwen2",
        // Padded beyond the tokenizer, as the real ones are.
        ["vocab_size"] = (vocabulary + 127) / 128 * 128,
        ["hidden_size"] = 32,
        ["intermediate_size"] = 64,
        ["num_hidden_layers"] = 2,
        ["num_attention_heads"] = 4,
        ["num_key_value_heads"] = 2,
        ["hidden_act"] = "silu",
        ["max_position_embeddings"] = 4096,
        ["initializer_range"] = 0.02,
        ["rms_norm_eps"] = 1e-6,
        ["rope_theta"] = 10000.0,
        ["tie_word_embeddings"] = tied,
        ["use_sliding_window"] = false,
        ["torch_dtype"] = "bfloat16",
    };

    private static JsonObject TokenizerJson()
    {
        JsonObject vocabulary = [];
        foreach (string letter in ByteLetters())
        {
            vocabulary[letter] = vocabulary.Count;
        }

        JsonArray merges = [];
        foreach ((string left, string right) in new[] { ("t", "h"), ("th", "e"), ("i", "n"), ("a", "n"), ("o", "x"),
            ("e", "d"), ("Ġ", "the"), ("Ġ", "i"), ("\\", "b"), ("ox", "ed") })
        {
            merges.Add($"{left} {right}");
            vocabulary[left + right] = vocabulary.Count;
        }

        JsonArray added = [];
        foreach (string token in s_special)
        {
            JsonNode entry = JsonNode.Parse(
                """{"single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}""")!;
            (entry["id"], entry["content"]) = (vocabulary.Count + added.Count, token);
            added.Add(entry);
        }

        JsonObject json = (JsonObject)JsonNode.Parse("""
            {
              "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
              "normalizer": {"type": "NFC"},
              "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": ""}, "behavior": "Isolated", "invert": false},
                {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}]},
              "post_processor": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false,
              "use_regex": false},
              "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false},
              "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
              "end_of_word_suffix": "",
                "fuse_unk": false, "byte_fallback": false, "vocab": {}, "merges": []}
            }
            """)!;
        json["added_tokens"] = added;
        json["pre_tokenizer"]!["pretokenizers"]![0]!["pattern"]!["Regex"] = Qwen2Split;
        json["model"]!["vocab"] = vocabulary;
        json["model"]!["merges"] = merges;
        return json;
    }

    /// <summary>GPT-2's alphabet: printable bytes as they are, the others as letters from U+0100 on.</summary>
    private static System.Collections.Generic.IEnumerable<string> ByteLetters()
    {
        int next = 256;
        for (int value = 0; value < 256; value++)
        {
            bool printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            yield return ((char)(printable ? value : next++)).ToString();
        }
    }
}
