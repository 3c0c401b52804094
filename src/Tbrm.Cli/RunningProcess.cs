using System;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Ranks;
using Tbrm.Training.Ranks;

namespace Tbrm.Cli;

/// <summary>One of the processes of a run on several nodes: the first makes the run, the others compute for it, and all
/// end with one exit code.</summary>
internal static class RunningProcess
{
    /// <summary>Meets the others, and runs or serves.</summary>
    /// <param name="place">This process's.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="signals">Ctrl-C of this process.</param>
    /// <param name="first">What rank 0 does.</param>
    public static ExitCode Run(ProcessPlace place, RunConfig config, StopSignals signals,
        Func<ProcessGroup, ExitCode> first)
    {
        using ProcessGroup processes = RunProcesses.Join(place, config);
        if (place.Rank > 0)
        {
            using CancellationTokenRegistration asked = signals.Token.Register(processes.AskToStop);
            ExitCode ended = RankServer.Run(processes, config);
            processes.Leave(ended);
            return ended;
        }

        using IDisposable watch = RunProcesses.WatchSignals(processes,
            rank => signals.Request($"stopping, as rank {rank} was asked to; Ctrl-C to stop without saving"));
        try
        {
            ExitCode code = first(processes);
            RankServer.End(processes, code);
            return code;
        }
        catch (Exception e)
        {
            (ExitCode code, string message) = FailureReport.Describe(e);
            processes.Abort(code, message);
            throw;
        }
    }
}
