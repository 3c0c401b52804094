using System;
using System.Runtime.InteropServices;

namespace Tbrm.Interop.Handles;

/// <summary>tbrm_group_t: one rank's end of a group. Calls are made by all ranks, each on its own thread.</summary>
public sealed unsafe class GroupHandle : NativeHandle
{
    /// <summary>The ends of a group of threads of this process, by rank.</summary>
    /// <param name="ranks">How many.</param>
    /// <param name="timeout">How long a rank waits for the others before it gives them up.</param>
    public static GroupHandle[] CreateLocal(int ranks, TimeSpan timeout)
    {
        nint[] raw = new nint[ranks];
        fixed (nint* p = raw)
        {
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_group_create_local(ranks, timeout.TotalSeconds, p, out NativeError err), err);
        }

        return Array.ConvertAll(raw, Owning);
    }

    /// <summary>Waits for all ranks.</summary>
    /// <param name="phase">What they are about to do, for messages.</param>
    public void Barrier(string phase)
    {
        fixed (byte* utf8 = ModelHandle.Utf8Z(phase))
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_group_barrier(this, utf8, out NativeError err), err);
        }
    }

    /// <summary>This rank will not come again; the others are told why.</summary>
    public void Abort(string reason)
    {
        fixed (byte* utf8 = ModelHandle.Utf8Z(reason))
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_group_abort(this, utf8, out NativeError err), err);
        }
    }

    /// <summary>Replaces numbers by their sums over the ranks, made in the order of the ranks.</summary>
    public void Sum(Span<double> values)
    {
        fixed (double* p = values)
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_group_sum(this, values.Length, p, out NativeError err), err);
        }
    }

    /// <summary>Replaces the gradients of every rank's model by their sum over the ranks.</summary>
    public void ReduceGradient(ModelHandle model) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_gradient_reduce(model, this, out NativeError err), err);

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMethods.tbrm_group_destroy(handle);
        return true;
    }

    private static GroupHandle Owning(nint raw)
    {
        GroupHandle group = new();
        Marshal.InitHandle(group, raw);
        return group;
    }
}
