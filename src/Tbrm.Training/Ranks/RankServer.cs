using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine;
using Tbrm.Engine.Logprob;
using Tbrm.Engine.Models;
using Tbrm.Engine.Optimizer;
using Tbrm.Engine.Ranks;
using Tbrm.Engine.Rollout;
using Tbrm.Training.Plans;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Ranks;

/// <summary>
/// A process of a run that is not its first: it computes what rank 0 asks for, and ends when rank 0 says so. It reads
/// no data and no model, and writes nothing.
/// </summary>
public sealed class RankServer : IDisposable
{
    /// <summary>A look at whether a message has come, without waiting for one.</summary>
    private static readonly TimeSpan s_glance = TimeSpan.FromTicks(1);

    private static readonly TimeSpan s_betweenProgress = TimeSpan.FromMilliseconds(500);

    private readonly ProcessGroup _processes;
    private readonly RunConfig _config;
    private EngineDevice? _device;
    private Policy? _policy;
    private RolloutStage? _rollout;
    private LocalRank? _rank;

    private RankServer(ProcessGroup processes, RunConfig config)
    {
        _processes = processes;
        _config = config;
    }

    /// <summary>Serves rank 0 until the run is over.</summary>
    /// <param name="processes">The processes of the run; the caller's.</param>
    /// <param name="config">The configuration, which all of them have.</param>
    /// <returns>The run's exit code, as rank 0 says it.</returns>
    public static ExitCode Run(ProcessGroup processes, RunConfig config)
    {
        using RankServer server = new(processes, config);
        try
        {
            ExitCode? end = null;
            while (end is null)
            {
                end = server.Next(processes);
            }

            return end.Value;
        }
        catch (Exception e)
        {
            processes.Abort(e is TbrmUserException user ? user.ExitCode : ExitCode.Internal, e.Message);
            throw;
        }
    }

    /// <summary>Says to all other processes that the run is over.</summary>
    public static void End(ProcessGroup processes, ExitCode code)
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write((byte)RankCommand.End);
        writer.Write((int)code);
        writer.Flush();
        for (int rank = 1; rank < processes.Count; rank++)
        {
            processes.Send(rank, stream.ToArray());
        }

