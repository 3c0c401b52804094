using System.Collections.Generic;

namespace Tbrm.Core.Config;

/// <summary>Section <c>critic</c>: the value model of PPO. What is 0 is as in section <c>actor</c>.</summary>
public sealed record CriticConfig
{
    /// <summary>The critic is a value head on the policy's own body: one update learns both, with the policy's
    /// optimizer, batches and epochs.</summary>
    public bool SharedTrunk { get; init; }

    /// <summary>Weight of the values' loss beside the policy's.</summary>
    [AllowedRange(0, 1e6)]
    [RelevantWhen("critic.shared_trunk=true")]
    public double VfCoef { get; init; } = 0.1;

    /// <summary>Where its weights begin.</summary>
    public CriticModelConfig Model { get; init; } = new();

    /// <summary>AdamW and its schedule.</summary>
    [RelevantWhen("critic.shared_trunk=false")]
    public OptimConfig Optim { get; init; } = new() { Lr = 1e-5 };

    /// <summary>Largest gradient norm; 0 = not clipped.</summary>
    [AllowedRange(0, 1e30)]
    [RelevantWhen("critic.shared_trunk=false")]
    public double GradClip { get; init; } = 1;

    /// <summary>Prompts per update of the critic.</summary>
    [AllowedRange(0, 1e6)]
    [RelevantWhen("critic.shared_trunk=false")]
    public int PpoMiniBatchSize { get; init; }

    /// <summary>Passes over the step's mini-batches.</summary>
    [AllowedRange(0, 1e4)]
    [RelevantWhen("critic.shared_trunk=false")]
    public int PpoEpochs { get; init; }

    /// <summary>Shuffles its mini-batches; null: as actor.shuffle.</summary>
    public bool? Shuffle { get; init; }

    /// <summary>Decides their order; null: actor.data_loader_seed.</summary>
    [AllowedRange(0, 2147483647)]
    public int? DataLoaderSeed { get; init; }

    /// <summary>Tokens per micro-batch.</summary>
    [AllowedRange(0, 1e8)]
    public int PpoMaxTokenLenPerGpu { get; init; }

    /// <summary>Trajectories per micro-batch.</summary>
    [AllowedRange(0, 1e6)]
    public int PpoMicroBatchSizePerGpu { get; init; }

    /// <summary>How far a value may move from the one before the update.</summary>
    [AllowedRange(0, 1e9)]
    public double CliprangeValue { get; init; } = 0.5;

    /// <summary>How the losses of tokens become one number.</summary>
    [AllowedWords("token-mean", "token-sum", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm",
        "prompt-mean")]
    public string LossAggMode { get; init; } = "token-mean";
}

/// <summary>Section <c>critic.model</c>.</summary>
public sealed record CriticModelConfig
{
    /// <summary>A model folder, of a value model or of a language model, whose head is left aside; empty = the policy
    /// as it is before the first step.</summary>
    public string Path { get; init; } = "";

    /// <summary>Standard deviation of a new value head's weights; 0 = every value begins at 0.</summary>
    [AllowedRange(0, 10)]
    public double HeadStd { get; init; }

    /// <summary>Rank of a low-rank adapter (LoRA) on the critic: adapter and value head are trained, the rest is
    /// frozen; 0 = all
    /// weights are trained.</summary>
    [AllowedRange(0, 65536)]
    public int LoraRank { get; init; }

    /// <summary>The adapter's product is multiplied by lora_alpha / lora_rank; more than 0 with an adapter.</summary>
    [AllowedRange(0, 1e9)]
    [RelevantWhen("critic.model.lora_rank is more than 0")]
    public double LoraAlpha { get; init; } = 16;

    /// <summary>Multiplies by lora_alpha / sqrt(lora_rank) instead.</summary>
    [RelevantWhen("critic.model.lora_rank is more than 0")]
    public bool UseRslora { get; init; }

    /// <summary><c>all-linear</c>, or a list among q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj,
    /// down_proj.</summary>
    [RelevantWhen("critic.model.lora_rank is more than 0")]
    public List<string> TargetModules { get; init; } = ["all-linear"];

    /// <summary>A critic's PEFT adapter folder (with its value head) to begin with; it decides rank, alpha and
    /// targets.</summary>
    public string LoraAdapterPath { get; init; } = "";
}
