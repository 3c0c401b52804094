using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text.Json;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Rollout;

namespace Tbrm.Training.Ranks;

/// <summary>What rank 0 asks another process for; the numbers are the two sides' own, which are one build.</summary>
internal enum RankCommand : byte
{
    /// <summary>The run is over; an exit code follows.</summary>
    End,

    /// <summary>Stop the rollout that runs.</summary>
    Cancel,

    /// <summary>The model: architecture, how it is held, adapter, sampling.</summary>
    Open,

    /// <summary>From now on the ranks share the model.</summary>
    Share,
    LogProb,
    Backward,

    /// <summary>A backward of which the rank has no part.</summary>
    TakePart,
    ResidualGradient,
    BeginOptimizer,
    EndOptimizer,
    Save,
    Restore,
    Update,
    Discard,
    ReleaseActivations,
    AttachAdapter,
    TakeReference,
    ReferenceLogProb,
    ReleaseReference,
    ResetReference,
    Generate,
    ReleasePages,
}

/// <summary>How an answer begins.</summary>
internal enum RankReply : byte
{
    /// <summary>The result follows.</summary>
    Done,

    /// <summary>An exit code and a message follow.</summary>
    Failed,

    /// <summary>It was cancelled.</summary>
    Cancelled,

    /// <summary>How a rollout goes on; the answer is yet to come.</summary>
    Progress,
}

/// <summary>Arrays and records as bytes, exactly.</summary>
internal static class RankWire
{
    public static void WriteArray<T>(this BinaryWriter writer, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        writer.Write(values.Length);
        writer.Write(MemoryMarshal.AsBytes(values));
    }

    public static void WriteArray<T>(this BinaryWriter writer, T[] values)
        where T : unmanaged => writer.WriteArray<T>(values.AsSpan());

    public static T[] ReadArray<T>(this BinaryReader reader)
        where T : unmanaged
    {
        T[] values = new T[reader.ReadInt32()];
        reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>A record of settings.</summary>
    public static void WriteJson<T>(this BinaryWriter writer, T value) => writer.Write(JsonSerializer.Serialize(value));

    public static T ReadJson<T>(this BinaryReader reader) => JsonSerializer.Deserialize<T>(reader.ReadString())!;

    public static void Write(this BinaryWriter writer, PackedBatch batch)
    {
        writer.WriteArray(batch.Ids);
        writer.WriteArray(batch.Offsets);
        writer.WriteArray(batch.Rows);
        writer.WriteArray(batch.Labels);
        writer.WriteArray(batch.RowOffsets);
    }

    public static PackedBatch ReadBatch(this BinaryReader reader) => PackedBatch.Of(reader.ReadArray<int>(),
        reader.ReadArray<long>(), reader.ReadArray<long>(), reader.ReadArray<int>(), reader.ReadArray<long>());

    public static void Write(this BinaryWriter writer, Scores scores)
    {
        writer.WriteArray(scores.Q);
        writer.WriteArray(scores.V);
        writer.WriteArray(scores.H);
    }

    public static Scores ReadScores(this BinaryReader reader) =>
        new(reader.ReadArray<float>(), reader.ReadArray<float>(), reader.ReadArray<float>());

    public static void Write(this BinaryWriter writer, FusedResidual residual)
    {
        writer.Write(residual.CalibratedByReference);
        writer.Write(residual.Beta);
        writer.Write(residual.LossScale);
        writer.Write(residual.DetachValue);
        writer.WriteArray(residual.RefLogp);
        writer.WriteArray(residual.RefV1);
        writer.WriteArray(residual.Reward);
        writer.WriteArray(residual.Weight);
        writer.WriteArray(residual.Bootstrap);
        writer.WriteArray(residual.VFrozen);
        writer.WriteArray(residual.RefVEnd);
    }

    public static FusedResidual ReadResidual(this BinaryReader reader) => new()
    {
        CalibratedByReference = reader.ReadBoolean(),
        Beta = reader.ReadDouble(),
        LossScale = reader.ReadDouble(),
        DetachValue = reader.ReadBoolean(),
        RefLogp = reader.ReadArray<float>(),
        RefV1 = reader.ReadArray<float>(),
        Reward = reader.ReadArray<double>(),
        Weight = reader.ReadArray<double>(),
        Bootstrap = reader.ReadArray<int>(),
        VFrozen = reader.ReadArray<float>(),
        RefVEnd = reader.ReadArray<float>(),
    };

    public static void Write(this BinaryWriter writer, IReadOnlyList<RolloutRequest> requests)
    {
        writer.Write(requests.Count);
        foreach (RolloutRequest request in requests)
        {
            writer.WriteArray(request.PromptIds);
            writer.WriteArray(request.TrajectoryIds);
            writer.Write(request.Group);
        }
    }

    public static RolloutRequest[] ReadRequests(this BinaryReader reader) =>
        [.. Enumerable.Range(0, reader.ReadInt32()).Select(_ =>
            new RolloutRequest(reader.ReadArray<int>(), reader.ReadArray<long>(), reader.ReadInt32()))];

    /// <summary>Without the prompts, which the other side has.</summary>
    public static void Write(this BinaryWriter writer, RankSample sample)
    {
        writer.Write(sample.Preemptions);
        writer.Write(sample.Trajectories.Count);
        foreach (Trajectory trajectory in sample.Trajectories)
        {
            writer.Write(trajectory.Id);
            writer.Write((byte)trajectory.End);
            writer.WriteArray(trajectory.ResponseIds);
            writer.WriteArray(trajectory.Logp);
            writer.WriteArray(trajectory.ProcessedLogp);
        }
    }

    /// <param name="reader">Gives the bytes.</param>
    /// <param name="requests">What was asked for.</param>
    public static RankSample ReadSample(this BinaryReader reader, IReadOnlyList<RolloutRequest> requests)
    {
        long preemptions = reader.ReadInt64();
        int count = reader.ReadInt32();
        List<Trajectory> trajectories = new(count);
        foreach (RolloutRequest request in requests.SelectMany(r => Enumerable.Repeat(r, r.TrajectoryIds.Length)))
        {
            trajectories.Add(new()
            {
                Id = reader.ReadInt64(),
                End = (TrajectoryEnd)reader.ReadByte(),
                Group = request.Group,
                PromptIds = request.PromptIds,
                ResponseIds = reader.ReadArray<int>(),
                Logp = reader.ReadArray<float>(),
                ProcessedLogp = reader.ReadArray<float>(),
            });
        }

        return new(trajectories, preemptions);
    }
}
