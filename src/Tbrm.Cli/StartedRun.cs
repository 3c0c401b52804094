using System.Threading;
using Tbrm.Engine.Ranks;
using Tbrm.Training.Progress;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;

namespace Tbrm.Cli;

/// <summary>A run that is about to train.</summary>
/// <param name="Run">Its folder and session.</param>
/// <param name="Sinks">Where metrics go.</param>
/// <param name="Progress">Where people watch it.</param>
/// <param name="Processes">The processes of its ranks; null where this one makes the run.</param>
/// <param name="Stop">Ctrl-C.</param>
internal sealed record StartedRun(OpenRun Run, MetricSinks Sinks, IProgressDisplay Progress, ProcessGroup? Processes,
    CancellationToken Stop);
