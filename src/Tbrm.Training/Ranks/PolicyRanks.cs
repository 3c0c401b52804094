using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine;
using Tbrm.Engine.Models;
using Tbrm.Engine.Ranks;

namespace Tbrm.Training.Ranks;

/// <summary>The devices of a node's ranks with the policy on each: rank 0 is the session's, the others are replicas
/// with the same weights.</summary>
public sealed class PolicyRanks : IDisposable
{
    private readonly List<IDisposable> _own = [];

    private PolicyRanks(int count) => Group = Own(new RankGroup(count));

    /// <summary>The threads.</summary>
    public RankGroup Group { get; }

    /// <summary>One per rank; all have the same weights between two updates.</summary>
    public IReadOnlyList<Policy> Policies { get; private set; } = [];

    /// <summary>Opens the devices and copies the weights.</summary>
    /// <param name="policy">Rank 0's.</param>
    /// <param name="config">The configuration.</param>
    /// <exception cref="TbrmUserException">A device is not there, or has not the memory.</exception>
    public static PolicyRanks Open(Policy policy, RunConfig config)
    {
        // trainer.device=auto, and a GPU was found.
        if (policy.Device.IsCuda)
        {
            throw new ConfigException($"trainer.n_gpus_per_node={config.Trainer.NGpusPerNode} on a GPU: several ranks "
                + "are contexts of the CPU; set it to 1, or trainer.device=cpu");
        }

        PolicyRanks ranks = new(config.Trainer.NGpusPerNode);
        try
        {
            List<Policy> policies = [policy];
            for (int rank = 1; rank < ranks.Group.Count; rank++)
            {
                string name = EngineDevice.NameOfRank(config.Trainer.Device, policy.Device.IsCuda, rank);
                int threads = RankGroup.ThreadsOfRank(config.Trainer.Threads, ranks.Group.Count);
                EngineDevice device = ranks.Own(EngineDevice.Open(name, threads, config.Trainer.BatchInvariant));
                policies.Add(ranks.Own(policy.Replica(device)));
            }

            ranks.Policies = policies;
            return ranks;
        }
        catch
        {
            ranks.Dispose();
            throw;
        }
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

    private T Own<T>(T each)
        where T : IDisposable
    {
        _own.Add(each);
        return each;
    }
}
