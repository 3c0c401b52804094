using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tbrm.Core.Errors;
using Tbrm.Engine.Models;

namespace Tbrm.Engine.Gguf;

/// <summary>
/// A policy's architecture and tensors in GGUF's names, as llama.cpp reads them. What GGUF has no key for is refused by
/// its name in config.json.
/// </summary>
public static partial class GgufModel
{
    private const string Llama = "LlamaForCausalLM", Qwen2 = "Qwen2ForCausalLM", Qwen3 = "Qwen3ForCausalLM",
        Gemma3 = "Gemma3ForCausalLM", Granite = "GraniteForCausalLM";

    /// <summary>Of Gemma 3, in llama.cpp: every sixth layer sees the whole sequence, and the others turn by this
    /// base.</summary>
    private const int GemmaPeriod = 6;

    private const double GemmaLocalBase = 10000;

    /// <summary>Granite's multipliers, and GGUF's names of them.</summary>
    private static readonly Dictionary<string, string> s_multipliers = new()
    {
        ["embedding_multiplier"] = "embedding_scale",
        ["residual_multiplier"] = "residual_scale",
        ["attention_scale"] = "attention.scale",
        ["logits_scaling"] = "logit_scale",
    };

    /// <summary>What sets the layers of each apart that a reader of GGUF knows by the architecture's name.</summary>
    private static readonly Dictionary<string, string[]> s_known = new()
    {
        [Llama] = [],
        [Qwen2] = ["qkv_bias"],
        [Qwen3] = ["qk_norm"],
        [Granite] = [.. s_multipliers.Keys],
        [Gemma3] = ["qk_norm", "activation", "post_norms", "norm_shift", "scaled_embedding", "attention_scale"],
    };

    /// <summary>Which layers slide, and how far: <see cref="AddAttention"/> sees to it.</summary>
    private static readonly string[] s_window = ["sliding_window", "sliding_layers"];

    /// <summary>Tensors outside of the layers.</summary>
    private static readonly Dictionary<string, string> s_outside = new()
    {
        ["model.embed_tokens.weight"] = "token_embd.weight",
        ["model.norm.weight"] = "output_norm.weight",
        ["lm_head.weight"] = "output.weight",
    };

    /// <summary>Parts of a layer.</summary>
    private static readonly Dictionary<string, string> s_layer = new()
    {
        ["input_layernorm"] = "attn_norm",
        ["self_attn.q_proj"] = "attn_q",
        ["self_attn.k_proj"] = "attn_k",
        ["self_attn.v_proj"] = "attn_v",
        ["self_attn.o_proj"] = "attn_output",
        ["self_attn.q_norm"] = "attn_q_norm",
        ["self_attn.k_norm"] = "attn_k_norm",
        ["post_attention_layernorm"] = "ffn_norm",
        ["mlp.gate_proj"] = "ffn_gate",
        ["mlp.up_proj"] = "ffn_up",
        ["mlp.down_proj"] = "ffn_down",
    };

    /// <summary>A Gemma 3 has norms after attention and MLP too, and one of them has the name that others give to the
    /// norm before the MLP.</summary>
    private static readonly Dictionary<string, string> s_gemmaLayer = new(s_layer)
    {
        ["post_attention_layernorm"] = "post_attention_norm",
        ["pre_feedforward_layernorm"] = "ffn_norm",
        ["post_feedforward_layernorm"] = "post_ffw_norm",
    };

    /// <summary>Adds settings and tensors. The values are read from the policy when the file is written.</summary>
    /// <param name="file">Where to.</param>
    /// <param name="policy">Without an adapter: merge it first.</param>
    /// <param name="type">Of the matrices; vectors are fp32 always.</param>
    /// <param name="name">For people.</param>
    /// <exception cref="DataException">GGUF cannot express a setting, or the model has an adapter.</exception>
    public static void AddTo(GgufFile file, Policy policy, GgufType type, string name)
    {
        if (policy.Adapter is not null)
        {
            throw new DataException(
                "a model with an adapter cannot be written as GGUF; merge the "
                + "adapter first (export merge)");
        }

        ModelArchitecture model = policy.Architecture;
        string architecture = NameOf(model);
        file.Set("general.architecture", architecture);
        AddSettings(file, model, architecture);
        file.Set("general.name", name);
        file.Set("general.file_type", type switch { GgufType.F32 => 0u, GgufType.F16 => 1u, _ => 32u });
        file.Set(architecture + ".context_length", (uint)model.MaxPositionEmbeddings);
        file.Set(architecture + ".embedding_length", (uint)model.HiddenSize);
        file.Set(architecture + ".block_count", (uint)model.Layers);
        file.Set(architecture + ".feed_forward_length", (uint)model.IntermediateSize);
        file.Set(architecture + ".attention.head_count", (uint)model.Heads);
        file.Set(architecture + ".attention.head_count_kv", (uint)model.KeyValueHeads);
        file.Set(architecture + ".attention.key_length", (uint)model.HeadDim);
        file.Set(architecture + ".attention.value_length", (uint)model.HeadDim);
        file.Set(architecture + ".attention.layer_norm_rms_epsilon", model.RmsNormEps);
        file.Set(architecture + ".rope.dimension_count", (uint)model.HeadDim);
        file.Set(architecture + ".vocab_size", (uint)model.VocabSize);
        AddAttention(file, model, architecture);
        AddRotations(file, model, architecture);
        foreach (TensorInfo tensor in policy.BaseTensors())
        {
            // A copy of the loop's variable is captured: the values are read later.
            TensorInfo one = tensor;
            file.Add(NameOf(one.Name, model), one.Rows, one.Columns, one.Columns == 0 ? GgufType.F32 : type,
                () => Values(policy, one));
        }
    }

