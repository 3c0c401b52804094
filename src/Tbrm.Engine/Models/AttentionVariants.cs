using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Engine.Models;

/// <summary>Settings of config.json that would make attention another than the one that is computed for an
/// architecture.</summary>
internal static class AttentionVariants
{
    /// <summary>Keys of other architectures' configurations; a file of a known architecture that sets one is of a
    /// variant of it.</summary>
    private static readonly string[] s_others =
        ["attn_logit_softcapping", "final_logit_softcapping", "attention_chunk_size", "no_rope_layers", "num_experts",
            "num_local_experts", "kv_lora_rank", "use_bidirectional_attention"];

    /// <summary>Refuses what asks for another attention, however it is spelled.</summary>
    /// <param name="read">The file.</param>
    /// <param name="family">Its architecture.</param>
    public static void Refuse(ConfigJson read, DecoderFamily family)
    {
        // A window without use_sliding_window: the key of Mistral's configuration, which Llama's code ignores and its
        // exports carry along as null.
        // Qwen's configurations have both keys, and the flag decides.
        if (family.Name.StartsWith("Llama", System.StringComparison.Ordinal)
            && read.Value("sliding_window") is { } window && read.Value("use_sliding_window") is null)
        {
            throw new DataException(
                $"{read.Where}: sliding_window is {ConfigJson.Shown(window)}, which is not supported; attention here "
                    + $"sees the whole sequence");
        }

        foreach (string key in s_others.Except(family.Settings.Select(s => s.Key ?? "")))
        {
            if (read.Value(key) is { } value && !IsOff(value))
            {
                throw new DataException(
                    $"{read.Where}: {key} is {ConfigJson.Shown(value)}, which is not supported: it changes what the "
                        + $"model computes");
            }
        }
    }

    private static bool IsOff(JsonNode value) => value switch
    {
        JsonArray { Count: 0 } => true,
        JsonValue scalar => scalar.GetValueKind() == JsonValueKind.False
            || (scalar.GetValueKind() == JsonValueKind.Number && scalar.TryGetValue(out double number) && number == 0),
        _ => false,
    };
}
