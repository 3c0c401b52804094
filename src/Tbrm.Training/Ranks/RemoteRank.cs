using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Optimizer;
using Tbrm.Engine.Ranks;
using Tbrm.Engine.Rollout;

namespace Tbrm.Training.Ranks;

/// <summary>A rank in another process, which <see cref="RankServer"/> serves there: every call is a message and its
/// answer.</summary>
internal sealed class RemoteRank(ProcessGroup processes, int rank) : IRank
{
    /// <summary>How often a call that waits looks at whether it is cancelled.</summary>
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(200);

    /// <summary>Gives the process its model, whose weights are to be copied.</summary>
    public void Open(Policy policy, SamplingOptions? sampling,
        IReadOnlyList<ReadOnlyMemory<byte>>? tokenBytes) =>
        Call(RankCommand.Open, writer =>
        {
            writer.Write(policy.Architecture.Raw.ToJsonString());
            writer.WriteJson(policy.Options);
            RankServer.Write(writer, policy.Adapter);
            writer.WriteJson(sampling);
            writer.Write(tokenBytes?.Count ?? -1);
            foreach (ReadOnlyMemory<byte> bytes in tokenBytes ?? [])
            {
                writer.WriteArray(bytes.Span);
            }
        });

    /// <inheritdoc/>
    public void Share() => Call(RankCommand.Share);

    /// <inheritdoc/>
    public Scores LogProb(PackedBatch batch, float temperature, bool keep, bool entropy) =>
        Call(RankCommand.LogProb, writer =>
        {
            writer.Write(batch);
            writer.Write(temperature);
            writer.Write(keep);
            writer.Write(entropy);
        }, reader => reader.ReadScores());

    /// <inheritdoc/>
    public void Backward(ReadOnlyMemory<float> dq, ReadOnlyMemory<float> dv, ReadOnlyMemory<float> dh) =>
        Call(RankCommand.Backward, writer =>
        {
            writer.WriteArray(dq.Span);
            writer.WriteArray(dv.Span);
            writer.WriteArray(dh.Span);
        });

    /// <inheritdoc/>
    public void TakePart() => Call(RankCommand.TakePart);

    /// <inheritdoc/>
    public (Scores Scores, float[] Residual, double Loss) ResidualGradient(PackedBatch batch, float temperature,
        FusedResidual residual) =>
        Call(RankCommand.ResidualGradient, writer =>
        {
            writer.Write(batch);
            writer.Write(temperature);
            writer.Write(residual);
        }, reader => (reader.ReadScores(), reader.ReadArray<float>(), reader.ReadDouble()));

    /// <inheritdoc/>
    public void BeginOptimizer(OptimConfig config) =>
        Call(RankCommand.BeginOptimizer, writer => writer.WriteJson(config));

    /// <inheritdoc/>
    public void EndOptimizer() => Call(RankCommand.EndOptimizer);

    /// <inheritdoc/>
    public void Save(string path) => Call(RankCommand.Save, writer => writer.Write(path));

    /// <inheritdoc/>
    public void Restore(string path) => Call(RankCommand.Restore, writer => writer.Write(path));

    /// <inheritdoc/>
    public OptimizerResult Update(double learningRate, double gradClip) => Call(RankCommand.Update, writer =>
    {
        writer.Write(learningRate);
        writer.Write(gradClip);
    }, reader => new OptimizerResult(reader.ReadDouble(), reader.ReadBoolean(), reader.ReadInt64()));

    /// <inheritdoc/>
    public void Discard() => Call(RankCommand.Discard);

    /// <inheritdoc/>
    public void ReleaseActivations() => Call(RankCommand.ReleaseActivations);

    /// <inheritdoc/>
    public void AttachAdapter(AdapterOptions adapter, ulong seed) => Call(RankCommand.AttachAdapter, writer =>
    {
        RankServer.Write(writer, adapter);
        writer.Write(seed);
    });

    /// <inheritdoc/>
    public void TakeReference(ReferencePolicy source) =>
        Call(RankCommand.TakeReference, writer => writer.Write(source.Copy is not null));

    /// <inheritdoc/>
    public Scores ReferenceLogProb(PackedBatch batch, float temperature) =>
        Call(RankCommand.ReferenceLogProb, writer =>
        {
            writer.Write(batch);
            writer.Write(temperature);
        }, reader => reader.ReadScores());

    /// <inheritdoc/>
    public void ReleaseReference() => Call(RankCommand.ReleaseReference);

    /// <inheritdoc/>
    public void ResetReference() => Call(RankCommand.ResetReference);

    /// <inheritdoc/>
    public RankSample Generate(IReadOnlyList<RolloutRequest> requests, SamplingOptions sampling,
        Action<RolloutProgress>? progress, CancellationToken stop) =>
        Call(RankCommand.Generate, writer =>
        {
            writer.Write(requests);
            writer.WriteJson(sampling);
        }, reader => reader.ReadSample(requests), progress, stop);

    /// <inheritdoc/>
    public void ReleasePages() => Call(RankCommand.ReleasePages);

    /// <summary>The process is the group's, which ends it.</summary>
    public void Dispose()
    {
    }

    private void Call(RankCommand command, Action<BinaryWriter>? write = null) =>
        Call(command, write ?? (_ => { }), _ => true);

    private T Call<T>(RankCommand command, Action<BinaryWriter> write, Func<BinaryReader, T> read,
        Action<RolloutProgress>? progress = null, CancellationToken stop = default)
    {
        Send(command, write);
        bool isCancelled = false;
        while (true)
        {
            if (stop.IsCancellationRequested && !isCancelled)
            {
                isCancelled = true;
                Send(RankCommand.Cancel, _ => { });
            }

            if (processes.Receive(rank, s_look) is not { } answer)
            {
                continue;
            }

            using BinaryReader reader = new(new MemoryStream(answer));
            switch ((RankReply)reader.ReadByte())
            {
                case RankReply.Done:
                    return read(reader);
                case RankReply.Cancelled:
                    throw new OperationCanceledException(stop);
                case RankReply.Progress:
                    progress?.Invoke(new(reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt64()));
                    break;
                default:
                    throw new TbrmUserException(ExitCode.Internal,
                        $"rank {rank} answered '{command}' with something that is no answer");
            }
        }
    }

    private void Send(RankCommand command, Action<BinaryWriter> write)
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write((byte)command);
        write(writer);
        writer.Flush();
        processes.Send(rank, stream.GetBuffer().AsSpan(0, (int)stream.Length));
    }
}
