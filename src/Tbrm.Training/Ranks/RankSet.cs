using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine;
using Tbrm.Engine.Models;
using Tbrm.Engine.Ranks;
using Tbrm.Training.Metrics;
using Tbrm.Training.Plans;
using Tbrm.Training.Sessions;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Ranks;

/// <summary>The ranks of a run with a copy of the policy on each: rank 0 is the session's; the others are threads with
/// devices of their own, or processes.</summary>
internal sealed class RankSet : IDisposable
{
    private readonly List<IDisposable> _own = [];
    private readonly (string Stage, long Since, bool IsOver)[] _atWork;
    private readonly Dictionary<string, double[]> _seconds = new(StringComparer.Ordinal);

    private RankSet(RankGroup group, LocalRank first)
    {
        Group = Own(group);
        First = first;
        _atWork = new (string, long, bool)[group.Count];
        Array.Fill(_atWork, ("start", Stopwatch.GetTimestamp(), true));
    }

    /// <summary>The threads.</summary>
    public RankGroup Group { get; }

    /// <summary>How many.</summary>
    public int Count => Group.Count;

    /// <summary>Rank 0.</summary>
    public LocalRank First { get; }

    /// <summary>All of them.</summary>
    public IReadOnlyList<IRank> Ranks { get; private set; } = [];

    /// <summary>The devices and their copies of the policy as it is now; null for a run on one rank.</summary>
    /// <param name="session">Rank 0's.</param>
    /// <param name="rollout">Rank 0's; null for a run that samples nothing.</param>
    /// <param name="processes">The processes, where ranks are such; the caller's.</param>
    /// <exception cref="TbrmUserException">A device is not there, or has not the memory.</exception>
    public static RankSet? Open(TrainingSession session, RolloutStage? rollout, ProcessGroup? processes)
    {
        RunConfig config = session.Config;
        if (config.Trainer.NGpusPerNode == 1 && processes is null)
        {
            return null;
        }

        // trainer.device=auto, and a GPU was found.
        if (session.Device.IsCuda)
        {
            throw new ConfigException($"trainer.n_gpus_per_node={config.Trainer.NGpusPerNode} and trainer.nnodes="
                + $"{config.Trainer.Nnodes} on a GPU: several ranks are contexts of the CPU; set both to 1, or "
                + "trainer.device=cpu");
        }

        RankGroup group = processes is null ? new(config.Trainer.NGpusPerNode) : new(processes);
        LocalRank first = new(session.Policy, model => group.Share(0, model), model => group.ReduceGradient(0, model),
            rollout)
        {
            Processes = processes,
            IsFirst = true,
        };
        RankSet ranks = new(group, first);
        try
        {
            ranks.Ranks = processes is null ? [first, .. ranks.Threads(session, rollout is not null)]
                : [first, .. Others(processes)];
            if (processes is not null)
            {
                ranks.OpenOthers(session, rollout, processes);
            }

            ranks.Each("share", rank => rank.Share());
            ranks._seconds.Clear();
            return ranks;
        }
        catch
        {
            ranks.Dispose();
            throw;
        }
    }

    /// <summary>Runs something on every rank at the same time; its seconds count as those of a stage.</summary>
    public T[] Each<T>(string stage, Func<int, IRank, T> body)
    {
        double[] seconds = Seconds(stage);
        return Group.Each(rank =>
        {
            long begin = Stopwatch.GetTimestamp();
            _atWork[rank] = (stage, begin, false);
            try
            {
                return body(rank, Ranks[rank]);
            }
            finally
            {
                seconds[rank] += Stopwatch.GetElapsedTime(begin).TotalSeconds;
                _atWork[rank] = (stage, Stopwatch.GetTimestamp(), true);
            }
        });
    }

    /// <summary>The same without a result.</summary>
    public void Each(string stage, Action<IRank> body) => _ = Each(stage, (_, rank) =>
    {
        body(rank);
        return true;
    });

    /// <summary>The same of the parts of something; results of the ranks that have one, in order.</summary>
    public T[] OnParts<T>(string stage, IReadOnlyList<Range> parts, Func<int, IRank, Range, T> body) =>
        Each(stage, (rank, each) => rank < parts.Count ? body(rank, each, parts[rank]) : default!)[..parts.Count];

    /// <summary>What every rank does, a line each.</summary>
    public IEnumerable<string> AtWork() => First.Processes is { } processes
        ? processes.Look().Select(state => state.ToString())
        : _atWork.Select((work, rank) => string.Create(CultureInfo.InvariantCulture,
            $"rank {rank}: {(work.IsOver ? "done with" : "in")} '{work.Stage}' for "
            + $"{Stopwatch.GetElapsedTime(work.Since).TotalSeconds:F1} s"));

    /// <summary>Seconds of the step by rank, and starts the next.</summary>
    public void TakeTimes(MetricSet metrics)
    {
        foreach ((string stage, double[] seconds) in _seconds.OrderBy(s => s.Key, StringComparer.Ordinal))
        {
            metrics[$"timing_s/rank/{stage}/min"] = seconds.Min();
            metrics[$"timing_s/rank/{stage}/mean"] = seconds.Average();
            metrics[$"timing_s/rank/{stage}/max"] = seconds.Max();
        }

        _seconds.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable each in Enumerable.Reverse(_own))
        {
            each.Dispose();
        }

        _own.Clear();
    }

    private double[] Seconds(string stage)
    {
        if (!_seconds.TryGetValue(stage, out double[]? seconds))
        {
            _seconds[stage] = seconds = new double[Count];
        }

        return seconds;
    }

    private IEnumerable<IRank> Threads(TrainingSession session, bool samples)
    {
        TrainerConfig trainer = session.Config.Trainer;
        for (int rank = 1; rank < Count; rank++)
        {
            string name = EngineDevice.NameOfRank(trainer.Device, session.Device.IsCuda, rank);
            EngineDevice device = Own(EngineDevice.Open(name, RankGroup.ThreadsOfRank(trainer.Threads, Count),
                trainer.BatchInvariant));
            Policy policy = Own(session.Policy.Replica(device));
            RolloutStage? rollout = !samples ? null
                : Own(new RolloutStage(policy, session.Tokenizer, session.Config, session.StopIds,
                    MemoryPlan.HeldBytes(policy, session.Config)));
            int own = rank;
            yield return Own(new LocalRank(policy, model => Group.Share(own, model),
                model => Group.ReduceGradient(own, model), rollout));
        }
    }

    private static IEnumerable<IRank> Others(ProcessGroup processes) =>
        Enumerable.Range(1, processes.Count - 1).Select(rank => new RemoteRank(processes, rank));

    private void OpenOthers(TrainingSession session, RolloutStage? rollout, ProcessGroup processes)
    {
        IReadOnlyList<ReadOnlyMemory<byte>>? tokens = session.Config.Rollout.Stop.Count > 0
            ? session.Tokenizer.IdToBytes : null;
        Each("open", rank =>
        {
            if (rank is RemoteRank remote)
            {
                remote.Open(session.Policy, rollout?.Sampling, tokens);
            }
            else
            {
                processes.Copy(session.Policy);
            }
        });
    }

    private T Own<T>(T each)
        where T : IDisposable
    {
        _own.Add(each);
        return each;
    }
}
