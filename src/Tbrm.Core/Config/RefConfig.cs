namespace Tbrm.Core.Config;

/// <summary>Section <c>ref</c>: the reference policy, a frozen copy of the initial policy; with an adapter, the base
/// with the adapter off.</summary>
public sealed record RefConfig
{
    /// <summary>The reference policy's folder where rollout.beta_scale mixes with it; empty: that of the run which
    /// model.path or --run-dir names. Training's reference is a copy of its initial policy.</summary>
    [RelevantWhen("rollout.beta_scale is not 1")]
    public string Path { get; init; } = "";

    /// <summary>Tokens per micro-batch of the reference pass; 0 = actor.ppo_max_token_len_per_gpu.</summary>
    [AllowedRange(0, 1e8)]
    [RelevantWhen("the algorithm compares with a reference")]
    public int LogProbMaxTokenLenPerGpu { get; init; }

    /// <summary>The reference takes over the policy's weights every so many steps; 0 = never (the paper).</summary>
    [AllowedRange(0, 1e9)]
    [RelevantWhen("the algorithm compares with a reference")]
    public int ResetSteps { get; init; }
}
