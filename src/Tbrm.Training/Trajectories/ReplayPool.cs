using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Data.Replay;
using Tbrm.Engine.Checkpoint;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Trajectories;

/// <summary>
/// The replay buffer of a run: trajectories that were sampled before, in memory or on disk, in and out of checkpoints.
/// A trajectory is taken alone,
/// or with all responses to its prompt where the algorithm compares them.
/// </summary>
internal sealed class ReplayPool : IDisposable
{
    private const string FileName = "replay.bin";

    /// <summary>A log that is smaller is never written anew.</summary>
    private const long SmallLog = 1 << 20;

    /// <summary>What stands for a residual of 0 in a priority: nothing is never learned from again.</summary>
    private const double LeastPriority = 1e-6;

    private readonly ReplayConfig _config;
    private readonly int _perUnit;
    private readonly string _folder;
    private readonly ReplayBuffer<ReplayUnit> _buffer;
    private ReplayLog? _log;
    private int _logs;

    /// <summary>An empty buffer.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="perUnit">Trajectories that stay together.</param>
    /// <param name="folder">The run's, for a buffer on disk.</param>
    public ReplayPool(RunConfig config, int perUnit, string folder)
    {
        _config = config.Replay;
        _perUnit = perUnit;
        _folder = folder;
        _buffer = new(Math.Max(1, config.Replay.Capacity / perUnit), (ulong)config.Trainer.Seed);
        _log = config.Replay.Store == "disk" ? NewLog() : null;
    }

    /// <summary>Trajectories in it.</summary>
    public int Count => Enumerable.Range(0, _buffer.Count).Sum(i => _buffer[i].Item.Count);

    /// <summary>Takes in what was sampled; what is older than replay.max_age goes.</summary>
    /// <param name="records">Graded, in order; those of a prompt stand together.</param>
    /// <param name="version">Updates that the policy has behind it.</param>
    public void Add(IReadOnlyList<TrajectoryRecord> records, long version)
    {
        for (int i = 0; i < records.Count; i += _perUnit)
        {
            _buffer.Add(ReplayUnit.Of([.. records.Skip(i).Take(_perUnit)], priority: 1, _log));
        }

        if (_config.MaxAge >= 0)
        {
            _buffer.DropOldest(unit => version - unit.WeightVersion > _config.MaxAge);
        }
    }

    /// <summary>Trajectories to learn from, as many as are there at most.</summary>
    /// <param name="trajectories">How many are asked for.</param>
    /// <param name="version">Updates that the policy has behind it.</param>
    public IReadOnlyList<ReplayEntry<ReplayUnit>> Sample(int trajectories, long version)
    {
        int units = _buffer.Count == 0 ? 0 : (int)Math.Round((double)trajectories / _perUnit);
        units = _config.WithReplacement && _config.Order != "recency" ? units : Math.Min(units, _buffer.Count);
        return units == 0 ? [] : _config.Order switch
        {
            "recency" => _buffer.Newest(units),
            "age_decay" => _buffer.Sample(units, _config.WithReplacement, unit => Weight(unit, version)),
            _ => _buffer.Sample(units, _config.WithReplacement),
        };
    }

    /// <summary>The trajectories of an entry.</summary>
    public TrajectoryRecord[] Records(ReplayEntry<ReplayUnit> entry) => entry.Item.Records(_log);

    /// <summary>An update learned from an entry: its priority changes, and the reference's log-probs where they were
    /// computed again.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="records">Its trajectories as they are now.</param>
    /// <param name="isRescored">Whether the reference's log-probs were computed.</param>
    /// <param name="residual">Mean |residual|; null where there is none.</param>
    public void Learned(ReplayEntry<ReplayUnit> entry, IReadOnlyList<TrajectoryRecord> records, bool isRescored,
        double? residual)
    {
        double priority = residual is { } found && double.IsFinite(found) ? Math.Max(found, LeastPriority)
            : entry.Item.Priority;
        if (isRescored)
        {
            _buffer.Refresh(entry, ReplayUnit.Of(records, priority, _log));
        }
        else if (priority != entry.Item.Priority)
        {
            _buffer.Refresh(entry, entry.Item with { Priority = priority });
        }
    }

    /// <summary>As it is now, to come back to when a step is stopped.</summary>
    public ReplayMark<ReplayUnit> Mark() => _buffer.Mark();

    /// <summary>As it was at a mark of the same step.</summary>
    public void Return(ReplayMark<ReplayUnit> mark) => _buffer.Return(mark);

    /// <summary>Between two steps: a log of which more than half is no longer used is written anew.</summary>
    public void Tidy()
    {
        if (_log is not { Length: > SmallLog } old
            || old.Length <= 2 * Enumerable.Range(0, _buffer.Count).Sum(i => (long)_buffer[i].Item.Place.Length))
        {
            return;
        }

        _log = NewLog();
        for (int i = 0; i < _buffer.Count; i++)
        {
            _buffer.Refresh(_buffer[i], _buffer[i].Item.MovedTo(_log, old));
        }

        old.Dispose();
    }

    /// <summary>Writes it into a checkpoint.</summary>
    public void Save(string checkpoint) => DiskErrors.Translated($"writing {PathIn(checkpoint)}", () =>
    {
        using FileStream stream = new(PathIn(checkpoint), FileMode.Create, FileAccess.Write);
        _buffer.Save(stream, (writer, unit) => unit.Write(writer, _log));
    });

    /// <summary>Goes on where a checkpoint stands.</summary>
    /// <exception cref="DataException">The checkpoint has no buffer, or a damaged one.</exception>
    public void Restore(string checkpoint)
    {
        if (!File.Exists(PathIn(checkpoint)))
        {
            throw new DataException(
                $"{PathIn(checkpoint)} is not there: the checkpoint was made without a replay buffer; set "
                    + $"replay.capacity=0, or start a new run");
        }

        using FileStream stream = new(PathIn(checkpoint), FileMode.Open, FileAccess.Read);
        _buffer.Restore(stream, PathIn(checkpoint), reader => ReplayUnit.Read(reader, _log));
    }

    /// <inheritdoc/>
    public void Dispose() => _log?.Dispose();

    private double Weight(ReplayUnit unit, long version)
    {
        double byAge = Math.Pow(2, -Math.Max(0, version - unit.WeightVersion) / _config.HalfLife);
        double byResidual = _config.PriorityExponent == 0 ? 1 : Math.Pow(unit.Priority, _config.PriorityExponent);
        // Never 0: what is old may still be sampled once nothing else is left.
        return Math.Clamp(byAge * byResidual, 1e-300, double.MaxValue);
    }

    private ReplayLog NewLog()
    {
        string path = Path.Combine(_folder, $"replay.{_logs++ % 2}.log");
        ReplayLog? made = null;
        DiskErrors.Translated($"creating {path}", () => made = new(path));
        return made!;
    }

    private static string PathIn(string checkpoint) => Path.Combine(checkpoint, FileName);
}
