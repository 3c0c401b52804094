using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Engine.Models;
using Tbrm.Interop;

namespace Tbrm.Engine.Tests.Models;

/// <summary>What config.json files say, as transformers understands them, and what is refused.</summary>
public sealed class ModelArchitectureTests
{
    private const string Base = """
        {"architectures": ["LlamaForCausalLM"], "vocab_size": 64, "hidden_size": 256, "intermediate_size": 64,
         "num_hidden_layers": 1,
         "num_attention_heads": 4, "max_position_embeddings": 4096, "rope_theta": 10000.0}
        """;

    // Pairs 0, 9, 15, 20, 24 and 31 of 32, by a transcription of transformers' modeling_rope_utils in double.
    [TestCase("""{}""", new[] { 1.0, 0.07498942093324558, 0.01333521432163324, 0.00316227766016838, 0.001,
        0.0001333521432163324 }, 1.0, TestName = "Rotations_of_default_are_the_references")]
    [TestCase("""{"rope_theta": 700.0, "rope_parameters": {"rope_type": "default"}}""",
        new[] { 1.0, 0.15842224969325117, 0.04638315580734386, 0.01666532260119782, 0.007348123890872003,
            0.00175311850412276 }, 1.0, TestName = "Rotations_of_theta_beside_are_the_references")]
    [TestCase("""{"rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0}}""",
        new[] { 1.0, 0.02053525026457146, 0.0015399265260594922, 0.0001778279410038923, 3.162277660168379e-05,
            1.539926526059492e-06 }, 1.0, TestName = "Rotations_of_theta_inside_are_the_references")]
    [TestCase(
        """{"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1000000.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 10.0}}}""",
        new[] { 1.0, 0.02053525026457146, 0.0015399265260594922, 0.0001778279410038923, 3.162277660168379e-05,
            1.539926526059492e-06 }, 1.0, TestName = "Rotations_of_full_attention_among_types_are_the_references")]
    [TestCase("""{"rope_scaling": {"type": "linear", "factor": 4}}""",
        new[] { 0.25, 0.018747355233311395, 0.00333380358040831, 0.000790569415042095, 0.00025, 3.33380358040831e-05 },
            1.0, TestName = "Rotations_of_linear_are_the_references")]
    [TestCase(
        """{"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 1024}}""",
        new[] { 1.0, 0.07498942093324558, 0.006230386767807315, 0.0003952847075210475, 0.000125,
            1.666901790204155e-05 }, 1.0, TestName = "Rotations_of_llama3_are_the_references")]
    [TestCase("""{"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024}}""",
        new[] { 1.0, 0.05768416994865044, 0.0056418214437679096, 0.000790569415042095, 0.00025, 3.33380358040831e-05 },
            1.138629436111989, TestName = "Rotations_of_yarn_are_the_references")]
    [TestCase(
        """{"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024, "mscale": 1.0, "mscale_all_dim": 0.5}}""",
        new[] { 1.0, 0.05768416994865044, 0.0056418214437679096, 0.000790569415042095, 0.00025, 3.33380358040831e-05 },
            1.0648216253695715, TestName = "Rotations_of_yarn_mscale_are_the_references")]
    [TestCase(
        """{"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024, "truncate": false, "beta_fast": null}}""",
        new[] { 1.0, 0.05936914064309883, 0.005573896940265263, 0.000790569415042095, 0.00025, 3.33380358040831e-05 },
            1.138629436111989, TestName = "Rotations_of_yarn_truncate_are_the_references")]
    [TestCase("""{"rope_scaling": {"rope_type": "yarn", "factor": null, "original_max_position_embeddings": 1024}}""",
        new[] { 1.0, 0.05768416994865044, 0.0056418214437679096, 0.000790569415042095, 0.00025, 3.33380358040831e-05 },
            1.138629436111989, TestName = "Rotations_of_yarn_no_factor_are_the_references")]
    public void Rotations_are_the_references(string keys, double[] expected, double attentionFactor)
    {
        RopeFrequencies rope = Parse(keys).Rope;
        int[] pairs = [0, 9, 15, 20, 24, 31];
        // A float is within half an ulp (2^-24) of the double it was narrowed from.
        Assert.That(pairs.Select(i => (double)rope.InverseFrequencies[i]), Is.EqualTo(expected).Within(1e-5).Percent);
        Assert.That(rope.AttentionFactor, Is.EqualTo(attentionFactor).Within(1e-5).Percent);
    }

