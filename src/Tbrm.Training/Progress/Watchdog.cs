using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Threading;

namespace Tbrm.Training.Progress;

/// <summary>Says so when nothing of a run has moved for a while: in which phase it stands, and what every rank does.
/// It ends nothing.</summary>
public sealed class Watchdog : IProgressDisplay, IDisposable
{
    private readonly IProgressDisplay _inner;
    private readonly TimeSpan _patience;
    private readonly Timer? _timer;
    private readonly Lock _lock = new();
    private readonly List<(string Phase, long Since)> _phases = [];
    private long _moved = Stopwatch.GetTimestamp();
    private bool _isTold;

    /// <summary>Watches.</summary>
    /// <param name="inner">Where it says so.</param>
    /// <param name="seconds">How long nothing may move; 0 = it does not watch.</param>
    public Watchdog(IProgressDisplay inner, double seconds)
    {
        _inner = inner;
        _patience = TimeSpan.FromSeconds(seconds);
        if (seconds > 0)
        {
            TimeSpan look = TimeSpan.FromSeconds(Math.Clamp(seconds / 4, 0.1, 5));
            _timer = new(_ => Look(), null, look, look);
        }
    }

    /// <summary>What every rank does, a line each; null for one rank.</summary>
    public Func<IEnumerable<string>>? Ranks { get; set; }

    /// <summary>A phase begins or ends.</summary>
    public void Phase(string phase, bool isBegin)
    {
        Move();
        lock (_lock)
        {
            if (isBegin)
            {
                _phases.Add((phase, Stopwatch.GetTimestamp()));
            }
            else if (_phases.Count > 0)
            {
                _phases.RemoveAt(_phases.Count - 1);
            }
        }
    }

    /// <summary>Something has happened.</summary>
    public void Move()
    {
        Volatile.Write(ref _moved, Stopwatch.GetTimestamp());
        _isTold = false;
    }

    /// <inheritdoc/>
    public void Begin(long done, long total)
    {
        Move();
        _inner.Begin(done, total);
    }

    /// <inheritdoc/>
    public void Say(string message)
    {
        Move();
        _inner.Say(message);
    }

    /// <inheritdoc/>
    public void Warn(string message)
    {
        Move();
        _inner.Warn(message);
    }

    /// <inheritdoc/>
    public void Show(string phase, double fraction, string detail)
    {
        Move();
        _inner.Show(phase, fraction, detail);
    }

    /// <inheritdoc/>
    public void ShowSamples(long step, IReadOnlyList<PrintedSample> samples)
    {
        Move();
        _inner.ShowSamples(step, samples);
    }

    /// <inheritdoc/>
    public void Clear() => _inner.Clear();

    /// <inheritdoc/>
    public void Dispose() => _timer?.Dispose();

    private void Look()
    {
        TimeSpan still = Stopwatch.GetElapsedTime(Volatile.Read(ref _moved));
        if (still < _patience || _isTold)
        {
            return;
        }

        _isTold = true;
        string phases;
        lock (_lock)
        {
            phases = _phases.Count == 0 ? "no phase" : string.Join(", in it ", _phases.Select(p => string.Create(
                CultureInfo.InvariantCulture,
                $"'{p.Phase}' for {Stopwatch.GetElapsedTime(p.Since).TotalSeconds:F0} s")));
        }

        IEnumerable<string> ranks = Ranks?.Invoke() ?? [];
        _inner.Warn(string.Create(CultureInfo.InvariantCulture,
            $"nothing has moved for {still.TotalSeconds:F0} s (trainer.watchdog_s={_patience.TotalSeconds:F0}): ")
            + string.Join("; ", ranks.Prepend(phases)));
    }
}
