using System;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Prompts;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Trajectories;

/// <summary>A graded trajectory as bytes, for the replay buffer's file: ids, log-probs, the reference's numbers, reward
/// and ground truth, little-endian.</summary>
internal static class TrajectoryCodec
{
    public static void Write(BinaryWriter writer, TrajectoryRecord record)
    {
        Trajectory t = record.Trajectory;
        writer.Write(t.Id);
        writer.Write((int)t.End);
        writer.Write(t.WeightVersion ?? -1);
        Ints(writer, t.PromptIds);
        Ints(writer, t.ResponseIds);
        Floats(writer, t.Logp);
        Floats(writer, t.ProcessedLogp);
        writer.Write(t.Reference is not null);
        if (t.Reference is { } reference)
        {
            Floats(writer, [.. reference.Logp]);
            writer.Write(reference.V1 ?? float.NaN);
            writer.Write(reference.VEnd ?? float.NaN);
            writer.Write(reference.Version);
        }

        writer.Write(record.Reward ?? double.NaN);
        GradeResult grade = record.Graded!.Grade;
        writer.Write(grade.Score);
        writer.Write((int)grade.Status);
        writer.Write(record.Prompt.Prompt.DataSource);
        writer.Write(record.Prompt.Prompt.GroundTruth.ToJson().ToJsonString());
        writer.Write(record.Prompt.Prompt.Index);
    }

    public static TrajectoryRecord Read(BinaryReader reader)
    {
        long id = reader.ReadInt64();
        TrajectoryEnd end = (TrajectoryEnd)reader.ReadInt32();
        long version = reader.ReadInt64();
        int[] prompt = Ints(reader), response = Ints(reader);
        float[] logp = Floats(reader), processed = Floats(reader);
        ReferenceScores? reference = reader.ReadBoolean()
            ? new(Floats(reader), Known(reader.ReadSingle()), Known(reader.ReadSingle()), reader.ReadInt64()) : null;
        double reward = reader.ReadDouble();
        GradeResult grade = new(reader.ReadDouble(), (GradeStatus)reader.ReadInt32());
        string source = reader.ReadString(), truth = reader.ReadString();
        Prompt asked = new()
        {
            DataSource = source,
            Messages = [new("user", "")],
            GroundTruth = GroundTruth.Of(JsonNode.Parse(truth)!),
            Index = reader.ReadInt64(),
        };
        Trajectory trajectory = new()
        {
            Id = id,
            Group = 0,
            PromptIds = prompt,
            ResponseIds = response,
            Logp = logp,
            ProcessedLogp = processed,
            End = end,
            WeightVersion = version < 0 ? null : version,
            Reference = reference,
        };
        return new(new(asked, prompt), trajectory, new("", grade)) { Reward = double.IsNaN(reward) ? null : reward };
    }

    private static float? Known(float value) => float.IsNaN(value) ? null : value;

    private static void Ints(BinaryWriter writer, int[] values)
    {
        writer.Write(values.Length);
        Array.ForEach(values, writer.Write);
    }

    private static void Floats(BinaryWriter writer, float[] values)
    {
        writer.Write(values.Length);
        Array.ForEach(values, writer.Write);
    }

    /// <summary>The count is held against what is left before anything is allocated.</summary>
    private static int Count(BinaryReader reader)
    {
        int count = reader.ReadInt32();
        return count >= 0 && count <= (reader.BaseStream.Length - reader.BaseStream.Position) / sizeof(int) ? count
            : throw new EndOfStreamException();
    }

    private static int[] Ints(BinaryReader reader) =>
        [.. Enumerable.Range(0, Count(reader)).Select(_ => reader.ReadInt32())];

    private static float[] Floats(BinaryReader reader) =>
        [.. Enumerable.Range(0, Count(reader)).Select(_ => reader.ReadSingle())];
}
