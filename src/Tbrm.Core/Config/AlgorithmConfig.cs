namespace Tbrm.Core;

/// <summary>Section <c>algorithm</c>: the objective.</summary>
public sealed record AlgorithmConfig
{
    /// <summary>Which objective.</summary>
    [AllowedWords("tbrm", "reval", "brm")]
    public string Name { get; init; } = "tbrm";

    /// <summary>Parameters of the Bellman residual objectives.</summary>
    public BellmanConfig Tbrm { get; init; } = new();
}

/// <summary>Section <c>algorithm.tbrm</c>: what TBRM, ReVal and BRM share.</summary>
public sealed record BellmanConfig
{
    /// <summary>Reward units per nat.</summary>
    [AllowedRange(0, 1e6, ExclusiveMinimum = true)]
    public double Beta { get; init; } = 0.002;

    /// <summary><c>nats</c>: the paper's loss. <c>reward</c>: beta^2 times it; same minimiser, other interaction with clipping.</summary>
    [AllowedWords("nats", "reward")]
    public string LossScale { get; init; } = "nats";

    /// <summary>V(s_1) carries no gradient.</summary>
    public bool DetachValue { get; init; }

    /// <summary>BRM: V(s_{h+1}) carries no gradient (single-step soft Q-learning).</summary>
    public bool StopGradNext { get; init; }

    /// <summary>
    /// What a response that hit the length limit is: <c>keep</c> (verl: the grader's score on the partial text), <c>drop</c> (weight 0),
    /// <c>zero_reward</c> (the score 0, before scale and shift), <c>bootstrap</c> (subtract V(s_{H+1}), the exact residual of an unfinished
    /// trajectory; it takes no reward, which comes at the end of an episode).
    /// </summary>
    [AllowedWords("keep", "drop", "zero_reward", "bootstrap")]
    public string Truncation { get; init; } = "keep";

    /// <summary><c>none</c>: the grader's reward. <c>group_mean</c>: minus the mean over the prompt's samples that have a reward and are trained on (ReVal).</summary>
    [AllowedWords("none", "group_mean")]
    public string RewardNormalization { get; init; } = "none";

    /// <summary>Reward = scale * score + shift: 0/1 as it is, or 2 and -1 for +-1.</summary>
    [AllowedRange(-1e6, 1e6)]
    public double RewardScale { get; init; } = 1;

    /// <summary>See reward_scale.</summary>
    [AllowedRange(-1e6, 1e6)]
    public double RewardShift { get; init; }
}