        processes.Leave(code);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _rank?.Dispose();
        _rollout?.Dispose();
        _policy?.Dispose();
        _device?.Dispose();
    }

    /// <summary>An adapter, or none.</summary>
    internal static void Write(BinaryWriter writer, AdapterOptions? adapter)
    {
        writer.Write(adapter is not null);
        if (adapter is not null)
        {
            writer.Write(adapter.UseRslora);
            writer.WriteJson(adapter.Modules);
            writer.Write(adapter.Rank);
            writer.Write(adapter.Alpha);
            writer.Write((int)adapter.Targets);
        }
    }

    private static AdapterOptions? ReadAdapter(BinaryReader reader)
    {
        if (!reader.ReadBoolean())
        {
            return null;
        }

        bool useRslora = reader.ReadBoolean();
        List<AdapterModule>? modules = reader.ReadJson<List<AdapterModule>?>();
        AdapterOptions plain = new(reader.ReadInt32(), reader.ReadDouble(), useRslora,
            (AdapterTargets)reader.ReadInt32());
        return modules is null ? plain : AdapterOptions.OfModules(modules, useRslora);
    }

    /// <summary>Answers one command; the exit code where it was the last.</summary>
    private ExitCode? Next(ProcessGroup processes)
    {
        processes.Note("waiting for rank 0");
        using MemoryStream message = new(processes.Receive(0, TimeSpan.Zero)!);
        using (BinaryReader reader = new(message))
        {
            RankCommand command = (RankCommand)reader.ReadByte();
            if (command == RankCommand.End)
            {
                return (ExitCode)reader.ReadInt32();
            }

            if (command != RankCommand.Cancel)
            {
                processes.Note(command.ToString());
                Answer(command, reader);
            }

            return null;
        }
    }

    private void Answer(RankCommand command, BinaryReader reader)
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write((byte)RankReply.Done);
        try
        {
            Execute(command, reader, writer);
        }
        catch (OperationCanceledException)
        {
            stream.SetLength(0);
            writer.Write((byte)RankReply.Cancelled);
        }

        writer.Flush();
        _processes.Send(0, stream.GetBuffer().AsSpan(0, (int)stream.Length));
    }

    private void Execute(RankCommand command, BinaryReader reader, BinaryWriter writer)
    {
        switch (command)
        {
            case RankCommand.Open:
                Open(reader);
                break;
            case RankCommand.LogProb:
                writer.Write(_rank!.LogProb(reader.ReadBatch(), reader.ReadSingle(), reader.ReadBoolean(),
                    reader.ReadBoolean()));
                break;
            case RankCommand.Backward:
                _rank!.Backward(reader.ReadArray<float>(), reader.ReadArray<float>(), reader.ReadArray<float>());
                break;
            case RankCommand.ResidualGradient:
                (Scores scores, float[] residual, double loss) =
                    _rank!.ResidualGradient(reader.ReadBatch(), reader.ReadSingle(), reader.ReadResidual());
                writer.Write(scores);
                writer.WriteArray(residual);
                writer.Write(loss);
                break;
            case RankCommand.Update:
                OptimizerResult result = _rank!.Update(reader.ReadDouble(), reader.ReadDouble());
                writer.Write(result.GradNorm);
                writer.Write(result.Applied);
                writer.Write(result.Step);
                break;
            case RankCommand.ReferenceLogProb:
                writer.Write(_rank!.ReferenceLogProb(reader.ReadBatch(), reader.ReadSingle()));
                break;
            case RankCommand.Generate:
                writer.Write(Generate(reader.ReadRequests(), reader.ReadJson<SamplingOptions>()));
                break;
            default:
                Do(command, reader);
                break;
        }
    }

    /// <summary>What has no result.</summary>
    private void Do(RankCommand command, BinaryReader reader)
    {
        switch (command)
        {
            case RankCommand.BeginOptimizer:
                _rank!.BeginOptimizer(reader.ReadJson<OptimConfig>());
                break;
            case RankCommand.EndOptimizer:
                _rank!.EndOptimizer();
                break;
            case RankCommand.Share:
                _rank!.Share();
                break;
            case RankCommand.TakePart:
                _rank!.TakePart();
                break;
            case RankCommand.Save:
                _rank!.Save(reader.ReadString());
                break;
            case RankCommand.Restore:
                _rank!.Restore(reader.ReadString());
                break;
            case RankCommand.Discard:
                _rank!.Discard();
                break;
            case RankCommand.ReleaseActivations:
                _rank!.ReleaseActivations();
                break;
            case RankCommand.AttachAdapter:
                _rank!.AttachAdapter(ReadAdapter(reader)!, reader.ReadUInt64());
                break;
            case RankCommand.TakeReference:
                _rank!.TakeReference(reader.ReadBoolean());
                break;
            case RankCommand.ReleaseReference:
                _rank!.ReleaseReference();
                break;
            case RankCommand.ResetReference:
                _rank!.ResetReference();
                break;
            case RankCommand.ReleasePages:
                _rank!.ReleasePages();
                break;
            default:
                throw new TbrmUserException(ExitCode.Internal, $"rank 0 asks for '{command}', which nobody knows");
        }
    }

    private void Open(BinaryReader reader)
    {
        ModelArchitecture architecture = ModelArchitecture.Parse(reader.ReadString(), "rank 0's config.json");
        PolicyOptions options = reader.ReadJson<PolicyOptions>();
        AdapterOptions? adapter = ReadAdapter(reader);
        SamplingOptions? sampling = reader.ReadJson<SamplingOptions?>();
        int tokens = reader.ReadInt32();
        List<ReadOnlyMemory<byte>>? tokenBytes = tokens < 0 ? null
            : [.. Enumerable.Range(0, tokens).Select(_ => (ReadOnlyMemory<byte>)reader.ReadArray<byte>())];
        _device = EngineDevice.Open(_config.Trainer.Device,
            RankGroup.ThreadsOfRank(_config.Trainer.Threads, _config.Trainer.NGpusPerNode),
            _config.Trainer.BatchInvariant);
        _policy = Policy.Empty(_device, architecture, options);
        if (adapter is not null)
        {
            _policy.AttachAdapter(adapter, trainable: true, seed: 0);
        }

        _processes.Copy(_policy);
        RunConfig config = HeadBudget.Resolve(_config, _device);
        _rollout = sampling is null ? null
            : new(_policy, config, sampling, MemoryPlan.HeldBytes(_policy, config), tokenBytes);
        _rank = new(_policy, _processes.Share, _processes.ReduceGradient, _rollout) { Processes = _processes };
    }

    private RankSample Generate(RolloutRequest[] requests, SamplingOptions sampling)
    {
        using CancellationTokenSource cancel = new();
        DateTime told = DateTime.UtcNow;
        return _rank!.Generate(requests, sampling, progress =>
        {
            if (_processes.Receive(0, s_glance) is [(byte)RankCommand.Cancel])
            {
                cancel.Cancel();
            }

            if (DateTime.UtcNow - told > s_betweenProgress)
            {
                told = DateTime.UtcNow;
                Tell(progress);
            }
        }, cancel.Token);
    }

    private void Tell(RolloutProgress progress)
    {
        using MemoryStream stream = new();
        using BinaryWriter writer = new(stream);
        writer.Write((byte)RankReply.Progress);
        writer.Write(progress.Finished);
        writer.Write(progress.Total);
        writer.Write(progress.Tokens);
        writer.Flush();
        _processes.Send(0, stream.ToArray());
    }
}
