using System.Collections.Generic;

namespace Tbrm.Core.Config;

/// <summary>Section <c>model</c>: the policy's weights.</summary>
public sealed record ModelConfig
{
    /// <summary>A Hugging Face model folder; empty = a small model is made from scratch (section
    /// <c>model.scratch</c>).</summary>
    public string Path { get; init; } = "";

    /// <summary>Folder of the tokenizer; empty = the model's own.</summary>
    public string TokenizerPath { get; init; } = "";

    /// <summary>Type of weights and activations; bf16 trains fp32 master weights.</summary>
    [AllowedWords("fp32", "bf16", "auto")]
    public string Dtype { get; init; } = "auto";

    /// <summary>Layers keep their input only and run again in the backward pass.</summary>
    public bool EnableGradientCheckpointing { get; init; }

    /// <summary>Longest sequence, prompt and response; 0 = max_prompt_length + max_response_length.</summary>
    [AllowedRange(0, 1e7)]
    public int MaxPositions { get; init; }

    /// <summary>
    /// Megabytes of what is as large as logits, at any length: exponentials that the head keeps for its backward, and a
    /// rollout's logits. Smaller
    /// budgets cost a recomputation, never correctness. Sums and tiles come on top: <c>plan</c> counts them. 0: 256 on
    /// a processor; on a GPU a 64th
    /// of its memory, 256 to 2048.
    /// </summary>
    [AllowedRange(0, 1e6)]
    public int HeadBudgetMb { get; init; }

    /// <summary>Rank of a low-rank adapter (LoRA): the weights are frozen, the adapter is trained; 0 = all weights are
    /// trained.</summary>
    [AllowedRange(0, 65536)]
    public int LoraRank { get; init; }

    /// <summary>The adapter's product is multiplied by lora_alpha / lora_rank; more than 0 with an adapter.</summary>
    [AllowedRange(0, 1e9)]
    [RelevantWhen("model.lora_rank is more than 0")]
    public double LoraAlpha { get; init; } = 16;

    /// <summary>Multiplies by lora_alpha / sqrt(lora_rank) instead.</summary>
    [RelevantWhen("model.lora_rank is more than 0")]
    public bool UseRslora { get; init; }

    /// <summary><c>all-linear</c>, or a list among q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj,
    /// down_proj.</summary>
    [RelevantWhen("model.lora_rank is more than 0")]
    public List<string> TargetModules { get; init; } = ["all-linear"];

    /// <summary>A PEFT adapter folder to begin with (or to generate and evaluate with); it decides rank, alpha and
    /// targets.</summary>
    public string LoraAdapterPath { get; init; } = "";

    /// <summary>The model that is built when there is no path.</summary>
    [RelevantWhen("model.path is empty")]
    public ScratchModelConfig Scratch { get; init; } = new();
}

/// <summary>Section <c>model.scratch</c>: a small model with random weights.</summary>
public sealed record ScratchModelConfig
{
    /// <summary>Architecture of its layers.</summary>
    [AllowedWords("qwen2", "qwen3", "llama", "gemma3", "granite")]
    public string Architecture { get; init; } = "qwen2";

    /// <summary>Width of the residual stream.</summary>
    [AllowedRange(2, 65536)]
    public int HiddenSize { get; init; } = 128;

    /// <summary>Width of the feed-forward layer.</summary>
    [AllowedRange(2, 262144)]
    public int IntermediateSize { get; init; } = 384;

    /// <summary>Decoder layers.</summary>
    [AllowedRange(1, 1000)]
    public int NumHiddenLayers { get; init; } = 4;

    /// <summary>Query heads per layer.</summary>
    [AllowedRange(1, 1024)]
    public int NumAttentionHeads { get; init; } = 4;

    /// <summary>Key-value heads per layer; divides the query heads.</summary>
    [AllowedRange(1, 1024)]
    public int NumKeyValueHeads { get; init; } = 2;

    /// <summary>Tokens that a sliding layer of a gemma3 sees; every sixth layer and the last see the whole
    /// sequence.</summary>
    [AllowedRange(1, 1048576)]
    public int SlidingWindow { get; init; } = 32;

    /// <summary>Base of the rotary frequencies.</summary>
    [AllowedRange(1, 1e9)]
    public double RopeTheta { get; init; } = 10000;

    /// <summary>Standard deviation of the initial weights.</summary>
    [AllowedRange(0, 10, ExclusiveMinimum = true)]
    public double InitializerRange { get; init; } = 0.02;
}
