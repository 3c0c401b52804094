using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Interop;

namespace Tbrm.Engine.Models;

/// <summary>
/// An architecture as config.json names it, with the defaults that transformers gives it, and what sets its layers
/// apart. The settings that there are stand in native/src/model/architecture.hpp.
/// </summary>
/// <param name="Name">The language model's entry of <c>architectures</c>.</param>
/// <param name="ModelType"><c>model_type</c>.</param>
internal sealed record DecoderFamily(string Name, string ModelType)
{
    private const string CausalLm = "ForCausalLM", TokenClassification = "ForTokenClassification",
        SequenceClassification = "ForSequenceClassification";

    /// <summary>What sets its layers apart from a plain decoder's.</summary>
    public IReadOnlyList<ArchitectureSetting> Settings { get; init; } = [];

    /// <summary>Width of a head where the file does not say it; null: hidden_size / num_attention_heads.</summary>
    public int? HeadDim { get; init; }

    /// <summary>Key-value heads where the file does not say it; null: as many as query heads.</summary>
    public int? KeyValueHeads { get; init; }

    /// <summary>Positions where the file does not say it.</summary>
    public int MaxPositions { get; init; } = 32768;

    /// <summary>Base of the rotations where the file does not say it.</summary>
    public double RopeTheta { get; init; } = 10000;

    /// <summary>Whether the head is the embedding where the file does not say it.</summary>
    public bool TiesHead { get; init; }

    /// <summary>The key of the activation, and the one that is computed.</summary>
    public (string Key, string Name) Activation { get; init; } = ("hidden_act", "silu");

    /// <summary>Layers of two kinds, which the file names: those that see the whole sequence and those that see a
    /// window of it.</summary>
    public bool HasSlidingLayers { get; init; }

    /// <summary>Layers may see a window where <c>use_sliding_window</c> says so: those from <c>max_window_layers</c>
    /// on, or
    /// those that <c>layer_types</c> names; they turn as the others do.</summary>
    public bool MaySlide { get; init; }

    /// <summary>max_position_embeddings is the length after the scaling of the rotations, not the one before
    /// it.</summary>
    public bool PositionsAreScaled { get; init; }

    /// <summary>What transformers' classifiers of it are called, before ...For(Token|Sequence)Classification.</summary>
    public string ClassifierStem { get; init; } = Name[..^CausalLm.Length];

    /// <summary>Whether transformers has a classifier of tokens for it, the kind of critic that verl writes; else one
    /// of sequences.</summary>
    public bool ClassifiesTokens { get; init; } = true;

    /// <summary>What a critic of it is called, and its head: transformers gives a classifier of tokens a bias, and one
    /// of sequences none.</summary>
    public (string Name, HeadKind Head) Critic =>
        ClassifiesTokens ? (ClassifierStem + TokenClassification, HeadKind.ValueBias)
            : (ClassifierStem + SequenceClassification, HeadKind.Value);

    /// <summary>Keys that transformers' code for it does not look at, though other architectures' would.</summary>
    public IReadOnlyList<string> IgnoredKeys { get; init; } = [];

    /// <summary>All that can be loaded.</summary>
    public static IReadOnlyList<DecoderFamily> All { get; } =
    [
        // The q, k and v of a Qwen2 have biases, whatever attention_bias says.
        new("Qwen2ForCausalLM", "qwen2")
        {
            Settings = [ArchitectureSetting.On("qkv_bias")],
            IgnoredKeys = ["attention_bias", "mlp_bias"],
            MaySlide = true,
        },
        // A Qwen3 head has 128 dimensions, whatever the width.
        new("Qwen3ForCausalLM", "qwen3")
        {
            Settings = [ArchitectureSetting.On("qk_norm")],
            HeadDim = 128,
            MaySlide = true,
        },
        new("LlamaForCausalLM", "llama"),
        new("GraniteForCausalLM", "granite")
        {
            Settings =
            [
                ArchitectureSetting.Number("embedding_multiplier", "embedding_multiplier", 1),
                ArchitectureSetting.Number("residual_multiplier", "residual_multiplier", 1),
                ArchitectureSetting.Number("attention_scale", "attention_multiplier", 1),
                ArchitectureSetting.Number("logits_scaling", "logits_scaling", 1),
            ],
            MaxPositions = 2048,
            ClassifiesTokens = false,
        },
        new("Gemma3ForCausalLM", "gemma3_text")
        {
            Settings =
            [
                ArchitectureSetting.On("qk_norm"),
                ArchitectureSetting.Of("activation", "gelu_tanh"),
                ArchitectureSetting.On("post_norms"),
                ArchitectureSetting.On("norm_shift"),
                ArchitectureSetting.On("scaled_embedding"),
                ArchitectureSetting.Number("attention_scale", "query_pre_attn_scalar", 256, n => 1 / Math.Sqrt(n)),
            ],
            HeadDim = 256,
            KeyValueHeads = 4,
            MaxPositions = 131072,
            RopeTheta = 1_000_000,
            TiesHead = true,
            Activation = ("hidden_activation", "gelu_pytorch_tanh"),
            HasSlidingLayers = true,
            PositionsAreScaled = true,
            ClassifierStem = "Gemma3Text",
            ClassifiesTokens = false,
        },
    ];

    /// <summary>Architectures that people will try, and why they cannot be loaded.</summary>
    public static IReadOnlyDictionary<string, string> Refused { get; } = new Dictionary<string, string>
    {
        ["Gemma3ForConditionalGeneration"] =
            "it has a vision tower; of Gemma 3 the models of text alone are read (gemma-3-270m, gemma-3-1b), or a "
                + "language model that "
            + "was saved as Gemma3ForCausalLM",
    };

    /// <summary>The one with this entry of <c>architectures</c>, or null.</summary>
    public static DecoderFamily? Named(string name) =>
        All.FirstOrDefault(f => f.Name.Equals(name, StringComparison.Ordinal));

    /// <summary>The one that a classifier belongs to, with its head, or null.</summary>
    public static (DecoderFamily Family, HeadKind Head)? OfClassifier(string name)
    {
        foreach (DecoderFamily family in All)
        {
            if (name == family.ClassifierStem + TokenClassification)
            {
                return (family, HeadKind.ValueBias);
            }

            if (name == family.ClassifierStem + SequenceClassification)
            {
                return (family, HeadKind.Value);
            }
        }

        return null;
    }

    /// <summary>The one with this <c>model_type</c>, or null.</summary>
    public static DecoderFamily? OfType(string? modelType) =>
        All.FirstOrDefault(f => f.ModelType.Equals(modelType, StringComparison.Ordinal));
}
