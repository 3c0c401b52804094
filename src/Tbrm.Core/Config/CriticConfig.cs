namespace Tbrm.Core.Config;

/// <summary>Section <c>critic</c>: the value model of PPO. What is 0 is as in section <c>actor</c>.</summary>
public sealed record CriticConfig
{
    /// <summary>Where its weights begin.</summary>
    public CriticModelConfig Model { get; init; } = new();

    /// <summary>AdamW and its schedule.</summary>
    public OptimConfig Optim { get; init; } = new() { Lr = 1e-5 };

    /// <summary>Largest gradient norm; 0 = not clipped.</summary>
    [AllowedRange(0, 1e30)]
    public double GradClip { get; init; } = 1;

    /// <summary>Prompts per update of the critic.</summary>
    [AllowedRange(0, 1e6)]
    public int PpoMiniBatchSize { get; init; }

    /// <summary>Passes over the step's mini-batches.</summary>
    [AllowedRange(0, 1e4)]
    public int PpoEpochs { get; init; }

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
    [AllowedWords("token-mean", "token-sum", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm", "prompt-mean")]
    public string LossAggMode { get; init; } = "token-mean";
}

/// <summary>Section <c>critic.model</c>.</summary>
public sealed record CriticModelConfig
{
    /// <summary>A model folder, of a value model or of a language model, whose head is left aside; empty = the policy as it is before the first step.</summary>
    public string Path { get; init; } = "";

    /// <summary>Standard deviation of a new value head's weights; 0 = every value begins at 0.</summary>
    [AllowedRange(0, 10)]
    public double HeadStd { get; init; }
}
