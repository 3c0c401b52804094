using System.Collections.Generic;

namespace Tbrm.Core.Config;

/// <summary>Section <c>replay</c>: learning from a trajectory more than once, and from several sources at a
/// time.</summary>
public sealed record ReplayConfig
{
    /// <summary>M: the newest trajectories that are kept to learn from again; 0 = none.</summary>
    [AllowedRange(0, 1e9)]
    public int Capacity { get; init; }

    /// <summary>K: batches of trajectories that a step learns from, an update each (or as many as actor.ppo_epochs
    /// makes).</summary>
    [AllowedRange(1, 1e4)]
    public int Updates { get; init; } = 1;

    /// <summary>
    /// Shares of the sources in every batch, <c>{online: 0.5, buffer: 0.25, files: 0.25}</c>; a file of
    /// data.trajectories by its path has a share of
    /// its own. Empty: the rollout; with a buffer, the first batch is the rollout and the others come from the buffer
    /// (ReVal).
    /// </summary>
    public Dictionary<string, string> Mix { get; init; } = [];

    /// <summary>Trajectories per batch; 0 = what the rollout and its share give, or data.train_batch_size times
    /// rollout.n.</summary>
    [AllowedRange(0, 1e9)]
    public int BatchSize { get; init; }

    /// <summary>What is taken from the buffer: <c>uniform</c> (ReVal), <c>recency</c> (the newest first), or
    /// <c>age_decay</c> (by weight, half as much every half_life updates).</summary>
    [AllowedWords("uniform", "recency", "age_decay")]
    [RelevantWhen("replay.capacity > 0")]
    public string Order { get; init; } = "uniform";

    /// <summary>age_decay: updates in which the weight of a trajectory halves.</summary>
    [AllowedRange(0, 1e12, ExclusiveMinimum = true)]
    [RelevantWhen("replay.order=age_decay")]
    public double HalfLife { get; init; } = 64;

    /// <summary>age_decay: the weight is also |residual|^this, the residual of the trajectory's last update
    /// (prioritised replay); 0 = age alone.</summary>
    [AllowedRange(0, 10)]
    [RelevantWhen("replay.order=age_decay")]
    public double PriorityExponent { get; init; }

    /// <summary>Whether a trajectory of the buffer may come twice in one batch.</summary>
    [RelevantWhen("replay.capacity > 0")]
    public bool WithReplacement { get; init; }

    /// <summary>Updates after which a trajectory leaves the buffer; -1 = when newer ones need the room.</summary>
    [AllowedRange(-1, 1e12)]
    [RelevantWhen("replay.capacity > 0")]
    public long MaxAge { get; init; } = -1;

    /// <summary>Where the buffer is kept. Checkpoints hold it either way.</summary>
    [AllowedWords("memory", "disk")]
    [RelevantWhen("replay.capacity > 0")]
    public string Store { get; init; } = "memory";
}
