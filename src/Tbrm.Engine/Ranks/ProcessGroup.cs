using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Core.Errors;
using Tbrm.Engine.Models;
using Tbrm.Engine.Optimizer;
using Tbrm.Interop;
using Tbrm.Interop.Handles;

namespace Tbrm.Engine.Ranks;

/// <summary>What is known of a process.</summary>
/// <param name="Rank">Its rank.</param>
/// <param name="Host">Where it runs.</param>
/// <param name="Phase">What it does.</param>
/// <param name="PhaseSeconds">For how long.</param>
/// <param name="SilentSeconds">Since it was last heard.</param>
/// <param name="IsAskedToStop">Whether a signal asked it to end.</param>
/// <param name="ExitCode">With which code it has ended in order; null: it has not.</param>
public sealed record ProcessState(int Rank, string Host, string Phase, double PhaseSeconds, double SilentSeconds,
    bool IsAskedToStop, int? ExitCode)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"rank {Rank} on {Host}: in '{Phase}' for {PhaseSeconds:F1} s, last heard {SilentSeconds:F1} s ago");
}

/// <summary>
/// The processes of a run on several nodes, of which this one is one. Rank 0 makes the run; the others do what its
/// messages say, and together they add up gradients and copy weights.
/// </summary>
public sealed class ProcessGroup : IDisposable
{
    private const int AskedToStop = 1;

    private readonly GroupHandle _end;
    private string _phase = "start";
    private int _signals;
    private bool _isLeft;

    private ProcessGroup(GroupHandle end, ProcessPlace place)
    {
        _end = end;
        Place = place;
    }

    /// <summary>This process's place.</summary>
    public ProcessPlace Place { get; }

    /// <summary>How many processes.</summary>
    public int Count => Place.Count;

    /// <summary>Waits for all processes, and compares what they must have in common.</summary>
    /// <param name="place">This one's.</param>
    /// <param name="version">Of the program.</param>
    /// <param name="configuration">All that was configured.</param>
    /// <param name="start">How long to wait.</param>
    /// <param name="lost">For how long a process may be silent.</param>
    /// <exception cref="TbrmUserException">The message names the rank that did not come, or that differs, and in
    /// what.</exception>
    public static ProcessGroup Join(ProcessPlace place, string version,
        IEnumerable<(string Key, string Value)> configuration, TimeSpan start, TimeSpan lost)
    {
        (string, string)[] equals =
        [
            ("version of tbrm-native", version),
            ("build of libtbrm", EngineLibrary.Hash()),
            ("instruction set", EngineLibrary.InstructionSet),
            ("number of ranks (WORLD_SIZE)", place.Count.ToString(CultureInfo.InvariantCulture)),
            .. configuration,
        ];
        string lines = string.Join('\n', equals.Select(e => $"{e.Item1}={e.Item2}"));
        return new(NativeFailures.Translated("joining the other processes", () => GroupHandle.Join(
            place.Rank, place.Count, place.Address, place.Port, Environment.MachineName, lines, start, lost)), place);
    }

    /// <summary>What this process does from now on, for the messages of the others.</summary>
    public void Note(string phase)
    {
        _phase = phase;
        _end.Note(_phase, _signals);
    }

    /// <summary>Tells the others that a signal asked this process to end.</summary>
    public void AskToStop()
    {
        _signals |= AskedToStop;
        _end.Note(_phase, _signals);
    }

    /// <summary>A message to a process.</summary>
    public void Send(int to, ReadOnlySpan<byte> message)
    {
        try
        {
            _end.Send(to, message);
        }
        catch (TbrmNativeException e)
        {
            throw e.ToUser("sending to another process");
        }
    }

    /// <summary>The next message of a process; null when none came within <paramref name="timeout"/> (zero: without
    /// end).</summary>
    public byte[]? Receive(int from, TimeSpan timeout) =>
        NativeFailures.Translated("waiting for another process", () => _end.Receive(from, timeout));

    /// <summary>What every process does.</summary>
    public ProcessState[] Look() => [.. Enumerable.Range(0, Count).Select(rank =>
    {
        (string host, string phase, int signals, int? code, double phaseSeconds, double silent) = _end.Look(rank);
        return new ProcessState(rank, host, phase, phaseSeconds, silent, (signals & AskedToStop) != 0, code);
    })];

    /// <summary>Rank 0's weights on every process's model; all of them call it.</summary>
    public void Copy(EngineModel model) =>
        NativeFailures.Translated("copying the weights", () => _end.Copy(model.Model));

    /// <summary>Rank 0's moments on every process's optimizer; all of them call it.</summary>
    public void Copy(AdamW optimizer) =>
        NativeFailures.Translated("copying the moments", () => _end.Copy(optimizer.Handle));

    /// <summary>From now on the processes share what the model's options say; all of them call it.</summary>
    public void Share(EngineModel model) =>
        NativeFailures.Translated("sharing the model", () => _end.Share(model.Model));

    /// <summary>Replaces the gradients of every process's model by their sum, made in the order of the ranks.</summary>
    public void ReduceGradient(EngineModel model) =>
        NativeFailures.Translated("adding up the gradients", () => _end.ReduceGradient(model.Model));

    /// <summary>This process fails: the others are told why, and end with the same code.</summary>
    public void Abort(ExitCode code, string reason) => _end.Abort((int)code, reason);

    /// <summary>This process has nothing more to say and will end with this code.</summary>
    public void Leave(ExitCode code)
    {
        if (!_isLeft)
        {
            _isLeft = true;
            _end.Leave((int)code);
        }
    }

    /// <summary>After <see cref="Leave"/> waits for the others to leave too.</summary>
    public void Dispose() => _end.Dispose();
}