    private static string NameOf(ModelArchitecture model) => model.Name switch
    {
        Llama => "llama",
        Qwen2 => "qwen2",
        Qwen3 => "qwen3",
        Gemma3 => "gemma3",
        Granite => "granite",
        _ => throw Refused("architectures", model.Name, "expected a Llama, Qwen2, Qwen3, Gemma 3 or Granite"),
    };

    /// <summary>A variant that computes something else must not be read as the plain one.</summary>
    private static void AddSettings(GgufFile file, ModelArchitecture model, string architecture)
    {
        foreach (string setting in model.Description.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            string name = setting[..setting.IndexOf('=', StringComparison.Ordinal)];
            if (!s_window.Contains(name) && !s_known[model.Name].Contains(name))
            {
                throw Refused(name, setting[(name.Length + 1)..], $"readers of GGUF know no such {model.Name}");
            }

            if (model.Name == Granite && s_multipliers.TryGetValue(name, out string? key))
            {
                file.Set($"{architecture}.{key}",
                    float.Parse(setting.AsSpan(name.Length + 1), CultureInfo.InvariantCulture));
            }
        }
    }

    private static string NameOf(string tensor, ModelArchitecture model)
    {
        if (s_outside.TryGetValue(tensor, out string? outside))
        {
            return outside;
        }

        Match match = LayerTensor().Match(tensor);
        return match.Success && (model.Name == Gemma3 ? s_gemmaLayer : s_layer)
            .TryGetValue(match.Groups["part"].Value, out string? part)
            ? $"blk.{match.Groups["layer"].Value}.{part}.{match.Groups["kind"].Value}"
            : throw new DataException($"tensor {tensor}: GGUF has no name for it in a {model.Name}");
    }

    private static float[] Values(Policy policy, TensorInfo tensor)
    {
        float[] values = policy.ReadTensor(tensor);
        ModelArchitecture model = policy.Architecture;
        if (model.Name is Llama or Granite)
        {
            if (tensor.Name.EndsWith("q_proj.weight", StringComparison.Ordinal))
            {
                return Interleaved(values, model.Heads, model.HeadDim, (int)tensor.Columns);
            }

            if (tensor.Name.EndsWith("k_proj.weight", StringComparison.Ordinal))
            {
                return Interleaved(values, model.KeyValueHeads, model.HeadDim, (int)tensor.Columns);
            }
        }

        // A Gemma's norms multiply by 1 + w; a reader of GGUF multiplies by what the file has.
        return model.Name == Gemma3 && tensor.Name.EndsWith("norm.weight", StringComparison.Ordinal)
            ? Array.ConvertAll(values, v => v + 1) : values;
    }

    /// <summary>
    /// A llama of GGUF's turns the pairs (2i, 2i + 1) of a head where ours turns (i, i + d/2): its rows are those of
    /// ours
    /// in another order.
    /// </summary>
    private static float[] Interleaved(float[] rows, int heads, int headDim, int columns)
    {
        float[] moved = new float[rows.Length];
        for (int head = 0; head < heads; head++)
        {
            for (int i = 0; i < headDim; i++)
            {
                int from = (head * headDim) + (i / 2) + (i % 2 * headDim / 2), to = (head * headDim) + i;
                rows.AsSpan(from * columns, columns).CopyTo(moved.AsSpan(to * columns));
            }
        }

        return moved;
    }

