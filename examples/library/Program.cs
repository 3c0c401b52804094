// Trains from a program instead of the command line: the same configuration, the same run folder, metrics as they come.
using System;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Config;
using Tbrm.Training.Loops;
using Tbrm.Training.Metrics;
using Tbrm.Training.Progress;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;

try
{
    // Files or presets, and what follows "tbrm-native train" on a command line. Neither: the default task.
    RunConfig config = ConfigLoader.Load([], args);
    SilentProgress progress = new();
    using OpenRun run = OpenRun.Open(config, RunState.Train, progress);
    using RewardPrinter printer = new();
    using MetricSinks sinks = MetricSinks.Open(["file"], run.Folder, console: null, run.RecordedStep, printer);
    using CancellationTokenSource stop = new();
    Console.CancelKeyPress += (_, pressed) =>
    {
        pressed.Cancel = true; // the run saves a checkpoint, then Train returns
        stop.Cancel();
    };
    TrainEnd end = TrainingRuns.Train(run, sinks, progress, stop.Token);
    Console.WriteLine($"{end.ExitCode}: {run.Folder.ReportPath}");
    return (int)end.ExitCode;
}
catch (TbrmUserException e)
{
    // What the user can mend: a sentence, and the exit code that the command line has for it.
    Console.Error.WriteLine(e.Message);
    return (int)e.ExitCode;
}

/// <summary>Receives every step's metrics, under verl's names.</summary>
internal sealed class RewardPrinter : IMetricSink
{
    public void Write(long step, MetricSet metrics)
    {
        if (metrics.Find("critic/rewards/mean") is { } reward)
        {
            Console.WriteLine($"step {step}: reward {reward:F3}");
        }
    }

    public void Dispose()
    {
    }
}