    [Test]
    public void A_dynamic_base_holds_up_to_the_trained_length_and_is_refused_beyond()
    {
        ModelArchitecture architecture = Parse("""{"rope_scaling": {"type": "dynamic", "factor": 2.0}}""");
        Assert.That(architecture.Rope.InverseFrequencies, Is.EqualTo(Parse("{}").Rope.InverseFrequencies));
        PolicyOptions options = new() { Bf16 = false, MaxPositions = 4096, Trainable = false };
        Assert.That(architecture.Native(options, trainable: false).MaxPositions, Is.EqualTo(4096));
        Assert.That(() => architecture.Native(options with { MaxPositions = 4097 }, trainable: false),
            Throws.TypeOf<DataException>().With.Message.Contains("4096"));
    }

    [TestCase("""{"architectures": null, "model_type": "qwen3"}""", "Qwen3ForCausalLM", 128)]
    [TestCase("""{"architectures": ["Qwen3ForCausalLM"], "head_dim": 64}""", "Qwen3ForCausalLM", 64)]
    [TestCase("""{"head_dim": null, "attention_bias": false, "mlp_bias": null}""", "LlamaForCausalLM", 64)]
    [TestCase("""{"architectures": ["Qwen2ForCausalLM"], "attention_bias": true}""", "Qwen2ForCausalLM", 64)]
    public void Keys_that_are_absent_or_null_have_transformers_defaults(string keys, string name, int headDim)
    {
        ModelArchitecture architecture = Parse(keys);
        Assert.That((architecture.Name, architecture.HeadDim), Is.EqualTo((name, headDim)));
    }

