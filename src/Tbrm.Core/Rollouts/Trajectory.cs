using System.Collections.Generic;

namespace Tbrm.Core.Rollouts;

/// <summary>Why a response ended.</summary>
public enum TrajectoryEnd
{
    /// <summary>A stop token or stop text; it is part of the response.</summary>
    Stop,

    /// <summary>The length limit: the response is truncated.</summary>
    Length,

    /// <summary>The run was stopped.</summary>
    Cancelled,

    /// <summary>The logits were NaN or infinite; the response ends before that token.</summary>
    NonFinite,
}

/// <summary>One sampled response with what the rollout recorded of it.</summary>
public sealed record Trajectory
{
    /// <summary>Unique in the run; keys the random stream.</summary>
    public required long Id { get; init; }

    /// <summary>The prompt's place in the batch it was sampled for: samples of one prompt share it.</summary>
    public required int Group { get; init; }

    /// <summary>Token ids of the prompt, template included.</summary>
    public required int[] PromptIds { get; init; }

    /// <summary>Token ids of the response, the stop token included.</summary>
    public required int[] ResponseIds { get; init; }

    /// <summary>log softmax(logits / temperature) of each response token, nats: what the trainer recomputes. Empty: not
    /// recorded.</summary>
    public required float[] Logp { get; init; }

    /// <summary>The same under the distribution that was sampled from (after penalties and filters), nats. Empty: not
    /// recorded.</summary>
    public required float[] ProcessedLogp { get; init; }

    /// <summary>Why it ended.</summary>
    public required TrajectoryEnd End { get; init; }

    /// <summary>Updates that the policy had behind it when it sampled this; null: a policy of another run, or none that
    /// is known.</summary>
    public long? WeightVersion { get; init; }

    /// <summary>What the reference policy says of it; null: not computed.</summary>
    public ReferenceScores? Reference { get; init; }

    /// <summary>Prompt and response, in tokens.</summary>
    public int Length => PromptIds.Length + ResponseIds.Length;
}

/// <summary>What the reference policy says of a trajectory, at the temperature of the rollout.</summary>
/// <param name="Logp">log pi_ref of each response token, nats.</param>
/// <param name="V1">V_ref(s_1), nats; null: not known.</param>
/// <param name="VEnd">V_ref(s_{H+1}), nats; null: not known.</param>
/// <param name="Version">Resets of the reference before it scored the response.</param>
public sealed record ReferenceScores(IReadOnlyList<float> Logp, float? V1, float? VEnd, long Version);
