using System;
using System.Collections.Generic;
using System.Text;

namespace Tbrm.Interop.Handles;

/// <summary>tbrm_context_t: a device with its threads or its stream.</summary>
public sealed unsafe class ContextHandle : NativeHandle
{
    /// <summary>Opens a device. <paramref name="threads"/>: CPU threads, 0 = all cores that the process may
    /// use.</summary>
    public static ContextHandle Create(DeviceKind kind, int ordinal = 0, int threads = 0)
    {
        NativeError.ThrowIfFailed(
            NativeMethods.tbrm_context_create(kind, ordinal, threads, out ContextHandle context, out NativeError err),
                err);
        return context;
    }

    /// <summary>Waits for the device and throws what failed there.</summary>
    public void Synchronize() =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_context_synchronize(this, out NativeError err), err);

    /// <summary>Whether a token's forward has the same bits in any batch: the start value; off is faster on a GPU, and
    /// the same on a CPU.</summary>
    public void SetBatchInvariant(bool on) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_context_set_batch_invariant(this, on ? 1 : 0, out NativeError err),
            err);

    /// <summary>Reads the memory counters, in bytes, and sets the peak to the present value when asked.</summary>
    public (long InUse, long Peak, long DeviceTotal) Memory(bool resetPeak = false)
    {
        long inUse, peak, total;
        NativeError.ThrowIfFailed(
            NativeMethods.tbrm_context_memory(this, resetPeak ? 1 : 0, &inUse, &peak, &total, out NativeError err),
                err);
        return (inUse, peak, total);
    }

    /// <summary>What the counters are made of, bytes now and at the peak, and what anybody uses of the device (-1 on a
    /// CPU).</summary>
    public (IReadOnlyList<(MemoryOwner Owner, MemoryUse Use, long InUse, long AtPeak)> Parts,
        long UsedByAll) MemoryParts()
    {
        const int n = NativeMethods.MemoryParts;
        long* inUse = stackalloc long[n], atPeak = stackalloc long[n];
        long all;
        NativeError.ThrowIfFailed(
            NativeMethods.tbrm_context_memory_parts(this, n, inUse, atPeak, &all, out NativeError err), err);
        List<(MemoryOwner Owner, MemoryUse Use, long InUse, long AtPeak)> parts = [];
        for (int i = 0; i < n; i++)
        {
            if (inUse[i] != 0 || atPeak[i] != 0)
            {
                parts.Add(((MemoryOwner)(i / NativeMethods.MemoryUses), (MemoryUse)(i % NativeMethods.MemoryUses),
                    inUse[i], atPeak[i]));
            }
        }

        return (parts, all);
    }

    /// <summary>Compares every kernel of the device with the CPU's on small shapes, and throws where one is off; how
    /// many results were compared.</summary>
    public int SelfCheck()
    {
        int results;
        NativeError.ThrowIfFailed(NativeMethods.tbrm_context_self_check(this, &results, out NativeError err), err);
        return results;
    }

    /// <summary>One JSON object about the device.</summary>
    public string Describe()
    {
        long needed;
        NativeError.ThrowIfFailed(NativeMethods.tbrm_context_describe(this, 0, null, &needed, out NativeError err),
            err);
        byte[] text = new byte[needed];
        fixed (byte* p = text)
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_context_describe(this, needed, p, &needed, out err), err);
        }

        return Encoding.UTF8.GetString(text.AsSpan(0, text.Length - 1));
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMethods.tbrm_context_destroy(handle);
        return true;
    }
}
