using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Data.Sampling;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Trajectories;

/// <summary>Files of trajectories as one source: whole groups, epoch by epoch, in an order of the seed.</summary>
internal sealed class FileSource
{
    private readonly IReadOnlyList<IReadOnlyList<TrajectoryRecord>> _groups;
    private readonly IndexSampler _sampler;

    /// <summary>Over what was read.</summary>
    /// <param name="files">The files.</param>
    /// <param name="data">Order and seed.</param>
    /// <param name="groupsOf">Prompts per batch, given the mean number of responses to a prompt.</param>
    /// <param name="batchKey">What messages call that number.</param>
    /// <param name="epochs">After which it is at its end; null: never.</param>
    public FileSource(IReadOnlyList<TrajectoryFile> files, DataConfig data, Func<double, int> groupsOf, string batchKey,
        long? epochs)
    {
        _groups = [.. files.SelectMany(f => f.Groups)];
        Name = string.Join(", ", files.Select(f => f.Path));
        _sampler = new(_groups.Count, new()
        {
            BatchSize = Math.Max(1, groupsOf((double)_groups.Sum(g => g.Count) / _groups.Count)),
            BatchSizeKey = batchKey,
            Shuffle = data.Shuffle,
            Seed = (ulong)data.Seed,
            Epochs = epochs,
        });
    }

    /// <summary>The files.</summary>
    public string Name { get; }

    /// <summary>Where it stands.</summary>
    public SamplerState State => _sampler.State;

    /// <summary>Batches of an epoch.</summary>
    public long BatchesPerEpoch => _sampler.BatchesPerEpoch!.Value;

    /// <summary>All trajectories.</summary>
    public IEnumerable<TrajectoryRecord> All => _groups.SelectMany(g => g);

    /// <summary>The next groups, in the order of the files, so that a step's own dump is the step bit for bit; null at
    /// the end.</summary>
    public IReadOnlyList<IReadOnlyList<TrajectoryRecord>>? Next() => _sampler.Next() is { } indices
        ? [.. indices.Order().Select(i => _groups[(int)i])] : null;

    /// <summary>Goes on where it stood.</summary>
    public void Restore(SamplerState state) => _sampler.Restore(state);
}