    [TestCase("""{"architectures": [3]}""", "architectures")]
    [TestCase("""{"architectures": ["Foo", "LlamaForCausalLM"]}""", "'Foo' is not supported")]
    [TestCase("""{"head_dim": 33}""", "head_dim is 33")]
    [TestCase("""{"num_key_value_heads": 3}""", "num_key_value_heads is 3")]
    [TestCase("""{"rms_norm_eps": 0}""", "rms_norm_eps")]
    [TestCase("""{"rope_theta": -1}""", "rope_theta")]
    [TestCase("""{"hidden_act": 1}""", "hidden_act")]
    [TestCase("""{"torch_dtype": {"a": 1}}""", "torch_dtype")]
    [TestCase("""{"dtype": "int4"}""", "dtype is 'int4'")]
    [TestCase("""{"use_sliding_window": 1}""", "use_sliding_window")]
    [TestCase("""{"attention_bias": true}""", "attention_bias=true")]
    [TestCase("""{"partial_rotary_factor": 0.5}""", "partial_rotary_factor")]
    [TestCase("""{"num_hidden_layers": 100000}""", "num_hidden_layers is 100000")]
    [TestCase("""{"num_hidden_layers": 1073741824}""", "num_hidden_layers is 1073741824")]
    [TestCase("""{"num_hidden_layers": 99999999999}""", "num_hidden_layers is 99999999999")]
    [TestCase("""{"hidden_size": 131074}""", "hidden_size is 131074")]
    [TestCase("""{"intermediate_size": 1048577}""", "intermediate_size is 1048577")]
    [TestCase("""{"vocab_size": 16777217}""", "vocab_size is 16777217")]
    [TestCase("""{"num_attention_heads": 1025}""", "num_attention_heads is 1025")]
    [TestCase("""{"rms_norm_eps": 1e-46}""", "rms_norm_eps")]
    [TestCase("""{"rms_norm_eps": 0.99999999999}""", "rms_norm_eps")]
    [TestCase("""{"rope_theta": 1e-300}""", "rope_theta")]
    [TestCase("""{"eos_token_id": 999999999}""", "eos_token_id is 999999999")]
    [TestCase("""{"eos_token_id": [1, 999999999]}""", "999999999 is no token")]
    [TestCase("""{"eos_token_id": 18446744073709551616}""", "18446744073709551616 is no token")]
    [TestCase("""{"eos_token_id": -1}""", "expected a token's id or a list of ids")]
    [TestCase("""{"eos_token_id": [1.5]}""", "expected a token's id or a list of ids")]
    [TestCase("""{"eos_token_id": "2"}""", "expected a token's id or a list of ids")]
    [TestCase("""{"layer_types": ["full_attention", "sliding_attention"], "num_hidden_layers": 2}""",
        "layer_types[1] is \"sliding_attention\"")]
    [TestCase("""{"layer_types": ["full_attention"], "num_hidden_layers": 2}""", "layer_types has 1 entries")]
    [TestCase("""{"layer_types": "full_attention"}""", "a list at layer_types")]
    [TestCase("""{"sliding_window": 4096}""", "sliding_window is 4096")]
    [TestCase("""{"final_logit_softcapping": 30.0}""", "final_logit_softcapping")]
    [TestCase("""{"num_local_experts": 8}""", "num_local_experts")]
    [TestCase("""{"rope_parameters": {"sliding_attention": {"rope_type": "default"}}}""", "no full_attention")]
    [TestCase("""{"rope_parameters": {"full_attention": {"rope_type": "longrope"}}}""", "'longrope' is not known")]
    [TestCase("""{"rope_parameters": {"full_attention": {"partial_rotary_factor": 0.5}}}""", "partial_rotary_factor")]
    [TestCase("""{"rope_scaling": "yarn"}""", "an object at rope_scaling")]
    [TestCase("""{"rope_scaling": {"type": 3}}""", "a text at type")]
    [TestCase("""{"rope_scaling": {"type": "longrope"}}""", "'longrope' is not known")]
    [TestCase("""{"rope_scaling": {"type": "linear", "factor": 0}}""", "a positive number at factor")]
    [TestCase("""{"rope_scaling": {"type": "yarn", "factor": 2, "original_max_position_embeddings": -3}}""",
        "original_max_position_embeddings")]
    [TestCase(
        """{"rope_scaling": {"type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4, "original_max_position_embeddings": 8}}""",
        "low_freq_factor")]
    public void A_value_that_cannot_be_is_named_with_the_file(string keys, string expected) =>
        Assert.That(() => Parse(keys),
            Throws.TypeOf<DataException>().With.Message.StartsWith("config.json").And.Message.Contains(expected));

    // The keys that the published files have, some of them with other numbers.
    private const string Gemma = """
        {"architectures": ["Gemma3ForCausalLM"], "attention_bias": false, "attn_logit_softcapping": null,
         "cache_implementation": "hybrid", "eos_token_id": [1, 106],
         "final_logit_softcapping": null, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh",
         "hidden_size": 1152, "intermediate_size": 6912,
         "max_position_embeddings": 32768, "model_type": "gemma3_text", "num_attention_heads": 4,
         "num_hidden_layers": 26, "num_key_value_heads": 1,
         "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_local_base_freq": 10000, "rope_scaling": null,
         "rope_theta": 1000000, "sliding_window": 512,
         "sliding_window_pattern": 6, "torch_dtype": "bfloat16", "vocab_size": 262144}
        """;

    private static ModelArchitecture ParseGemma(string keys) =>
        ModelArchitecture.Parse(With(Gemma, keys), "config.json");

