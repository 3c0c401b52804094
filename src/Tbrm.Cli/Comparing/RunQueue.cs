using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Tbrm.Core.Errors;
using Tbrm.Training.Comparisons;

namespace Tbrm.Cli.Comparing;

/// <summary>A run that a process of its own makes.</summary>
/// <param name="Name">Before every line that it says.</param>
/// <param name="Folder">trainer.run_dir.</param>
/// <param name="ConfigFile">The configuration without seed and folder.</param>
/// <param name="Overrides">Those, and what else is the run's own.</param>
internal sealed record QueuedRun(string Name, string Folder, string ConfigFile, IReadOnlyList<string> Overrides)
{
    /// <summary>Whether the run is at its end: reached, or not finite. One that is not goes on from its last
    /// checkpoint.</summary>
    public bool HasEnded => ComparedArm.IsRun(Folder) && ComparedRun.Read(Folder).Ended is not null;
}

/// <summary>
/// Makes runs in processes of their own, some at a time, so that memory and times of one are not those of another, and
/// a crash is its own: the others are made all the same. What has ended is not made again.
/// </summary>
/// <param name="parallel">Runs at the same time.</param>
/// <param name="say">Gets what the runs say.</param>
/// <param name="program">Program and first arguments; null: this program.</param>
internal sealed class RunQueue(int parallel, Action<string> say, IReadOnlyList<string>? program = null)
{
    /// <summary>A child on the same terminal gets Ctrl-C from there, and says so; another one has to be told.</summary>
    private const string Stopping = "tbrm-native: stopping", Own = "tbrm-native: ";

    /// <summary>More lines than a failure has.</summary>
    private const int MostLines = 100;

    /// <summary>How the lines begin that a run says of where things are, and of how to go on: there are many
    /// runs.</summary>
    private static readonly string[] s_ending = ["run folder: ", "model: ", "report: ", "next:", " "];

    private readonly Lock _lines = new();
    private readonly List<RunFailure> _failures = [];

    /// <summary>What runs that failed said last: another one that says the same need not.</summary>
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    /// <summary>Runs that failed, in all calls: neither at their end, nor not finite, nor interrupted.</summary>
    public IReadOnlyList<RunFailure> Failures
    {
        get
        {
            lock (_lines)
            {
                return [.. _failures];
            }
        }
    }

    /// <summary>Makes all of them.</summary>
    /// <param name="runs">In this order.</param>
    /// <param name="ended">Told of each that has ended in this call.</param>
    /// <param name="stop">Asks the children to save and end.</param>
    /// <returns>Ok, also where runs diverged or failed (<see cref="Failures"/>); Interrupted.</returns>
    public ExitCode Run(IReadOnlyList<QueuedRun> runs, Action<QueuedRun> ended, CancellationToken stop)
    {
        using CancellationTokenSource interrupted = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Queue<QueuedRun> waiting = new(runs.Where(r => !r.HasEnded));
        bool isInterrupted = false;
        Thread[] workers = [.. Enumerable.Range(0, Math.Max(1, Math.Min(parallel, waiting.Count)))
            .Select(_ => new Thread(Work))];
        foreach (Thread worker in workers)
        {
            worker.Start();
        }

        foreach (Thread worker in workers)
        {
            worker.Join();
        }

        return isInterrupted || stop.IsCancellationRequested ? ExitCode.Interrupted : ExitCode.Ok;

        void Work()
        {
            while (Next() is { } run)
            {
                (ExitCode code, string last) = Make(run, interrupted.Token);
                lock (waiting)
                {
                    if (code == ExitCode.Interrupted)
                    {
                        isInterrupted = true;
                        interrupted.Cancel();
                        continue;
                    }

                    if (code is not (ExitCode.Ok or ExitCode.NonFinite))
                    {
                        Fail(run, code, last);
                    }

                    ended(run);
                }
            }
        }

        QueuedRun? Next()
        {
            lock (waiting)
            {
                return !interrupted.IsCancellationRequested && waiting.TryDequeue(out QueuedRun? run) ? run : null;
            }
        }
    }

