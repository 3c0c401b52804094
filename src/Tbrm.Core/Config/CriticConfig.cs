namespace Tbrm.Core;

/// <summary>Section <c>critic</c>: the value model of PPO.</summary>
public sealed record CriticConfig
{
    /// <summary>How far a value may move from the one before the update.</summary>
    [AllowedRange(0, 1e9)]
    public double CliprangeValue { get; init; } = 0.5;

    /// <summary>How the losses of tokens become one number.</summary>
    [AllowedWords("token-mean", "token-sum", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm")]
    public string LossAggMode { get; init; } = "token-mean";
}
