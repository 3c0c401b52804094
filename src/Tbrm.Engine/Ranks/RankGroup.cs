using System;
using System.Linq;
using System.Runtime.ExceptionServices;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Engine.Models;
using Tbrm.Interop;
using Tbrm.Interop.Handles;

namespace Tbrm.Engine.Ranks;

/// <summary>
/// The ranks of a run: rank 0 is the thread that calls, every other rank has a thread of its own for as long as the
/// group lives, which computes, or speaks with the process that does.
/// </summary>
public sealed class RankGroup : IDisposable
{
    /// <summary>How long a rank waits for the others: for emergencies, since one that fails says so.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    private readonly GroupHandle[] _ends = [];
    private readonly ProcessGroup? _processes;
    private readonly Worker[] _workers;

    /// <summary>Starts the threads.</summary>
    /// <param name="count">How many ranks, 1 or more.</param>
    public RankGroup(int count)
    {
        _ends = NativeFailures.Translated("making the ranks", () => GroupHandle.CreateLocal(count, s_patience));
        _workers = WorkersOf(count);
    }

    /// <summary>The same over processes, of which this one is rank 0; they stay the caller's.</summary>
    public RankGroup(ProcessGroup processes)
    {
        _processes = processes;
        _workers = WorkersOf(processes.Count);
    }

    /// <summary>How many ranks.</summary>
    public int Count => _workers.Length + 1;

    /// <summary>CPU threads of one rank: its part of those that are asked for, or of the cores.</summary>
    /// <param name="threads">Of all ranks together; 0 = all cores that the process may use.</param>
    /// <param name="ranks">How many; one gets what is asked for.</param>
    public static int ThreadsOfRank(int threads, int ranks) => ranks == 1 ? threads
        : Math.Max(1, (threads > 0 ? threads : Environment.ProcessorCount) / ranks);

    /// <summary>Runs something on every rank at the same time, and returns when all are done.</summary>
    /// <param name="body">Gets the rank. It waits for no other rank.</param>
    /// <exception cref="TbrmUserException">That of the first rank that failed; the message names the rank.</exception>
    public void Each(Action<int> body)
    {
        Exception?[] failures = new Exception?[Count];
        foreach (Worker worker in _workers)
        {
            worker.Begin(() => failures[worker.Rank] = FailureOf(body, worker.Rank));
        }

        failures[0] = FailureOf(body, 0);
        foreach (Worker worker in _workers)
        {
            worker.Wait();
        }

        Throw(failures);
    }

    /// <summary>The same with a result of every rank, by rank.</summary>
    public T[] Each<T>(Func<int, T> body)
    {
        T[] results = new T[Count];
        Each(rank => { results[rank] = body(rank); });
        return results;
    }

    /// <summary>From now on the ranks share what the model's options say: called by every rank of this process, on its
    /// own thread.</summary>
    public void Share(int rank, EngineModel model)
    {
        if (_processes is not null)
        {
            _processes.Share(model);
            return;
        }

        NativeFailures.Translated("sharing the model", () => _ends[rank].Share(model.Model));
    }

    /// <summary>Replaces the gradients of a rank's model by the sum over all ranks, made in their order: called as
    /// <see cref="Share"/>.</summary>
    public void ReduceGradient(int rank, EngineModel model)
    {
        if (_processes is not null)
        {
            _processes.ReduceGradient(model);
            return;
        }

        NativeFailures.Translated("adding up the gradients", () => _ends[rank].ReduceGradient(model.Model));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Worker worker in _workers)
        {
            worker.Dispose();
        }

        foreach (GroupHandle end in _ends)
        {
            end.Dispose();
        }
    }

    private static Worker[] WorkersOf(int count) =>
        [.. Enumerable.Range(1, count - 1).Select(rank => new Worker(rank))];

    private Exception? FailureOf(Action<int> body, int rank)
    {
        try
        {
            body(rank);
            return null;
        }
        catch (OperationCanceledException e)
        {
            return e;
        }
        catch (Exception e)
        {
            // Or those that add up with it would wait for it.
            Abort(rank, e);
            return e;
        }
    }

    private void Abort(int rank, Exception failure)
    {
        ExitCode code = failure is TbrmUserException user ? user.ExitCode : ExitCode.Internal;
        if (_processes is not null)
        {
            _processes.Abort(code, failure.Message);
        }
        else
        {
            _ends[rank].Abort((int)code, failure.Message);
        }
    }

    /// <summary>What the ranks failed of: the first that did not only wait for another.</summary>
    private void Throw(Exception?[] failures)
    {
        int first = Array.FindIndex(failures, e => e is not null && !IsOfAnother(e));
        first = first < 0 ? Array.FindIndex(failures, e => e is not null) : first;
        if (first < 0)
        {
            return;
        }

        if (failures[first] is TbrmUserException { } e && Count > 1 && !IsOfAnother(e))
        {
            throw new TbrmUserException(e.ExitCode, $"rank {first} of {Count}: {e.Message}", e);
        }

        ExceptionDispatchInfo.Throw(failures[first]!);
    }

    private static bool IsOfAnother(Exception e) =>
        e.InnerException is TbrmNativeException { Status: TbrmStatus.Group };

    /// <summary>One thread, which takes one piece of work at a time: kernels keep threads and memory by the thread that
    /// calls them.</summary>
    private sealed class Worker : IDisposable
    {
        private readonly SemaphoreSlim _begin = new(0), _end = new(0);
        private readonly Thread _thread;
        private Action? _work;

        public Worker(int rank)
        {
            Rank = rank;
            _thread = new(Loop) { Name = $"rank {rank}", IsBackground = true };
            _thread.Start();
        }

        public int Rank { get; }

        public void Begin(Action work)
        {
            _work = work;
            _begin.Release();
        }

        public void Wait() => _end.Wait();

        public void Dispose()
        {
            _work = null;
            _begin.Release();
            _thread.Join();
            _begin.Dispose();
            _end.Dispose();
        }

        private void Loop()
        {
            while (true)
            {
                _begin.Wait();
                if (_work is not { } work)
                {
                    return;
                }

                work();
                _end.Release();
            }
        }
    }
}
