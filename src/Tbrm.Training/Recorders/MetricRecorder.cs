using System;
using System.Diagnostics;
using Tbrm.Training.Metrics;
using Tbrm.Training.Progress;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;

namespace Tbrm.Training.Recorders;

/// <summary>Writes the metrics of a run's steps, watches them for warnings, and publishes summary and report.</summary>
public sealed class MetricRecorder(OpenRun run, MetricSinks sinks, RunPosition position, IProgressDisplay progress,
    long totalSteps)
{
    /// <summary>Phases whose time is told per token, and whether it is per sampled token, as verl counts it.</summary>
    private static readonly (string Phase, bool IsSampled)[] s_perToken =
        [("gen", true), ("old_log_prob", false), ("ref", false), ("values", false), ("adv", false),
            ("update_critic", false), ("update_actor", false)];

    private readonly RunMonitor _monitor = new(run.Folder, run.Session.Config, progress);

    private long _published;

    /// <summary>Whether the last publishing is long enough ago, for whoever watches the report.</summary>
    public bool IsPublishDue => Stopwatch.GetElapsedTime(_published) > TimeSpan.FromSeconds(10);

    /// <summary>How the run came to its end, as summary.json calls it; null before.</summary>
    public string? Ended { get; set; }

    /// <summary>Adds the step's times and speeds.</summary>
    public void AddTimes(MetricSet metrics, StepTokens tokens)
    {
        position.Clock.TakeStep(metrics);
        if (tokens.All == 0)
        {
            return;
        }

        foreach ((string phase, bool isSampled) in s_perToken)
        {
            long count = isSampled ? tokens.Sampled : tokens.All;
            if (count > 0 && metrics.Find("timing_s/" + phase) is { } spent)
            {
                metrics["timing_per_token_ms/" + phase] = 1000 * spent / count;
            }
        }

        double seconds = metrics.Find("timing_s/step") ?? 0;
        metrics["perf/time_per_step"] = seconds;
        metrics["perf/throughput"] = seconds > 0 ? tokens.All / seconds : 0;
        metrics["perf/max_memory_allocated_gb"] = run.Session.Device.Memory().Peak / 1e9;
        metrics["perf/cpu_memory_used_gb"] = Environment.WorkingSet / 1e9;
    }

    /// <summary>Writes a row, where there is anything to write.</summary>
    public void Write(long step, MetricSet metrics)
    {
        if (step > 0)
        {
            _monitor.Observe(step, metrics);
        }

        if (metrics.Names.Count > 0)
        {
            sinks.Write(step, metrics);
        }
    }

    /// <summary>summary.json and report.html as of now; the report of a run that goes on may wait.</summary>
    public void Publish(bool isLast = false)
    {
        _published = Stopwatch.GetTimestamp();
        RunSummary.Write(run, position, Ended, totalSteps, _monitor.Warnings.All);
        _monitor.WriteReport(isLast);
    }
}