    [Test]
    public void A_gemma_3_has_windows_two_tables_of_rotations_a_scale_and_a_tied_head()
    {
        ModelArchitecture gemma = ParseGemma("{}");
        Assert.That((gemma.HeadDim, gemma.KeyValueHeads, gemma.TieWordEmbeddings,
            gemma.MaxPositionEmbeddings),
            Is.EqualTo((256, 1, true, 32768)));
        Assert.That(gemma.Attention.Window, Is.EqualTo(512));
        Assert.That(gemma.Attention.Sliding, Is.EqualTo(Enumerable.Range(0, 26).Where(i => (i + 1) % 6 != 0)));
        Assert.That(gemma.Rope.Tables, Has.Length.EqualTo(256));
        // Pair 64 of 128: theta^-0.5.
        Assert.That((double)gemma.Rope.InverseFrequencies[64], Is.EqualTo(1e-3).Within(1e-5).Percent);
        Assert.That((double)gemma.Rope.SlidingInverseFrequencies[64], Is.EqualTo(1e-2).Within(1e-5).Percent);
        Assert.That(gemma.Description, Is.EqualTo(
            "qk_norm=1 activation=gelu_tanh post_norms=1 norm_shift=1 scaled_embedding=1 attention_scale=0.0625 "
            + "sliding_window=512 sliding_layers=0-4,6-10,12-16,18-22,24-25"));
    }

    [TestCase(
        """{"num_hidden_layers": 3, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}""",
        new[] { 0, 2 })]
    [TestCase("""{"num_hidden_layers": 3, "sliding_window_pattern": 2}""", new[] { 0, 2 })]
    [TestCase("""{"num_hidden_layers": 3, "sliding_window_pattern": null, "_sliding_window_pattern": 3}""",
        new[] { 0, 1 })]
    [TestCase("""{"num_hidden_layers": 3, "sliding_window_pattern": 1}""", new int[0])]
    public void Layers_slide_as_the_file_says(string keys, int[] sliding) =>
        Assert.That(ParseGemma(keys).Attention.Sliding, Is.EqualTo(sliding));

    /// <summary>What transformers' configurations of Qwen2 and Qwen3 say of their layers.</summary>
    [TestCase("""{"use_sliding_window": true, "max_window_layers": 2, "sliding_window": 512, "num_hidden_layers": 4}""",
        512, new[] { 2, 3 })]
    [TestCase("""{"use_sliding_window": true, "max_window_layers": 0, "num_hidden_layers": 2}""", 4096, new[] { 0, 1 })]
    [TestCase("""{"use_sliding_window": true, "num_hidden_layers": 30}""", 4096, new[] { 28, 29 })]
    [TestCase(
        """{"use_sliding_window": true, "sliding_window": 8, "num_hidden_layers": 2, "layer_types": ["sliding_attention", "full_attention"]}""",
        8, new[] { 0 })]
    [TestCase(
        """{"use_sliding_window": true, "sliding_window": null, "max_window_layers": 28, "num_hidden_layers": 28}""", 0,
        new int[0])]
    [TestCase("""{"use_sliding_window": false, "sliding_window": 512, "max_window_layers": 0}""", 0, new int[0])]
    [TestCase("""{"sliding_window": 131072, "max_window_layers": 28}""", 0, new int[0])]
    public void A_qwens_layers_slide_where_use_sliding_window_says_so(string keys, int window, int[] sliding)
    {
        foreach (string name in new[] { "Qwen2ForCausalLM", "Qwen3ForCausalLM" })
        {
            ModelArchitecture qwen = ParseQwen(name, keys);
            Assert.That((qwen.Attention.Window, qwen.Description.Contains("attention_scale")),
                Is.EqualTo((window, false)), name);
            Assert.That(qwen.Attention.Sliding, Is.EqualTo(sliding), name);
            Assert.That(qwen.Rope.SlidingInverseFrequencies, Is.Empty, "they turn as the others do");
        }
    }

