using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Interop;

namespace Tbrm.Engine.Models;

/// <summary>
/// An architecture as config.json names it, with the defaults that transformers gives it. What its layers consist of is said natively
/// (native/src/model/architecture.hpp).
/// </summary>
/// <param name="Name">The language model's entry of <c>architectures</c>.</param>
/// <param name="ModelType"><c>model_type</c>.</param>
/// <param name="Kind">The library's name.</param>
internal sealed record DecoderFamily(string Name, string ModelType, DecoderKind Kind)
{
    /// <summary>Width of a head where the file does not say it; null: hidden_size / num_attention_heads.</summary>
    public int? HeadDim { get; init; }

    /// <summary>Keys that transformers' code for it does not look at, though other architectures' would.</summary>
    public IReadOnlyList<string> IgnoredKeys { get; init; } = [];

    /// <summary>All that can be loaded.</summary>
    public static IReadOnlyList<DecoderFamily> All { get; } =
    [
        // The q, k and v of a Qwen2 have biases, whatever attention_bias says.
        new("Qwen2ForCausalLM", "qwen2", DecoderKind.Qwen2) { IgnoredKeys = ["attention_bias", "mlp_bias"] },
        // A Qwen3 head has 128 dimensions, whatever the width.
        new("Qwen3ForCausalLM", "qwen3", DecoderKind.Qwen3) { HeadDim = 128 },
        new("LlamaForCausalLM", "llama", DecoderKind.Llama),
    ];

    /// <summary>The one with this entry of <c>architectures</c>, or null.</summary>
    public static DecoderFamily? Named(string name) => All.FirstOrDefault(f => f.Name.Equals(name, StringComparison.Ordinal));

    /// <summary>The one with this <c>model_type</c>, or null.</summary>
    public static DecoderFamily? OfType(string? modelType) => All.FirstOrDefault(f => f.ModelType.Equals(modelType, StringComparison.Ordinal));
}