    private static void AddAttention(GgufFile file, ModelArchitecture model, string architecture)
    {
        LayerAttention attention = model.Attention;
        if (model.Name != Gemma3)
        {
            if (attention.Sliding.Count > 0 && attention.Window < model.MaxPositionEmbeddings)
            {
                throw Refused("use_sliding_window", "true",
                    $"readers of GGUF let every layer of a {architecture} see the whole sequence");
            }

            return;
        }

        int[] expected = [.. Enumerable.Range(0, model.Layers).Where(i => i % GemmaPeriod != GemmaPeriod - 1)];
        if (!attention.Sliding.SequenceEqual(expected))
        {
            throw Refused("layer_types", $"sliding in layers {string.Join(", ", attention.Sliding)}",
                $"readers of GGUF let every {GemmaPeriod}th layer of a {architecture} see the whole "
                + "sequence, and no other");
        }

        double scalar = (double?)model.Raw["query_pre_attn_scalar"] ?? 256;
        if (Math.Abs(scalar - model.HeadDim) > 1e-6 * model.HeadDim)
        {
            throw Refused("query_pre_attn_scalar", $"{scalar:f0}",
                $"readers of GGUF divide the scores of a {architecture} by the root of head_dim, {model.HeadDim}");
        }

        file.Set(architecture + ".attention.sliding_window", (uint)attention.Window);
    }

    private static void AddRotations(GgufFile file, ModelArchitecture model, string architecture)
    {
        JsonObject scaling = Scaling(model.Raw);
        string kind = (string?)(scaling["rope_type"] ?? scaling["type"]) ?? "default";
        double Number(string key, double otherwise) => (double?)scaling[key] ?? otherwise;
        float[] full = model.Rope.InverseFrequencies;
        double factor = Number("factor", 1);
        file.Set(architecture + ".rope.freq_base", (float)Base(model));
        if (model.Name == Gemma3)
        {
            RefuseOtherLocalBase(model);
        }

        switch (kind)
        {
            case "default":
                break;
            case "linear":
                file.Set(architecture + ".rope.scaling.type", "linear");
                file.Set(architecture + ".rope.scaling.factor", (float)factor);
                break;
            case "llama3" when model.Name == Llama:
                double theta = Base(model);
                file.Add("rope_freqs.weight", full.Length, 0, GgufType.F32, () => [.. full.Select((f, i) =>
                    (float)(Math.Pow(theta, -2.0 * i / model.HeadDim) / f))]);
                break;
            case "yarn" when model.Name is Qwen2 or Qwen3:
                foreach (string key in new[] { "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim",
                    "truncate" })
                {
                    if (scaling[key] is { } value)
                    {
                        throw Refused("rope_scaling." + key, value.ToJsonString(),
                            "of yarn, factor and "
                            + "original_max_position_embeddings alone are written");
                    }
                }

                file.Set(architecture + ".rope.scaling.type", "yarn");
                file.Set(architecture + ".rope.scaling.factor", (float)factor);
                file.Set(architecture + ".rope.scaling.original_context_length",
                    (uint)Number("original_max_position_embeddings", model.MaxPositionEmbeddings));
                break;
            default:
                throw Refused("rope_scaling", kind,
                    $"readers of GGUF know default and linear for a "
                    + $"{architecture}, llama3 for a llama, yarn for Qwen's");
        }
    }

    private static void RefuseOtherLocalBase(ModelArchitecture model)
    {
        float[] local = model.Rope.SlidingInverseFrequencies;
        bool isPlain = local.Select(
            (f, i) => Math.Abs(f - Math.Pow(GemmaLocalBase, -2.0 * i / model.HeadDim)) <= 1e-6 * f)
            .All(same => same);
        if (!isPlain)
        {
            throw Refused("rope_local_base_freq", "another",
                $"readers of GGUF turn a gemma3's sliding layers by {GemmaLocalBase}");
        }
    }

    /// <summary>rope_scaling, or since transformers 5 rope_parameters; of Gemma 3 its entry for full layers.</summary>
    private static JsonObject Scaling(JsonObject raw)
    {
        JsonObject found = raw["rope_scaling"] as JsonObject ?? raw["rope_parameters"] as JsonObject ?? [];
        return found["full_attention"] as JsonObject ?? found;
    }

    /// <summary>The base of the rotations, as the tables were made with it.</summary>
    private static double Base(ModelArchitecture model) => model.Rope.Base;

    private static DataException Refused(string key, string value, string reason) =>
        new($"GGUF cannot express {key} = {value}: {reason}");

    [GeneratedRegex(@"^model\.layers\.(?<layer>\d+)\.(?<part>.+)\.(?<kind>weight|bias)$")]
    private static partial Regex LayerTensor();
}
