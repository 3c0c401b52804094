using System;
using System.Collections.Generic;
using System.Diagnostics;

namespace Tbrm.Training;

/// <summary>Wall time per phase: <c>timing_s/gen</c> and so on of one step, and their sums over the run.</summary>
public sealed class PhaseClock
{
    private readonly Dictionary<string, double> _step = new(StringComparer.Ordinal);

    /// <summary>Seconds per phase over the whole run.</summary>
    public SortedDictionary<string, double> Totals { get; } = new(StringComparer.Ordinal);

    /// <summary>Adds what earlier processes of the run spent.</summary>
    public void Restore(IReadOnlyDictionary<string, double> seconds)
    {
        foreach ((string phase, double spent) in seconds)
        {
            Totals[phase] = Totals.GetValueOrDefault(phase) + spent;
        }
    }

    /// <summary>Runs and times a phase.</summary>
    public T Measure<T>(string phase, Func<T> body)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            return body();
        }
        finally
        {
            Add(phase, Stopwatch.GetElapsedTime(start).TotalSeconds);
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

        _step.Clear();
    }

    private void Add(string phase, double seconds)
    {
        _step[phase] = _step.GetValueOrDefault(phase) + seconds;
        Totals[phase] = Totals.GetValueOrDefault(phase) + seconds;
    }
}
