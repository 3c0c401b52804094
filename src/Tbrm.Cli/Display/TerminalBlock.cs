using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Tbrm.Training.Metrics;
using Tbrm.Training.Progress;

namespace Tbrm.Cli.Display;

/// <summary>
/// Some lines at the end of a terminal that are drawn over again: steps with the time that is left, the numbers of the
/// last step, the phase at hand.
/// Sentences go above them and stay.
/// </summary>
/// <param name="error">The terminal, for sequences of the program's own.</param>
/// <param name="width">Its columns, read anew every time.</param>
/// <param name="isColoured">False under NO_COLOR.</param>
/// <param name="time">The clock.</param>
internal sealed class TerminalBlock(TextWriter error, Func<int> width, bool isColoured, TimeProvider time)
    : IProgressDisplay, IMetricSink
{
    private const string Dim = "\u001b[2m", Bold = "\u001b[1m", Green = "\u001b[32m", Yellow = "\u001b[33m",
        Plain = "\u001b[0m", ToLineEnd = "\u001b[K", ToScreenEnd = "\u001b[J", Up = "\u001b[1A";

    private readonly long _start = time.GetTimestamp();
    private long _begun, _done, _step, _total, _drawn, _phaseStart;
    private MetricSet? _now, _before;
    private HeldOutResult? _heldOut;
    private string _phase = "", _detail = "";
    private double _fraction;
    private int _lines;
    private bool _isClosed;

    public void Begin(long done, long total)
    {
        (_begun, _done, _step, _total) = (time.GetTimestamp(), done, done, total);
        Draw(now: true);
    }

    public void Say(string message)
    {
        Erase();
        error.Write(VisibleText.Of(message) + "\n");
        Draw(now: true);
    }

    public void Warn(string message)
    {
        Erase();
        error.Write((isColoured ? Yellow + "warning:" + Plain : "warning:") + " " + VisibleText.Of(message) + "\n");
        Draw(now: true);
    }

    public void Show(string phase, double fraction, string detail)
    {
        if (phase != _phase || fraction < _fraction)
        {
            _phaseStart = time.GetTimestamp();
        }

        bool isFirst = phase != _phase;
        (_phase, _fraction, _detail) = (phase, fraction, detail);
        Draw(now: isFirst || fraction >= 1);
    }

    public void ShowSamples(long step, IReadOnlyList<PrintedSample> samples)
    {
        Erase();
        error.Write(SampleText.Of(step, samples, Columns));
        Draw(now: true);
    }

    /// <summary>The numbers of a step; row 0 is the evaluation before the first.</summary>
    public void Write(long step, MetricSet metrics)
    {
        _heldOut = HeldOutResult.After(_heldOut, step, metrics);
        if (step > 0)
        {
            (_step, _before, _now) = (step, _now, metrics);
        }

        Draw(now: true);
    }

    public void Clear()
    {
        (_phase, _fraction) = ("", 0);
        Draw(now: true);
    }

    /// <summary>Takes the block off the screen; sentences may follow.</summary>
    public void Dispose()
    {
        _isClosed = true;
        Erase();
        error.Flush();
    }

    private int Columns => Math.Max(20, width() - 1);

    private void Draw(bool now)
    {
        // Ten times a second is all that an eye wants.
        if (_isClosed || (!now && time.GetElapsedTime(_drawn).TotalMilliseconds < 100))
        {
            return;
        }

        _drawn = time.GetTimestamp();
        string[] lines = [.. Lines()];
        StringBuilder text = new(Erasing());
        text.AppendJoin('\n', lines);
        _lines = lines.Length;
        if (text.Length > 0)
        {
            error.Write(text.ToString());
            error.Flush();
        }
    }

    private IEnumerable<string> Lines()
    {
        if (_total > 0)
        {
            TimeSpan sinceBegin = time.GetElapsedTime(_begun);
            TimeSpan? left = _total > _done ? BlockText.Left(sinceBegin, (double)(_step - _done) / (_total - _done))
                : null;
            yield return Coloured(Bold, BlockText.Steps(_step, _total, time.GetElapsedTime(_start), left));
        }

        if (_now is not null || _heldOut is not null)
        {
            IEnumerable<string> numbers = BlockText.Numbers(_now ?? new(), _before, _heldOut);
            foreach (string line in BlockText.Wrapped(numbers, Columns))
            {
                yield return Coloured(Green, line);
            }
        }

        if (_phase.Length > 0)
        {
            yield return Coloured(Dim,
                VisibleText.OnOneLine(BlockText.Phase(
                _phase, _fraction, _detail, BlockText.Left(time.GetElapsedTime(_phaseStart), _fraction))));
        }
    }

    private string Coloured(string colour, string line)
    {
        string cut = line.Length <= Columns ? line : line[..Columns];
        return isColoured ? colour + cut + Plain : cut;
    }

    private void Erase()
    {
        error.Write(Erasing());
        _lines = 0;
    }

    private string Erasing() => _lines == 0 ? ""
        : "\r" + ToLineEnd + string.Concat(Enumerable.Repeat(Up, _lines - 1)) + "\r" + ToScreenEnd;
}
