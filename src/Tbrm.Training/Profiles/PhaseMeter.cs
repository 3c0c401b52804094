using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using Tbrm.Engine;

namespace Tbrm.Training.Profiles;

/// <summary>Listens to the phases of a step, and records what each of them held. It costs a few calls a
/// phase.</summary>
internal sealed class PhaseMeter(EngineDevice device)
{
    private readonly long _outsideBefore = ProcessMemory.Resident;
    private readonly List<PhaseRecord> _phases = [];
    private long _stepStart, _start;
    private IReadOnlyDictionary<string, long> _before = new Dictionary<string, long>();

    /// <summary>Runs a step and says what it held.</summary>
    public StepRecord Step(Action run)
    {
        _phases.Clear();
        _stepStart = Stopwatch.GetTimestamp();
        Begin();
        run();
        double seconds = Stopwatch.GetElapsedTime(_stepStart).TotalSeconds;
        End(PhaseRecord.Between);
        return new([.. _phases], seconds, device.IsCuda ? 0 : _outsideBefore);
    }

    /// <summary>What a clock calls at both ends of a phase.</summary>
    public void Observe(string phase, bool begins)
    {
        if (_stepStart != 0)
        {
            End(begins ? PhaseRecord.Between : phase);
            Begin();
        }
    }

    private void Begin()
    {
        (_before, _) = Read(c => c.InUse);
        _ = device.Memory(resetPeak: true);
        _ = ProcessMemory.ResetPeak();
        _start = Stopwatch.GetTimestamp();
    }

    private void End(string name)
    {
        double seconds = Stopwatch.GetElapsedTime(_start).TotalSeconds;
        (IReadOnlyDictionary<string, long> peak, _) = Read(c => c.AtPeak);
        (IReadOnlyDictionary<string, long> after, long all) = Read(c => c.InUse);
        _phases.Add(new(name, Stopwatch.GetElapsedTime(_stepStart, _start).TotalSeconds, seconds, _before, peak, after,
            device.IsCuda ? all : ProcessMemory.Peak));
    }

    private (IReadOnlyDictionary<string, long> Bytes, long All) Read(Func<MemoryComponent, long> bytes)
    {
        (IReadOnlyList<MemoryComponent> components, long all) = device.Components();
        return (components.Where(c => bytes(c) != 0).ToDictionary(c => c.Key, bytes, StringComparer.Ordinal), all);
    }
}
