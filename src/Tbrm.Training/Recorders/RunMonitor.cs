using System;
using System.Diagnostics;
using Tbrm.Core.Config;
using Tbrm.Training.Metrics;
using Tbrm.Training.Progress;
using Tbrm.Training.Reports;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Recorders;

/// <summary>Watches a run for the people who wait for it: warnings on stderr while it goes on, and
/// report.html.</summary>
public sealed class RunMonitor
{
    private readonly RunFolder _folder;
    private readonly IProgressDisplay _progress;
    private readonly RunHistory _history;
    private bool _reportFailed;
    private TimeSpan _cost;
    private long _written;

    /// <summary>Takes in what earlier processes of a resumed run have written; what they warned of is not said
    /// again.</summary>
    public RunMonitor(RunFolder folder, RunConfig config, IProgressDisplay progress)
    {
        _folder = folder;
        _progress = progress;
        _history = new(folder.MetricsPath);
        Warnings = new(config);
        _history.ReadOn((step, row) => Warnings.Observe(step, row));
    }

    /// <summary>What was found so far.</summary>
    public RunWarnings Warnings { get; }

    /// <summary>Takes in the metrics of a step and adds training/warnings, the number of conditions that this step
    /// meets.</summary>
    public void Observe(long step, MetricSet metrics)
    {
        metrics["training/warnings"] = Warnings.CountOf(metrics);
        foreach (RunWarning warning in Warnings.Observe(step, metrics))
        {
            _progress.Warn(FormattableString.Invariant($"step {step}: {warning.What}. What to try: {warning.Advice}"));
        }
    }

    /// <summary>
    /// Draws report.html anew, unless that would take more than a fiftieth of the run's time and the run is not over. A
    /// report that cannot be
    /// written costs the run nothing but a sentence.
    /// </summary>
    public void WriteReport(bool isLast)
    {
        long start = Stopwatch.GetTimestamp();
        if (!isLast && Stopwatch.GetElapsedTime(_written, start) < _cost * 50)
        {
            return;
        }

        try
        {
            RunReport.Write(_folder, _history, Warnings);
            _written = Stopwatch.GetTimestamp();
            _cost = Stopwatch.GetElapsedTime(start, _written);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Whatever it is: no picture of a run is worth the run.
            if (!_reportFailed)
            {
                _progress.Warn($"report.html: {e.Message}");
                _reportFailed = true;
            }
        }
    }
}
