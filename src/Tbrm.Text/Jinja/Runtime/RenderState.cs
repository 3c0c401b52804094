using System;
using System.Diagnostics;
using System.Text;

namespace Tbrm.Text.Jinja;

/// <summary>What one rendering has used up of its limits.</summary>
internal sealed class RenderState(JinjaLimits limits, Func<DateTimeOffset> now)
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private long _steps;

    /// <summary>The time that strftime_now writes.</summary>
    public DateTimeOffset Now => now();

    /// <summary>How deep macro calls and recursive loops are nested.</summary>
    public int Depth { get; private set; }

    /// <summary>Counts one step.</summary>
    public void Step()
    {
        _steps++;
        if (_steps > limits.MaxSteps)
        {
            throw PyError.Limit($"the template takes more than {limits.MaxSteps} steps");
        }

        if ((_steps & 0xFFF) == 0 && _clock.Elapsed > limits.MaxTime)
        {
            throw PyError.Limit($"the template takes more than {limits.MaxTime.TotalSeconds} seconds");
        }
    }

    /// <summary>Goes one level deeper.</summary>
    public void Enter()
    {
        if (++Depth > limits.MaxDepth)
        {
            throw new PyError("RecursionError", $"macros or loops are nested deeper than {limits.MaxDepth} levels");
        }
    }

    /// <summary>Comes back up.</summary>
    public void Leave() => Depth--;

    /// <summary>Writes text within the limit.</summary>
    public void Write(StringBuilder output, string text)
    {
        if ((long)output.Length + text.Length > limits.MaxLength)
        {
            throw PyError.Limit($"the output is longer than {limits.MaxLength} characters");
        }

        output.Append(text);
    }
}
