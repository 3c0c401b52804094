using System;
using System.Text;
using Tbrm.Interop.Handles;

namespace Tbrm.Interop.Stages;

/// <summary>The plan: bytes that a model takes with what is done with it, reckoned without allocating. Contract:
/// tbrm.h, section "plan".</summary>
public static unsafe class MemoryPlanner
{
    /// <summary>Tokens of a page of the KV cache.</summary>
    public const int PageTokens = NativeMethods.PageTokens;

    /// <summary>
    /// Plans a model for any kind of device. Arguments as of <see cref="ModelHandle.Create"/> and
    /// <see cref="ModelHandle.AttachAdapter"/>; <paramref name="adapter"/> may be
    /// null.
    /// </summary>
    public static NativeMemoryBytes Plan(NativeModelConfig config, string architecture, ReadOnlySpan<float> ropeInvFreq,
        NativeAdapterConfig? adapter, NativeMemoryLoad load, ReadOnlySpan<int> ranks = default,
            ReadOnlySpan<float> scales = default)
    {
        config.StructSize = sizeof(NativeModelConfig);
        load.StructSize = sizeof(NativeMemoryLoad);
        NativeAdapterConfig with = adapter ?? default;
        with.StructSize = sizeof(NativeAdapterConfig);
        with.NModules = ranks.Length;
        NativeMemoryBytes plan = new() { StructSize = sizeof(NativeMemoryBytes) };
        fixed (byte* description = Encoding.UTF8.GetBytes(architecture + '\0'))
        fixed (float* frequencies = ropeInvFreq)
        fixed (int* rank = ranks)
        fixed (float* scale = scales)
        {
            config.Architecture = description;
            with.Ranks = rank;
            with.Scales = scale;
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_memory_plan(
                    &config, ropeInvFreq.Length, frequencies, adapter is null ? null
                        : &with, &load, &plan, out NativeError err), err);
        }

        return plan;
    }
}