    /// <summary>A run that cannot be made, for a reason that is known before.</summary>
    public void Fail(QueuedRun run, ExitCode code, string message)
    {
        RunFailure failure = new(run.Name, code, message);
        lock (_lines)
        {
            RunFailure? same = _failures.Find(f => f.Code == code && f.Message == message);
            _failures.Add(failure);
            say(same is null ? $"tbrm-native: {failure}; the others go on"
                : $"tbrm-native: {run.Name} failed as {same.Run} did; the others go on");
        }
    }

    private (ExitCode Code, string Last) Make(QueuedRun run, CancellationToken stop)
    {
        Say(run, "begins");
        using Process process =
            Start(["train", "-c", run.ConfigFile, .. run.Overrides, "trainer.run_dir=" + run.Folder]);
        bool isStopping = false;
        string last = "";
        List<string> ending = [];
        Task errors = Task.Run(() =>
        {
            while (process.StandardError.ReadLine() is { } line)
            {
                if (line.Length > 0)
                {
                    isStopping |= line.StartsWith(Stopping, StringComparison.Ordinal);
                    // What a failure says first is what it is; further lines explain it.
                    bool isOwn = line.StartsWith(Own, StringComparison.Ordinal);
                    last = isOwn || !last.StartsWith(Own, StringComparison.Ordinal) ? line : last;
                    if (isOwn)
                    {
                        ending.Clear();
                    }

                    if (ending.Count < MostLines)
                    {
                        ending.Add(line);
                    }

                    if (!s_ending.Any(e => line.StartsWith(e, StringComparison.Ordinal)))
                    {
                        SayNew(run, line);
                    }
                }
            }
        }, CancellationToken.None);
        // Verl's lines: the numbers are in metrics.jsonl too.
        Task output = Task.Run(() => process.StandardOutput.ReadToEnd(), CancellationToken.None);
        using (stop.Register(() => Tell(process, () => Volatile.Read(ref isStopping))))
        {
            process.WaitForExit();
        }

        Task.WaitAll(errors, output);
        int code = process.ExitCode;
        if (code is not ((int)ExitCode.Ok or (int)ExitCode.NonFinite or (int)ExitCode.Interrupted))
        {
            lock (_lines)
            {
                _known.UnionWith(ending);
            }
        }

        // A child that a signal ended has no word for it.
        return (Enum.IsDefined((ExitCode)code) ? (ExitCode)code : ExitCode.Internal,
            Enum.IsDefined((ExitCode)code) ? last
                : string.Create(CultureInfo.InvariantCulture, $"the process ended with {code}; {last}"));
    }

    private void Say(QueuedRun run, string line)
    {
        lock (_lines)
        {
            say($"{run.Name}: {line}");
        }
    }

    private void SayNew(QueuedRun run, string line)
    {
        lock (_lines)
        {
            if (!_known.Contains(line))
            {
                Say(run, line);
            }
        }
    }

    private static void Tell(Process process, Func<bool> isTold) => Task.Run(() =>
    {
        process.WaitForExit(TimeSpan.FromSeconds(1));
        if (!process.HasExited && !isTold())
        {
            if (OperatingSystem.IsWindows())
            {
                process.Kill();
            }
            else
            {
                using Process kill =
                    Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]);
                kill.WaitForExit();
            }
        }
    });

    /// <summary>This program again: its own executable, or the runtime with its assembly.</summary>
    private Process Start(IReadOnlyList<string> arguments)
    {
        IReadOnlyList<string> words = program ?? Self();
        ProcessStartInfo start = new(words[0])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in words.Skip(1).Concat(arguments))
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }

    private static string[] Self()
    {
        string path = Environment.ProcessPath ?? throw new InvalidOperationException("the program has no path");
        return Path.GetFileNameWithoutExtension(path) == "dotnet" ? [path, typeof(RunQueue).Assembly.Location]
            : [path];
    }
}
