using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Engine.Models;

/// <summary>Settings of config.json that decide attention layer by layer. Attention here sees the whole sequence in every layer, with one set of rotations.</summary>
internal static class AttentionVariants
{
    private const string Full = "full_attention";

    /// <summary>Keys of other architectures' configurations; a file of a known architecture that sets one is of a variant of it.</summary>
    private static readonly string[] s_others =
        ["attn_logit_softcapping", "final_logit_softcapping", "attention_chunk_size", "no_rope_layers", "num_experts", "num_local_experts", "kv_lora_rank"];

    /// <summary>Refuses what asks for another attention, however it is spelled.</summary>
    /// <param name="read">The file.</param>
    /// <param name="architecture">Its architecture.</param>
    public static void Refuse(ConfigJson read, string architecture)
    {
        int layers = read.Int("num_hidden_layers", most: ModelLimits.Layers);
        if (read.List("layer_types") is { } types)
        {
            if (types.Count != layers)
            {
                throw new DataException($"{read.Where}: layer_types has {types.Count} entries; expected num_hidden_layers={layers}");
            }

            int at = types.ToList().FindIndex(t => !IsText(t, Full));
            if (at >= 0)
            {
                throw new DataException($"{read.Where}: layer_types[{at}] is {ConfigJson.Shown(types[at])}, which is not supported; attention here sees the whole sequence: expected {Full} in every layer");
            }
        }

        // A window without use_sliding_window: the key of Mistral's configuration, which Llama's code ignores and its exports carry along as null.
        // Qwen's configurations have both keys, and the flag decides.
        if (architecture.StartsWith("Llama", System.StringComparison.Ordinal) && read.Value("sliding_window") is { } window && read.Value("use_sliding_window") is null)
        {
            throw new DataException($"{read.Where}: sliding_window is {ConfigJson.Shown(window)}, which is not supported; attention here sees the whole sequence");
        }

        foreach (string key in s_others)
        {
            if (read.Value(key) is { } value && !IsOff(value))
            {
                throw new DataException($"{read.Where}: {key} is {ConfigJson.Shown(value)}, which is not supported: it changes what the model computes");
            }
        }
    }

    private static bool IsText(JsonNode? node, string text) => node is JsonValue value && value.TryGetValue(out string? found) && found == text;

    private static bool IsOff(JsonNode value) => value switch
    {
        JsonArray { Count: 0 } => true,
        JsonValue scalar => scalar.GetValueKind() == JsonValueKind.False || (scalar.GetValueKind() == JsonValueKind.Number && scalar.TryGetValue(out double number) && number == 0),
        _ => false,
    };
}
