using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core;
using Tbrm.Interop;

namespace Tbrm.Engine;

/// <summary>What <c>config.json</c> says of a decoder; the raw object is kept so that saving changes nothing that we do not read.</summary>
public sealed record ModelArchitecture
{
    private const string Qwen2 = "Qwen2ForCausalLM", Qwen3 = "Qwen3ForCausalLM", Llama = "LlamaForCausalLM";

    /// <summary>Names of the architectures that can be loaded.</summary>
    public static IReadOnlyList<string> Known { get; } = [Qwen2, Qwen3, Llama];

    /// <summary>The first entry of <c>architectures</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Rows of the embedding, padding rows included.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of the feed-forward layer.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key-value heads.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Width of a head.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Longest sequence that the checkpoint was made for.</summary>
    public required int MaxPositionEmbeddings { get; init; }

    /// <summary>The head is the embedding.</summary>
    public required bool TieWordEmbeddings { get; init; }

    /// <summary>Biases on q, k, v.</summary>
    public required bool QkvBias { get; init; }

    /// <summary>RMSNorm on the heads of q and k.</summary>
    public required bool QkNorm { get; init; }

    /// <summary>Added to the mean square.</summary>
    public required float RmsNormEps { get; init; }

    /// <summary>Rotations, scaled.</summary>
    public required RopeFrequencies Rope { get; init; }

    /// <summary><c>bfloat16</c>, <c>float16</c> or <c>float32</c>: the type of the checkpoint's tensors.</summary>
    public required string TorchDtype { get; init; }

    /// <summary>The file's own object.</summary>
    public required JsonObject Raw { get; init; }

    /// <summary>Parameters, a tied head counted once.</summary>
    public long ParameterCount
    {
        get
        {
            long qkv = (long)(Heads + 2 * KeyValueHeads) * HeadDim;
            long layer = qkv * HiddenSize + (QkvBias ? qkv : 0) + (QkNorm ? 2L * HeadDim : 0)
                + (long)Heads * HeadDim * HiddenSize + 3L * IntermediateSize * HiddenSize + 2L * HiddenSize;
            return Layers * layer + HiddenSize + (long)VocabSize * HiddenSize * (TieWordEmbeddings ? 1 : 2);
        }
    }

    /// <summary>Reads a <c>config.json</c>; <paramref name="where"/> names it in messages.</summary>
    public static ModelArchitecture Parse(string json, string where)
    {
        JsonObject raw;
        try
        {
            raw = JsonNode.Parse(json) as JsonObject ?? throw new DataException($"{where}: expected a JSON object");
        }
        catch (JsonException e)
        {
            throw new DataException($"{where}: not JSON: {e.Message}", e);
        }

        ConfigReader read = new(raw, where);
        string name = raw["architectures"] is JsonArray { Count: > 0 } list ? (string?)list[0] ?? "" : "";
        if (!Known.Contains(name, StringComparer.Ordinal))
        {
            throw new DataException($"{where}: architecture '{name}' is not supported; supported are {string.Join(", ", Known)}");
        }

        RefuseVariants(raw, where);
        int hidden = read.Int("hidden_size"), heads = read.Int("num_attention_heads");
        int headDim = read.Int("head_dim", heads > 0 ? hidden / heads : 0);
        int positions = read.Int("max_position_embeddings", 32768);
        double theta = raw["rope_parameters"] is JsonObject parameters ? new ConfigReader(parameters, where).Double("rope_theta", 10000) : read.Double("rope_theta", 10000);
        JsonObject? scaling = raw["rope_scaling"] as JsonObject ?? raw["rope_parameters"] as JsonObject;
        return new()
        {
            Name = name,
            VocabSize = read.Int("vocab_size"),
            HiddenSize = hidden,
            IntermediateSize = read.Int("intermediate_size"),
            Layers = read.Int("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = read.Int("num_key_value_heads", heads),
            HeadDim = headDim,
            MaxPositionEmbeddings = positions,
            TieWordEmbeddings = read.Bool("tie_word_embeddings", false),
            QkvBias = name == Qwen2,
            QkNorm = name == Qwen3,
            RmsNormEps = (float)read.Double("rms_norm_eps", 1e-6),
            Rope = RopeFrequencies.Create(headDim, theta, scaling, positions, where),
            TorchDtype = (string?)raw["torch_dtype"] ?? (string?)raw["dtype"] ?? "float32",
            Raw = raw,
        };
    }

    /// <summary>The native configuration of a model of this architecture.</summary>
    internal NativeModelConfig Native(Dtype dtype, int maxPositions, bool trainable, bool recompute, long headBudgetBytes) => new()
    {
        Dtype = dtype,
        VocabSize = VocabSize,
        HiddenSize = HiddenSize,
        IntermediateSize = IntermediateSize,
        NLayers = Layers,
        NHeads = Heads,
        NKvHeads = KeyValueHeads,
        HeadDim = HeadDim,
        MaxPositions = maxPositions,
        TieWordEmbeddings = TieWordEmbeddings ? 1 : 0,
        QkvBias = QkvBias ? 1 : 0,
        QkNorm = QkNorm ? 1 : 0,
        Trainable = trainable ? 1 : 0,
        Recompute = recompute ? 1 : 0,
        RmsNormEps = RmsNormEps,
        RopeAttentionFactor = Rope.AttentionFactor,
        HeadBudgetBytes = headBudgetBytes,
    };

    /// <summary>Settings of a known architecture that would change the arithmetic in ways that are not built.</summary>
    private static void RefuseVariants(JsonObject raw, string where)
    {
        string activation = (string?)raw["hidden_act"] ?? "silu";
        if (activation != "silu")
        {
            throw new DataException($"{where}: hidden_act '{activation}' is not supported; expected silu");
        }

        if (raw["use_sliding_window"] is JsonValue sliding && sliding.GetValueKind() == JsonValueKind.True)
        {
            throw new DataException($"{where}: use_sliding_window=true is not supported; attention here sees the whole sequence");
        }

        foreach (string key in new[] { "mlp_bias", "attention_bias" })
        {
            // Qwen2 has biases on q, k, v without saying so; these keys would add others (o, gate, up, down).
            if (raw[key] is JsonValue bias && bias.GetValueKind() == JsonValueKind.True)
            {
                throw new DataException($"{where}: {key}=true is not supported");
            }
        }

        if (raw["quantization_config"] is JsonObject)
        {
            throw new DataException($"{where}: quantized weights are not supported; use the bf16 or fp32 checkpoint");
        }
    }

    private sealed class ConfigReader(JsonObject raw, string where)
    {
        public int Int(string key, int? fallback = null)
        {
            if (raw[key] is JsonValue value && value.TryGetValue(out int number))
            {
                return number > 0 ? number : throw new DataException($"{where}: {key} is {number}; expected a positive number");
            }

            return raw[key] is null && fallback is { } f && f > 0
                ? f : throw new DataException($"{where}: expected a whole number at {key}, found {raw[key]?.ToJsonString() ?? "nothing"}");
        }

        public double Double(string key, double fallback) => raw[key] is null ? fallback
            : raw[key] is JsonValue value && value.TryGetValue(out double number) ? number
            : throw new DataException($"{where}: expected a number at {key}, found {raw[key]!.ToJsonString()}");

        public bool Bool(string key, bool fallback) => raw[key] is null ? fallback
            : raw[key] is JsonValue value && value.TryGetValue(out bool flag) ? flag
            : throw new DataException($"{where}: expected true or false at {key}, found {raw[key]!.ToJsonString()}");
    }
}
