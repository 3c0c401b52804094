using System;
using System.Threading;

namespace Tbrm.Verify;

/// <summary>
/// Cancels after a time that this process has run. A process that was stopped (a suspended virtual machine, SIGSTOP, a
/// debugger) gets no ticks,
/// so that what it was grading is not called too slow when it goes on.
/// </summary>
internal sealed class EmergencyBrake : IDisposable
{
    private const int Ticks = 20;

    private readonly CancellationTokenSource _source;
    private readonly Timer _timer;
    private int _ticks;

    public EmergencyBrake(TimeSpan limit, CancellationToken stop)
    {
        _source = CancellationTokenSource.CreateLinkedTokenSource(stop);
        TimeSpan period = TimeSpan.FromMilliseconds(Math.Max(1, limit.TotalMilliseconds / Ticks));
        _timer = new Timer(static state => ((EmergencyBrake)state!).Tick(), this, period, period);
    }

    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        _timer.Dispose();
        _source.Dispose();
    }

    private void Tick()
    {
        try
        {
            if (Interlocked.Increment(ref _ticks) == Ticks)
            {
                _source.Cancel();
            }
        }
        catch (ObjectDisposedException)
        {
            // The grade came in the same moment.
        }
    }
}
