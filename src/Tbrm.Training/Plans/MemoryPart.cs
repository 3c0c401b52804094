namespace Tbrm.Training.Plans;

/// <summary>One part of a run's memory.</summary>
/// <param name="Key">For programs.</param>
/// <param name="Name">For people.</param>
/// <param name="Bytes">At most.</param>
/// <param name="Note">What it follows from.</param>
/// <param name="Phase">When it is held.</param>
public sealed record MemoryPart(string Key, string Name, long Bytes, string Note,
    MemoryPhase Phase = MemoryPhase.Always);

/// <summary>When a part of the memory is held. All but the first take turns: each gives its buffers back.</summary>
public enum MemoryPhase
{
    /// <summary>All the time.</summary>
    Always,

    /// <summary>While the weights are loaded, and nothing but them is there.</summary>
    Start,

    /// <summary>While responses are sampled.</summary>
    Rollout,

    /// <summary>While the reference scores what was sampled.</summary>
    Reference,

    /// <summary>From the first micro-batch to the optimizer's step.</summary>
    Update,

    /// <summary>While the critic gives its values and learns.</summary>
    Critic,
}

/// <summary>Something to change when the memory is not enough.</summary>
/// <param name="Setting">key=value.</param>
/// <param name="Saves">Bytes.</param>
public sealed record MemoryKnob(string Setting, long Saves);
