using System.Collections.Generic;

namespace Tbrm.Engine;

/// <summary>Bytes that the library holds on a device.</summary>
/// <param name="InUse">Now.</param>
/// <param name="Peak">At most, since the last reset.</param>
/// <param name="DeviceTotal">What the device has.</param>
public readonly record struct DeviceMemory(long InUse, long Peak, long DeviceTotal);

/// <summary>What the library's memory is for.</summary>
/// <param name="Key">One of <see cref="All"/>.</param>
/// <param name="InUse">Bytes now.</param>
/// <param name="AtPeak">Bytes when the whole was at its peak.</param>
public readonly record struct MemoryComponent(string Key, long InUse, long AtPeak)
{
    /// <summary>The policy's weights, its adapter, fp32 masters, gradients, Adam's moments.</summary>
    public const string Weights = "weights", Adapter = "adapter", Masters = "masters", Gradients = "gradients",
        Moments = "moments";

    /// <summary>Frozen copies; a critic's weights; its masters, gradients and moments.</summary>
    public const string Reference = "reference", Critic = "critic", CriticState = "critic_state";

    /// <summary>Of whichever model computes: pages of keys and values, activations, the head's budget and
    /// products.</summary>
    public const string KvPages = "kv_pages", Activations = "activations", Head = "head";

    /// <summary>Working memory that threads and products keep; the rest.</summary>
    public const string Scratch = "scratch", Other = "other";

    /// <summary>Every key, in the order in which tables show them.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        Weights, Adapter, Masters, Gradients, Moments, Reference, Critic, CriticState, KvPages, Activations, Head,
        Scratch, Other,
    ];
}
