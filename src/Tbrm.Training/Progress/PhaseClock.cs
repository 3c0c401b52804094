using System;
using System.Collections.Generic;
using System.Diagnostics;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Progress;

/// <summary>Wall time of a run: in all, and per phase, <c>timing_s/gen</c> and so on of one step and their sums over
/// the run. Of phases that are in no other, processor time too: <c>timing_cpu_s/step</c>, the sum over all threads of
/// the process, which other programs on the machine hardly change.</summary>
public sealed class PhaseClock
{
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly Dictionary<string, double> _step = new(StringComparer.Ordinal);
    private readonly Dictionary<string, double> _processor = new(StringComparer.Ordinal);
    private readonly List<(string Phase, long Start)> _open = [];
    private double _secondsBefore;

    /// <summary>Called with a phase's name when it begins (true) and when it ends (false); null: nobody
    /// listens.</summary>
    public Action<string, bool>? Observer { get; init; }

    /// <summary>Seconds per phase over the whole run.</summary>
    public SortedDictionary<string, double> Totals { get; } = new(StringComparer.Ordinal);

    /// <summary>Seconds of the run, earlier processes included.</summary>
    public double Seconds => _secondsBefore + Stopwatch.GetElapsedTime(_started).TotalSeconds;

    /// <summary>Adds what earlier processes of the run spent.</summary>
    /// <param name="phases">Seconds by phase.</param>
    /// <param name="seconds">Seconds in all.</param>
    public void Restore(IReadOnlyDictionary<string, double> phases, double seconds)
    {
        _secondsBefore += seconds;
        foreach ((string phase, double spent) in phases)
        {
            Totals[phase] = Totals.GetValueOrDefault(phase) + spent;
        }
    }

    /// <summary>Seconds per phase until now, phases that go on included.</summary>
    public IReadOnlyDictionary<string, double> Snapshot()
    {
        Dictionary<string, double> seconds = new(Totals);
        foreach ((string phase, long start) in _open)
        {
            seconds[phase] = seconds.GetValueOrDefault(phase) + Stopwatch.GetElapsedTime(start).TotalSeconds;
        }

        return seconds;
    }

    /// <summary>Runs and times a phase.</summary>
    public T Measure<T>(string phase, Func<T> body)
    {
        Observer?.Invoke(phase, true);
        long start = Stopwatch.GetTimestamp();
        bool isOutermost = _open.Count == 0;
        TimeSpan processor = isOutermost ? Environment.CpuUsage.TotalTime : default;
        _open.Add((phase, start));
        try
        {
            return body();
        }
        finally
        {
            _open.RemoveAt(_open.Count - 1);
            Add(phase, Stopwatch.GetElapsedTime(start).TotalSeconds);
            if (isOutermost)
            {
                _processor[phase] = _processor.GetValueOrDefault(phase)
                    + (Environment.CpuUsage.TotalTime - processor).TotalSeconds;
            }

            Observer?.Invoke(phase, false);
        }
    }

    /// <summary>Runs and times a phase.</summary>
    public void Measure(string phase, Action body) => Measure(phase, () =>
    {
        body();
        return 0;
    });

    /// <summary>Moves the times of the step into its metrics, and starts the next.</summary>
    public void TakeStep(MetricSet metrics)
    {
        foreach ((string name, double seconds) in _step)
        {
            metrics["timing_s/" + name] = seconds;
        }

        foreach ((string name, double seconds) in _processor)
        {
            metrics["timing_cpu_s/" + name] = seconds;
        }

        _step.Clear();
        _processor.Clear();
    }

    private void Add(string phase, double seconds)
    {
        _step[phase] = _step.GetValueOrDefault(phase) + seconds;
        Totals[phase] = Totals.GetValueOrDefault(phase) + seconds;
    }
}