    [TestCase("""{"num_hidden_layers": 2, "layer_types": ["full_attention", "sliding_attention"]}""",
        "use_sliding_window=true beside it")]
    [TestCase("""{"use_sliding_window": true, "sliding_window": null, "max_window_layers": 0}""",
        "sliding_window is null")]
    [TestCase("""{"use_sliding_window": true, "max_window_layers": -1}""", "max_window_layers is -1")]
    [TestCase("""{"use_sliding_window": 1}""", "use_sliding_window")]
    public void A_qwens_window_that_cannot_be_is_named(string keys, string expected) =>
        Assert.That(() => ParseQwen("Qwen2ForCausalLM", keys),
            Throws.TypeOf<DataException>().With.Message.StartsWith("config.json").And.Message.Contains(expected));

    /// <summary>max_position_embeddings of gemma-3-4b, 12b and 27b is the length after the scaling; of others the one
    /// before it.</summary>
    [TestCase("Gemma3ForCausalLM", 131072)]
    [TestCase("LlamaForCausalLM", 8 * 131072)]
    public void The_length_that_a_model_is_made_for_is_scaled_once(string name, int expected)
    {
        ModelArchitecture architecture = ParseQwen(name,
            """{"max_position_embeddings": 131072, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}""");
        Assert.That(architecture.ContextLength, Is.EqualTo(expected));
    }

    private static ModelArchitecture ParseQwen(string name, string keys)
    {
        JsonObject all = (JsonObject)JsonNode.Parse("""
            {"vocab_size": 64, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2,
             "num_attention_heads": 4}
            """)!;
        all["architectures"] = new JsonArray(name);
        foreach ((string key, JsonNode? value) in (JsonObject)JsonNode.Parse(keys)!)
        {
            all[key] = value?.DeepClone();
        }

        return ModelArchitecture.Parse(all.ToJsonString(), "config.json");
    }

    [Test]
    public void Rotations_of_a_gemma_3_are_scaled_in_full_layers_alone_however_they_are_spelled()
    {
        RopeFrequencies old = ParseGemma("""{"rope_scaling": {"factor": 8.0, "rope_type": "linear"}}""").Rope;
        RopeFrequencies five = ParseGemma("""
            {"rope_scaling": null, "rope_theta": null, "rope_local_base_freq": null, "rope_parameters": {
             "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000},
             "sliding_attention": {"rope_type": "default", "rope_theta": 10000}}}
            """).Rope;
        Assert.That((double)old.InverseFrequencies[64], Is.EqualTo(1e-3 / 8).Within(1e-5).Percent);
        Assert.That((double)old.SlidingInverseFrequencies[64], Is.EqualTo(1e-2).Within(1e-5).Percent);
        Assert.That(five.Tables, Is.EqualTo(old.Tables));
    }

    [Test]
    public void Keys_that_a_gemma_3_leaves_out_have_transformers_defaults()
    {
        ModelArchitecture gemma = ModelArchitecture.Parse("""
            {"architectures": null, "model_type": "gemma3_text", "vocab_size": 64, "hidden_size": 64,
             "intermediate_size": 64, "num_hidden_layers": 7, "num_attention_heads": 8}
            """, "config.json");
        Assert.That((gemma.Name, gemma.HeadDim, gemma.KeyValueHeads, gemma.TieWordEmbeddings,
            gemma.MaxPositionEmbeddings, gemma.Attention.Window,
            gemma.Description.Contains("attention_scale=0.0625")),
            Is.EqualTo(("Gemma3ForCausalLM", 256, 4, true, 131072, 4096, true)));
        Assert.That(gemma.Attention.Sliding, Is.EqualTo(new[] { 0, 1, 2, 3, 4, 6 }));
    }

