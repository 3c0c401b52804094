using System.Collections.Generic;

namespace Tbrm.Core.Config;

/// <summary>Section <c>rollout</c>: how responses are sampled.</summary>
public sealed record RolloutConfig
{
    /// <summary>Responses per prompt; 0 = none: training from data.trajectories alone.</summary>
    [AllowedRange(0, 65536)]
    public int N { get; init; } = 1;

    /// <summary>
    /// Samples from the policy's weights of so many updates ago, in one process and with the same bits every time:
    /// staleness as a number. They lie in
    /// weights/ of the run folder, and one more copy of the weights is in memory.
    /// </summary>
    [AllowedRange(0, 1e6)]
    public int Lag { get; init; }

    /// <summary>0 = greedy.</summary>
    [AllowedRange(0, 100)]
    public double Temperature { get; init; } = 1;

    /// <summary>1 = off.</summary>
    [AllowedRange(1e-30, 1)]
    public double TopP { get; init; } = 1;

    /// <summary>-1 or 0 = off.</summary>
    [AllowedRange(-1, 1e9)]
    public int TopK { get; init; } = -1;

    /// <summary>0 = off.</summary>
    [AllowedRange(0, 1)]
    public double MinP { get; init; }

    /// <summary>1 = off.</summary>
    [AllowedRange(0.01, 100)]
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Texts that end a response.</summary>
    public List<string> Stop { get; init; } = [];

    /// <summary>Sequences decoded together.</summary>
    [AllowedRange(1, 65536)]
    public int MaxNumSeqs { get; init; } = 256;

    /// <summary>Prompt tokens computed in one iteration.</summary>
    [AllowedRange(1, 1e7)]
    public int MaxNumBatchedTokens { get; init; } = 4096;

    /// <summary>
    /// On a GPU: a step of decoding is recorded once per number of sequences (rounded up to 1, 2, 4, 8, 16, 24, ...)
    /// and launched at once. The same bits; false launches every kernel by itself, to see which one fails.
    /// </summary>
    public bool DecodeGraph { get; init; } = true;

    /// <summary>Megabytes of the KV page pool; 0 = a share of the memory that is left (memory_utilization).</summary>
    [AllowedRange(0, 1e7)]
    public int KvCacheMb { get; init; }

    /// <summary>Share of the device's free memory that the page pool may take when kv_cache_mb is 0.</summary>
    [AllowedRange(0, 1, ExclusiveMinimum = true)]
    [RelevantWhen("rollout.kv_cache_mb=0")]
    public double MemoryUtilization { get; init; } = 0.3;

    /// <summary>
    /// x of <c>eval</c> and <c>generate</c>: samples from pi_ref^(1 - x) pi^x, token by token, with both models in
    /// memory: 0 is the reference, 1 the policy, above 1 beyond it. Of a policy that was trained with beta it is about
    /// that of beta / x. The reference is ref.path, or the one that the run kept.
    /// </summary>
    [AllowedRange(0, 100)]
    public double BetaScale { get; init; } = 1;

    /// <summary>How evaluation samples.</summary>
    public ValKwargsConfig ValKwargs { get; init; } = new();
}

/// <summary>Section <c>rollout.val_kwargs</c>: how evaluation samples.</summary>
public sealed record ValKwargsConfig
{
    /// <summary>Responses per problem.</summary>
    [AllowedRange(1, 65536)]
    public int N { get; init; } = 1;

    /// <summary>False = greedy, whatever the temperature.</summary>
    public bool DoSample { get; init; }

    /// <summary>Used when do_sample.</summary>
    [AllowedRange(0, 100)]
    [RelevantWhen("rollout.val_kwargs.do_sample=true")]
    public double Temperature { get; init; } = 1;

    /// <summary>1 = off.</summary>
    [AllowedRange(1e-30, 1)]
    [RelevantWhen("rollout.val_kwargs.do_sample=true")]
    public double TopP { get; init; } = 1;

    /// <summary>-1 or 0 = off.</summary>
    [AllowedRange(-1, 1e9)]
    [RelevantWhen("rollout.val_kwargs.do_sample=true")]
    public int TopK { get; init; } = -1;

    /// <summary>Longest response; 0 = data.max_response_length.</summary>
    [AllowedRange(0, 1e6)]
    public int MaxResponseLength { get; init; }
}
