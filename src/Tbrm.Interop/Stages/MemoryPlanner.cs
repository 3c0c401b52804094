using System;
using Tbrm.Interop.Handles;

namespace Tbrm.Interop.Stages;

/// <summary>The plan: bytes that a model takes with what is done with it, reckoned without allocating. Contract: tbrm.h, section "plan".</summary>
public static unsafe class MemoryPlanner
{
    /// <summary>Tokens of a page of the KV cache.</summary>
    public const int PageTokens = NativeMethods.PageTokens;

    /// <summary>Plans a model for any kind of device. Arguments as of <see cref="ModelHandle.Create"/>; <paramref name="adapter"/> may be null.</summary>
    public static NativeMemoryBytes Plan(
        NativeModelConfig config, ReadOnlySpan<float> ropeInvFreq, NativeAdapterConfig? adapter, NativeMemoryLoad load)
    {
        config.StructSize = sizeof(NativeModelConfig);
        load.StructSize = sizeof(NativeMemoryLoad);
        NativeAdapterConfig with = adapter ?? default;
        with.StructSize = sizeof(NativeAdapterConfig);
        NativeMemoryBytes plan = new() { StructSize = sizeof(NativeMemoryBytes) };
        fixed (float* frequencies = ropeInvFreq)
        {
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_memory_plan(
                    &config, ropeInvFreq.Length, frequencies, adapter is null ? null : &with, &load, &plan, out NativeError err), err);
        }

        return plan;
    }
}