    [TestCase("""{"final_logit_softcapping": 30.0}""", "final_logit_softcapping is 30")]
    [TestCase("""{"attn_logit_softcapping": 50.0}""", "attn_logit_softcapping is 50")]
    [TestCase("""{"use_bidirectional_attention": true}""", "use_bidirectional_attention is true")]
    [TestCase("""{"hidden_activation": "gelu"}""", "hidden_activation 'gelu'")]
    [TestCase("""{"sliding_window": 0}""", "sliding_window is 0")]
    [TestCase("""{"query_pre_attn_scalar": 0}""", "query_pre_attn_scalar")]
    [TestCase("""{"num_hidden_layers": 1, "layer_types": ["chunked_attention"]}""",
        "layer_types[0] is \"chunked_attention\"")]
    [TestCase("""{"rope_parameters": {"full_attention": {}, "sliding_attention": {"rope_type": "yarn"}}}""",
        "expected default in sliding layers")]
    [TestCase("""{"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3"}""", "vision tower")]
    public void What_a_gemma_3_may_not_have_is_named(string keys, string expected) =>
        Assert.That(() => ParseGemma(keys),
            Throws.TypeOf<DataException>().With.Message.StartsWith("config.json").And.Message.Contains(expected));

    [Test]
    public void A_gemma_3_critic_is_transformers_classifier_of_sequences()
    {
        ModelArchitecture critic = ParseGemma("{}").AsCritic();
        ModelArchitecture read = ModelArchitecture.Parse(critic.Raw.ToJsonString(), "config.json");
        Assert.That((read.Name, read.Head, read.Raw["architectures"]![0]!.ToString()),
            Is.EqualTo(("Gemma3ForCausalLM", HeadKind.Value, "Gemma3TextForSequenceClassification")));
    }

    /// <summary>The keys of granite-3.3-2b, some with other sizes.</summary>
    [TestCase(
        """{"attention_multiplier": 0.015625, "embedding_multiplier": 12.0, "logits_scaling": 8.0, "residual_multiplier": 0.22}""",
        "embedding_multiplier=12 residual_multiplier=0.22 attention_scale=0.015625 logits_scaling=8")]
    [TestCase("{}", "embedding_multiplier=1 residual_multiplier=1 attention_scale=1 logits_scaling=1")]
    public void A_granite_is_a_llama_with_four_multipliers(string keys, string description)
    {
        ModelArchitecture granite = ParseQwen("GraniteForCausalLM", keys);
        Assert.That((granite.Description, granite.TieWordEmbeddings, granite.MaxPositionEmbeddings),
            Is.EqualTo((description, false, 2048)));
        Assert.That(granite.AsCritic().Raw["architectures"]![0]!.ToString(),
            Is.EqualTo("GraniteForSequenceClassification"));
    }

    [TestCase("""{"logits_scaling": 0}""", "logits_scaling")]
    [TestCase("""{"residual_multiplier": -0.5}""", "residual_multiplier")]
    [TestCase("""{"attention_bias": true}""", "attention_bias=true")]
    public void What_a_granite_may_not_have_is_named(string keys, string expected) =>
        Assert.That(() => ParseQwen("GraniteForCausalLM", keys),
            Throws.TypeOf<DataException>().With.Message.StartsWith("config.json").And.Message.Contains(expected));

    [Test]
    public void A_key_that_stands_twice_is_refused() =>
        Assert.That(() => ModelArchitecture.Parse("""{"vocab_size": 1, "vocab_size": 2}""", "config.json"),
            Throws.TypeOf<DataException>().With.Message.Contains("vocab_size"));

    private static ModelArchitecture Parse(string keys) => ModelArchitecture.Parse(With(Base, keys), "config.json");

    private static string With(string file, string keys)
    {
        JsonObject config = (JsonObject)JsonNode.Parse(file)!;
        foreach ((string key, JsonNode? value) in (JsonObject)JsonNode.Parse(keys)!)
        {
            config[key] = value?.DeepClone();
        }

        return config.ToJsonString();
    }
}
