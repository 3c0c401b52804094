using System;
using System.Runtime.InteropServices;
using System.Text;

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

    /// <summary>This process's end of a group of processes; returns when all have come.</summary>
    /// <param name="rank">This process's.</param>
    /// <param name="ranks">How many.</param>
    /// <param name="address">Of rank 0's host.</param>
    /// <param name="port">That rank 0 listens on meanwhile.</param>
    /// <param name="host">This process's, for messages.</param>
    /// <param name="equals">Lines name=value that all must have in common.</param>
    /// <param name="start">How long to wait for all of them.</param>
    /// <param name="lost">For how long one may be silent.</param>
    public static GroupHandle Join(int rank, int ranks, string address, int port, string host, string equals,
        TimeSpan start, TimeSpan lost)
    {
        fixed (byte* a = ModelHandle.Utf8Z(address), h = ModelHandle.Utf8Z(host), e = ModelHandle.Utf8Z(equals))
        {
            NativeGroupConfig config = new()
            {
                StructSize = sizeof(NativeGroupConfig),
                Rank = rank,
                NRanks = ranks,
                Port = port,
                Address = a,
                Host = h,
                EqualLines = e,
                StartS = start.TotalSeconds,
                LostS = lost.TotalSeconds,
            };
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_group_join(&config, out GroupHandle group, out NativeError err), err);
            return group;
        }
    }

    /// <summary>This process has nothing more to say and will end with this exit code.</summary>
    public void Leave(int code) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_group_leave(this, code, out NativeError err), err);

    /// <summary>What this process does from now on, and bits that the others see.</summary>
    public void Note(string phase, int signals)
    {
        fixed (byte* utf8 = ModelHandle.Utf8Z(phase))
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_group_note(this, utf8, signals, out NativeError err), err);
        }
    }

    /// <summary>A message to a process.</summary>
    public void Send(int to, ReadOnlySpan<byte> message)
    {
        fixed (byte* p = message)
        {
            NativeError.ThrowIfFailed(
                NativeMethods.tbrm_group_send(this, to, message.Length, p, out NativeError err), err);
        }
    }

    /// <summary>The next message of a process; null when none came within <paramref name="timeout"/> (zero: without
    /// end).</summary>
    public byte[]? Receive(int from, TimeSpan timeout)
    {
        NativeError.ThrowIfFailed(NativeMethods.tbrm_group_receive(this, from, timeout.TotalSeconds, out long n,
            out NativeError err), err);
        if (n < 0)
        {
            return null;
        }

        byte[] message = new byte[n];
        fixed (byte* p = message)
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_group_read(this, from, n, p, out err), err);
        }

        return message;
    }

    /// <summary>What is known of a process.</summary>
    public (string Host, string Phase, int Signals, int? ExitCode, double PhaseSeconds, double SilentSeconds) Look(
        int rank)
    {
        NativeGroupState state = new() { StructSize = sizeof(NativeGroupState) };
        NativeError.ThrowIfFailed(NativeMethods.tbrm_group_look(this, rank, &state, out NativeError err), err);
        return (Text(state.Host), Text(state.Phase), state.Signals, state.HasLeft != 0 ? state.ExitCode : null,
            state.PhaseS, state.SilentS);
    }

    /// <summary>Rank 0's weights on every process's model.</summary>
    public void Copy(ModelHandle model) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_group_copy_model(this, model, out NativeError err), err);

    /// <summary>Rank 0's moments and step count on every process's optimizer.</summary>
    public void Copy(OptimizerHandle optimizer) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_group_copy_optimizer(this, optimizer, out NativeError err), err);

    /// <summary>Waits for all ranks.</summary>
    /// <param name="phase">What they are about to do, for messages.</param>
    public void Barrier(string phase)
    {
        fixed (byte* utf8 = ModelHandle.Utf8Z(phase))
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_group_barrier(this, utf8, out NativeError err), err);
        }
    }

    /// <summary>This rank will not come again; the others are told why, and with which exit code.</summary>
    public void Abort(int code, string reason)
    {
        fixed (byte* utf8 = ModelHandle.Utf8Z(reason))
        {
            NativeError.ThrowIfFailed(NativeMethods.tbrm_group_abort(this, code, utf8, out NativeError err), err);
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

    /// <summary>From now on the ranks share what the model's configuration says.</summary>
    public void Share(ModelHandle model) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_model_share(model, this, out NativeError err), err);

    /// <summary>Replaces the gradients of every rank's model by their sum over the ranks; what ranks share, on the rank
    /// whose share it is.</summary>
    public void ReduceGradient(ModelHandle model) =>
        NativeError.ThrowIfFailed(NativeMethods.tbrm_gradient_reduce(model, this, out NativeError err), err);

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMethods.tbrm_group_destroy(handle);
        return true;
    }

    private static string Text(byte* utf8) =>
        Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(utf8));

    private static GroupHandle Owning(nint raw)
    {
        GroupHandle group = new();
        Marshal.InitHandle(group, raw);
        return group;
    }
}
