using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Engine;
using Tbrm.Engine.Models;
using Tbrm.Text.Tokenizers;
using Tbrm.Training.Sessions;

namespace Tbrm.Training.Tests.Sessions;

/// <summary>What is written as GGUF is the model and the tokenizer that were there, in GGUF's names and orders; what
/// GGUF cannot say is refused.</summary>
public sealed class GgufExportTests
{
    private const string End = "<|end|>";

    private readonly string _folder = Path.Combine(Path.GetTempPath(), "tbrm-gguf-" + Guid.NewGuid().ToString("N"));
    private EngineDevice _device = null!;
    private Tokenizer _tokenizer = null!;

    private string Output => Path.Combine(_folder, "model.gguf");

    [OneTimeSetUp]
    public void OpenDevice()
    {
        Directory.CreateDirectory(_folder);
        _device = EngineDevice.Open("cpu", 1);
        TokenizerBuilder builder = new() { ChatTemplate = "{{ messages[0].content }}" };
        builder.AddMerge("t", "h").AddMerge("th", "e").AddMerge(" ", "the");
        builder.AddSpecialToken(End, "eos");
        builder.AddToken(new("<keep>", Special: false));
        _tokenizer = builder.Save(_folder);
    }

    [OneTimeTearDown]
    public void CloseDevice()
    {
        _device.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [TestCase("Qwen2ForCausalLM", true, "qwen2")]
    [TestCase("Qwen3ForCausalLM", false, "qwen3")]
    [TestCase("LlamaForCausalLM", true, "llama")]
    [TestCase("Gemma3ForCausalLM", true, "gemma3")]
    [TestCase("GraniteForCausalLM", true, "granite")]
    public void Every_tensor_is_there_with_its_values(string architecture, bool tied, string name)
    {
        using Policy policy = Create(Config(architecture, c => c["tie_word_embeddings"] = tied));
        GgufReader file = Export(policy, "f32");
        Assert.That(file.Settings["general.architecture"], Is.EqualTo(name));
        Assert.That(file.Settings[$"{name}.block_count"], Is.EqualTo(7));
        Assert.That(file.Settings[$"{name}.attention.head_count_kv"], Is.EqualTo(2));
        Assert.That(file.Settings[$"{name}.attention.key_length"], Is.EqualTo(8));
        Assert.That(file.Settings[$"{name}.rope.freq_base"], Is.EqualTo(5000f));
        Assert.That(file.Settings[$"{name}.attention.layer_norm_rms_epsilon"], Is.EqualTo(1e-5f));
        IReadOnlyList<TensorInfo> tensors = policy.BaseTensors();
        Assert.That(file.Tensors.Count(), Is.EqualTo(tensors.Count));
        Assert.That(file.Tensors.Contains("output.weight"), Is.EqualTo(!tied));
        Assert.That(file.DimensionsOf("blk.6.ffn_down.weight"), Is.EqualTo(new ulong[] { 48, 32 }),
            "columns come first");
        Check(policy, file, "model.embed_tokens.weight", "token_embd.weight");
        Check(policy, file, "model.layers.1.mlp.gate_proj.weight", "blk.1.ffn_gate.weight");
        Check(policy, file, "model.layers.0.self_attn.o_proj.weight", "blk.0.attn_output.weight");
        float one = name == "gemma3" ? 1 : 0;
        Check(policy, file, "model.norm.weight", "output_norm.weight", shift: one);
        Check(policy, file, "model.layers.2.post_attention_layernorm.weight",
            name == "gemma3" ? "blk.2.post_attention_norm.weight" : "blk.2.ffn_norm.weight", shift: one);
        if (name == "qwen2")
        {
            Check(policy, file, "model.layers.3.self_attn.k_proj.bias", "blk.3.attn_k.bias");
        }

        if (name is "qwen3" or "gemma3")
        {
            Check(policy, file, "model.layers.3.self_attn.q_norm.weight", "blk.3.attn_q_norm.weight", shift: one);
        }

        float[] queries = Read(policy, "model.layers.0.self_attn.q_proj.weight"),
            written = file.Values("blk.0.attn_q.weight");
        // Pair i of a head is rows i and i + 4 here, and rows 2i and 2i + 1 of a llama of GGUF's.
        Assert.That(written[(8 + 3) * 32], Is.EqualTo(queries[(8 + (name is "llama" or "granite" ? 5 : 3)) * 32]));
        Assert.That(written.Order(), Is.EqualTo(queries.Order()));
    }

    [Test]
    public void The_multipliers_of_a_Granite_are_settings()
    {
        using Policy policy = Create(Config("GraniteForCausalLM", c => (c["embedding_multiplier"],
            c["residual_multiplier"], c["attention_multiplier"], c["logits_scaling"]) = (12.0, 0.25, 0.125, 8.0)));
        GgufReader file = Export(policy, "f32");
        Assert.That(new[] { "embedding_scale", "residual_scale", "attention.scale", "logit_scale" }
            .Select(k => file.Settings["granite." + k]), Is.EqualTo(new[] { 12f, 0.25f, 0.125f, 8f }));
    }

    [TestCase("f16", 1u)]
    [TestCase("bf16", 30u)]
    public void Matrices_are_rounded_once_and_vectors_are_not(string type, uint number)
    {
        using Policy policy = Create(Config("Qwen2ForCausalLM"));
        GgufReader file = Export(policy, type);
        Assert.That(file.TypeOf("blk.0.attn_norm.weight"), Is.Zero);
        Assert.That(file.TypeOf("blk.0.ffn_up.weight"), Is.EqualTo(number));
        float[] values = Read(policy, "model.layers.0.mlp.up_proj.weight");
        Assert.That(file.Values("blk.0.ffn_up.weight"), Is.EqualTo(values.Select(v => type == "f16" ? (float)(Half)v
            : Bf16(v))));
    }

    [Test]
    public void The_tokenizer_is_part_of_the_file()
    {
        using Policy policy = Create(Config("Qwen2ForCausalLM"));
        List<string> notes = [];
        GgufExport.Write(policy, _folder, Output, "auto", notes.Add);
        GgufReader file = new(Output);
        string[] tokens = file.List<string>("tokenizer.ggml.tokens");
        int[] kinds = file.List<int>("tokenizer.ggml.token_type");
        int end = _tokenizer.EosId!.Value;
        Assert.Multiple(() =>
        {
            Assert.That(file.Settings["tokenizer.ggml.model"], Is.EqualTo("gpt2"));
            Assert.That(file.Settings["tokenizer.ggml.pre"], Is.EqualTo("qwen2"));
            Assert.That(tokens, Has.Length.EqualTo(320));
            Assert.That(kinds, Has.Length.EqualTo(320));
            Assert.That((tokens[end], kinds[end]), Is.EqualTo((End, 3)));
            Assert.That((tokens[end + 1], kinds[end + 1]), Is.EqualTo(("<keep>", 4)));
            Assert.That((tokens[319], kinds[319]), Is.EqualTo(("[PAD319]", 5)),
                "a row of the embedding without a token");
            Assert.That(file.List<string>("tokenizer.ggml.merges"), Is.EqualTo(new[] { "t h", "th e", "Ġ the" }));
            Assert.That(file.Settings["tokenizer.ggml.eos_token_id"], Is.EqualTo(end));
            Assert.That(file.Settings["tokenizer.ggml.add_bos_token"], Is.False);
            Assert.That(file.Settings["tokenizer.chat_template"], Is.EqualTo("{{ messages[0].content }}"));
            Assert.That(notes, Has.One.Contain("Unicode form C"));
        });
    }

    [Test]
    public void Rotations_are_scaled_as_the_configuration_says()
    {
        using Policy linear = Create(Config("LlamaForCausalLM",
            c => c["rope_scaling"] = new JsonObject { ["rope_type"] = "linear", ["factor"] = 4.0 }));
        GgufReader file = Export(linear, "f32");
        Assert.That((file.Settings["llama.rope.scaling.type"], file.Settings["llama.rope.scaling.factor"]),
            Is.EqualTo(((object)"linear", (object)4f)));
        using Policy llama3 = Create(Config("LlamaForCausalLM", c => c["rope_scaling"] = new JsonObject
        {
            ["rope_type"] = "llama3",
            ["factor"] = 8.0,
            ["low_freq_factor"] = 1.0,
            ["high_freq_factor"] = 4.0,
            ["original_max_position_embeddings"] = 16,
        }));
        float[] factors = Export(llama3, "f32").Values("rope_freqs.weight");
        Assert.That(factors, Has.Length.EqualTo(4).And.All.InRange(1f, 8.001f));
        Assert.That(factors[^1], Is.EqualTo(8).Within(1e-4), "the slowest pair turns eight times slower");
        using Policy yarn = Create(Config("Qwen2ForCausalLM", c => c["rope_scaling"] = new JsonObject
        {
            ["type"] = "yarn",
            ["factor"] = 4.0,
            ["original_max_position_embeddings"] = 16,
        }));
        Assert.That(Export(yarn, "f32").Settings["qwen2.rope.scaling.original_context_length"], Is.EqualTo(16));
    }

    [TestCase("LlamaForCausalLM", """{"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}""",
        "rope_scaling = dynamic")]
    [TestCase("Qwen2ForCausalLM", """
        {"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 16}}
        """,
        "rope_scaling.beta_fast = 16")]
    [TestCase("Qwen2ForCausalLM", """{"use_sliding_window": true, "sliding_window": 8, "max_window_layers": 3}""",
        "use_sliding_window = true")]
    [TestCase("Gemma3ForCausalLM", """{"sliding_window_pattern": 3}""", "layer_types")]
    [TestCase("Gemma3ForCausalLM", """{"query_pre_attn_scalar": 64}""", "query_pre_attn_scalar = 64")]
    [TestCase("Gemma3ForCausalLM", """{"rope_local_base_freq": 20000}""", "rope_local_base_freq")]
    public void What_GGUF_cannot_say_is_refused_by_name(string architecture, string keys, string message)
    {
        using Policy policy = Create(Config(architecture, c =>
        {
            foreach ((string key, JsonNode? value) in (JsonObject)JsonNode.Parse(keys)!)
            {
                c[key] = value?.DeepClone();
            }
        }));
        Refused(policy, _folder, "f32", message);
    }

    [Test]
    public void An_adapter_is_merged_first()
    {
        using Policy policy = Create(Config("Qwen2ForCausalLM"));
        policy.AttachAdapter(AdapterOptions.AllProjections(2), trainable: false, seed: 1);
        Refused(policy, _folder, "f32", "merge the adapter first");
    }

    [Test]
    public void A_value_beyond_float16_is_refused_and_leaves_nothing()
    {
        using Policy policy = Create(Config("Qwen2ForCausalLM"));
        TensorInfo tensor = policy.BaseTensors().First(t => t.Name.EndsWith("layers.1.mlp.up_proj.weight",
            StringComparison.Ordinal));
        float[] values = policy.ReadTensor(tensor);
        values[5] = 1e6f;
        policy.WriteTensor(tensor, values);
        Refused(policy, _folder, "f16", "blk.1.ffn_up.weight holds 1000000");
        Assert.That(Export(policy, "bf16").Values("blk.1.ffn_up.weight")[5], Is.EqualTo(Bf16(1e6f)));
    }

    [TestCase("""
        {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\d"}, "behavior": "Isolated", "invert": false}}
        """,
        "pre_tokenizer")]
    [TestCase("""{"normalizer": {"type": "Lowercase"}}""", "normalizer")]
    public void A_tokenizer_that_no_reader_knows_is_refused(string keys, string message)
    {
        string folder = Path.Combine(_folder, "other");
        Directory.CreateDirectory(folder);
        _tokenizer.Save(folder);
        string path = Path.Combine(folder, "tokenizer.json");
        JsonObject json = (JsonObject)JsonNode.Parse(File.ReadAllText(path))!;
        foreach ((string key, JsonNode? value) in (JsonObject)JsonNode.Parse(keys)!)
        {
            json[key] = value?.DeepClone();
        }

        File.WriteAllText(path, json.ToJsonString());
        using Policy policy = Create(Config("Qwen2ForCausalLM"));
        Refused(policy, folder, "f32", message);
    }

    private static float Bf16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000);
    }

    private static float[] Read(Policy policy, string name) =>
        policy.ReadTensor(policy.BaseTensors().Single(t => t.Name == name));

    private static void Check(Policy policy, GgufReader file, string ours, string theirs, float shift = 0) =>
        Assert.That(file.Values(theirs), Is.EqualTo(Read(policy, ours).Select(v => v + shift)), theirs);

    private static JsonObject Config(string architecture, Action<JsonObject>? change = null)
    {
        JsonObject config = (JsonObject)JsonNode.Parse("""
            {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 7, "num_attention_heads": 4,
             "num_key_value_heads": 2, "head_dim": 8, "vocab_size": 320, "max_position_embeddings": 64,
             "rms_norm_eps": 1e-5, "rope_theta": 5000, "tie_word_embeddings": true, "torch_dtype": "float32"}
            """)!;
        config["architectures"] = new JsonArray(architecture);
        if (architecture.StartsWith("Gemma", StringComparison.Ordinal))
        {
            (config["query_pre_attn_scalar"], config["sliding_window"], config["sliding_window_pattern"]) = (8, 16, 6);
        }

        change?.Invoke(config);
        return config;
    }

    /// <summary>Random weights, vectors too.</summary>
    private Policy Create(JsonObject config)
    {
        Policy policy = Policy.CreateRandom(_device, ModelArchitecture.Parse(config.ToJsonString(), "config.json"),
            new() { Bf16 = false, MaxPositions = 16, Trainable = false }, seed: 3, std: 0.3f);
        Random random = new(1);
        foreach (TensorInfo vector in policy.BaseTensors().Where(t => t.Columns == 0))
        {
            policy.WriteTensor(vector,
                Enumerable.Range(0, (int)vector.Rows).Select(_ => random.NextSingle()).ToArray());
        }

        return policy;
    }

    private GgufReader Export(Policy policy, string type)
    {
        GgufExport.Write(policy, _folder, Output, type, _ => { });
        return new(Output);
    }

    private void Refused(Policy policy, string tokenizer, string type, string message)
    {
        string output = Path.Combine(_folder, "refused.gguf");
        Assert.That(() => GgufExport.Write(policy, tokenizer, output, type, _ => { }),
            Throws.TypeOf<DataException>().With.Message.Contains(message));
        Assert.That(Directory.GetFiles(_folder, "refused*"), Is.Empty);
    }
}
