using System;
using System.Collections.Generic;
using System.IO;
using Tbrm.Training.Progress;

namespace Tbrm.Cli.Display;

/// <summary>One line on stderr that is written over, and only where stderr is a terminal; sentences that stay go there
/// in any case.</summary>
internal sealed class TerminalProgress(TextWriter error, bool isTerminal) : IProgressDisplay
{
    private const int BarWidth = 24;

    private bool _shown;
    private long _lastTick;

    public void Begin(long done, long total)
    {
    }

    public void Say(string message)
    {
        Clear();
        error.WriteLine(VisibleText.Of(message));
    }

    public void Warn(string message) => Say("warning: " + message);

    public void ShowSamples(long step, IReadOnlyList<PrintedSample> samples)
    {
        Clear();
        error.Write(SampleText.Of(step, samples, int.MaxValue));
    }

    public void Show(string phase, double fraction, string detail)
    {
        // Ten times a second is all that an eye wants.
        if (!isTerminal || (fraction < 1 && Environment.TickCount64 - _lastTick < 100))
        {
            return;
        }

        _lastTick = Environment.TickCount64;
        int filled = (int)Math.Round(Math.Clamp(fraction, 0, 1) * BarWidth);
        error.Write(
            $"\r\u001b[K{VisibleText.OnOneLine(phase)} "
                + $"[{new string('=', filled)}{new string(' ', BarWidth - filled)}] {VisibleText.OnOneLine(detail)}");
        _shown = true;
    }

    public void Clear()
    {
        if (_shown)
        {
            error.Write("\r\u001b[K");
            _shown = false;
        }
    }
}
