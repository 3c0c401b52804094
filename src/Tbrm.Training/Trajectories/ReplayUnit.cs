using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Trajectories;

/// <summary>
/// What the replay buffer keeps together: a trajectory, or all responses to a prompt where the algorithm compares them.
/// Its trajectories are in
/// memory, or in the buffer's log on disk.
/// </summary>
/// <param name="Count">Trajectories.</param>
/// <param name="WeightVersion">Updates that the policy had behind it when it sampled them.</param>
/// <param name="Priority">|residual| of the last update that learned from it, mean over the trajectories; 1 before the
/// first.</param>
/// <param name="Bytes">The trajectories, where they are in memory.</param>
/// <param name="Place">Where they are in the log otherwise.</param>
internal sealed record ReplayUnit(int Count, long WeightVersion, double Priority, byte[]? Bytes, LogPlace Place)
{
    /// <summary>Puts trajectories together.</summary>
    public static ReplayUnit Of(IReadOnlyList<TrajectoryRecord> records, double priority, ReplayLog? log)
    {
        using MemoryStream stream = new();
        using (BinaryWriter writer = new(stream))
        {
            foreach (TrajectoryRecord record in records)
            {
                TrajectoryCodec.Write(writer, record);
            }
        }

        return Placed(new(records.Count, records.Min(r => r.Trajectory.WeightVersion ?? 0), priority, stream.ToArray(),
            default), log);
    }

    /// <summary>The trajectories.</summary>
    public TrajectoryRecord[] Records(ReplayLog? log)
    {
        using BinaryReader reader = new(new MemoryStream(Content(log)));
        TrajectoryRecord[] records = new TrajectoryRecord[Count];
        for (int i = 0; i < records.Length; i++)
        {
            records[i] = TrajectoryCodec.Read(reader);
        }

        return records;
    }

    /// <summary>Writes it into a checkpoint.</summary>
    public void Write(BinaryWriter writer, ReplayLog? log)
    {
        writer.Write(Count);
        writer.Write(WeightVersion);
        writer.Write(Priority);
        byte[] content = Content(log);
        writer.Write(content.Length);
        writer.Write(content);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static ReplayUnit Read(BinaryReader reader, ReplayLog? log)
    {
        (int count, long version, double priority) = (reader.ReadInt32(), reader.ReadInt64(), reader.ReadDouble());
        byte[] content = reader.ReadBytes(Math.Max(0, reader.ReadInt32()));
        return Placed(new(count, version, priority, content, default), log);
    }

    /// <summary>The same with its trajectories in another log.</summary>
    public ReplayUnit MovedTo(ReplayLog to, ReplayLog from) => this with { Place = to.Append(Content(from)) };

    private static ReplayUnit Placed(ReplayUnit unit, ReplayLog? log) => log is null ? unit
        : unit with { Bytes = null, Place = log.Append(unit.Bytes!) };

    private byte[] Content(ReplayLog? log) => Bytes ?? log!.Read(Place);
}
