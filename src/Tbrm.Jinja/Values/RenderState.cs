using System;
using System.Diagnostics;
using System.Text;

namespace Tbrm.Jinja.Values;

/// <summary>What one rendering has used up of its limits.</summary>
internal sealed class RenderState
{
    private const int ClockInterval = 4096;
    private const int CharactersPerStep = 256;

    /// <summary>The rendering that this thread is busy with: filters and operators charge their work to it.</summary>
    [ThreadStatic]
    private static RenderState? s_current;

    private readonly JinjaLimits _limits;
    private readonly Func<DateTimeOffset> _now;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly long _allocatedBefore = GC.GetAllocatedBytesForCurrentThread();
    private long _steps;
    private long _nextClockCheck = ClockInterval;

    public RenderState(JinjaLimits limits, Func<DateTimeOffset> now)
    {
        _limits = limits;
        _now = now;
    }

    /// <summary>The longest text or list that this thread may build.</summary>
    public static int MaxLength => (s_current?._limits ?? JinjaLimits.Default).MaxLength;

    /// <summary>The time that strftime_now writes.</summary>
    public DateTimeOffset Now => _now();

    /// <summary>How deep macro calls and recursive loops are nested.</summary>
    public int Depth { get; private set; }

    /// <summary>Charges work on so many items to this thread's rendering.</summary>
    public static void SpendItems(long count) => s_current?.Step(count);

    /// <summary>Charges work on so many characters to this thread's rendering.</summary>
    public static void SpendCharacters(long count) => s_current?.Step((count / CharactersPerStep) + 1);

    /// <summary>Does something on behalf of this rendering.</summary>
    public T Run<T>(Func<T> work)
    {
        RenderState? outer = s_current;
        s_current = this;
        try
        {
            return work();
        }
        finally
        {
            s_current = outer;
        }
    }

    /// <summary>Counts steps.</summary>
    public void Step(long count = 1)
    {
        _steps += count;
        if (_steps > _limits.MaxSteps)
        {
            throw PyError.Limit($"the template takes more than {_limits.MaxSteps} steps");
        }

        if (_steps >= _nextClockCheck)
        {
            _nextClockCheck = _steps + ClockInterval;
            if (_clock.Elapsed > _limits.MaxTime)
            {
                throw PyError.Limit(
                    $"the template takes more than {_limits.MaxTime.TotalSeconds} seconds of wall clock; its steps "
                        + $"are within their limit, so the machine stands still");
            }
        }

        if (GC.GetAllocatedBytesForCurrentThread() - _allocatedBefore > _limits.MaxBytes)
        {
            throw PyError.Limit($"the template allocates more than {_limits.MaxBytes} bytes");
        }
    }

    /// <summary>Goes one level deeper.</summary>
    public void Enter()
    {
        if (++Depth > _limits.MaxDepth)
        {
            throw new PyError("RecursionError", $"macros or loops are nested deeper than {_limits.MaxDepth} levels");
        }
    }

    /// <summary>Comes back up.</summary>
    public void Leave() => Depth--;

    /// <summary>Writes text within the limit.</summary>
    public void Write(StringBuilder output, string text)
    {
        if ((long)output.Length + text.Length > _limits.MaxLength)
        {
            throw PyError.Limit($"the output is longer than {_limits.MaxLength} characters");
        }

        SpendCharacters(text.Length);
        output.Append(text);
    }
}
