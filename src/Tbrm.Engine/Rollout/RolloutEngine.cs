using System;
using System.Collections.Generic;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Rollouts;
using Tbrm.Engine.Models;
using Tbrm.Interop;
using Tbrm.Interop.Handles;

namespace Tbrm.Engine.Rollout;

/// <summary>A prompt of which trajectories are sampled.</summary>
/// <param name="PromptIds">Token ids, template included.</param>
/// <param name="TrajectoryIds">One per sample; they key the random streams.</param>
/// <param name="Group">The prompt's place in its batch.</param>
public sealed record RolloutRequest(int[] PromptIds, long[] TrajectoryIds, int Group);

/// <summary>How a generation goes on, for progress displays.</summary>
/// <param name="Finished">Trajectories done.</param>
/// <param name="Total">Trajectories asked for.</param>
/// <param name="Tokens">Response tokens so far.</param>
public readonly record struct RolloutProgress(int Finished, int Total, long Tokens);

/// <summary>What a rollout has done since it was opened.</summary>
/// <param name="Preemptions">Sequences that gave their pages back and were computed again.</param>
/// <param name="PrefillTokens">Prompt tokens computed.</param>
/// <param name="DecodeTokens">Response tokens produced.</param>
public readonly record struct RolloutCounts(long Preemptions, long PrefillTokens, long DecodeTokens);

/// <summary>The rollout stage: samples responses from a policy, whose weights it reads in place.</summary>
public sealed class RolloutEngine : IDisposable
{
    /// <summary>Iterations between two looks at finished trajectories, progress and the stop signal.</summary>
    public const int IterationsPerSlice = 16;

    private readonly RolloutHandle _handle;

    /// <summary>Opens a page pool of <paramref name="kvBytes"/> bytes.</summary>
    public RolloutEngine(Policy policy, RolloutConfig config, long kvBytes)
    {
        _handle = NativeFailures.Translated("opening the rollout", () => RolloutHandle.Create(policy.Model, new()
        {
            MaxSeqs = config.MaxNumSeqs,
            MaxBatchedTokens = config.MaxNumBatchedTokens,
            DecodeGraph = config.DecodeGraph ? 1 : 0,
            KvBudgetBytes = kvBytes,
        }));
    }

    /// <summary>Counters since the engine was opened.</summary>
    public RolloutCounts Counts { get; private set; }

    /// <summary>From now on samples from pi_ref^(1 - scale) pi^scale; nothing may be queued.</summary>
    /// <param name="reference">pi_ref: the same vocabulary, at least as many positions, on the same device.</param>
    /// <param name="scale">Not negative.</param>
    /// <exception cref="Core.Errors.TbrmUserException">The two models cannot be mixed.</exception>
    public void MixWith(Policy reference, double scale) => NativeFailures.Translated(
        "mixing with the reference policy", () => _handle.SetGuide(reference.Model, (float)scale));

    /// <summary>Tells the bytes of every token, which stop texts need.</summary>
    public void SetTokenBytes(IReadOnlyList<ReadOnlyMemory<byte>> bytesOfId)
    {
        long[] offsets = new long[bytesOfId.Count + 1];
        for (int i = 0; i < bytesOfId.Count; i++)
        {
            offsets[i + 1] = offsets[i] + bytesOfId[i].Length;
        }

        byte[] bytes = new byte[offsets[^1]];
        for (int i = 0; i < bytesOfId.Count; i++)
        {
            bytesOfId[i].Span.CopyTo(bytes.AsSpan((int)offsets[i]));
        }

        _handle.SetTokenBytes(offsets, bytes);
    }

    /// <summary>
    /// Samples every requested trajectory; the result is in the order of the requests and their trajectory ids,
    /// whatever order they
    /// finished in. Throws OperationCanceledException when stopped; nothing is left queued then.
    /// <paramref name="finished"/> gets each trajectory
    /// as soon as it is whole.
    /// </summary>
    public IReadOnlyList<Trajectory> Generate(IReadOnlyList<RolloutRequest> requests, SamplingOptions sampling,
        Action<RolloutProgress>? progress, CancellationToken stop, Action<Trajectory>? finished = null)
    {
        Dictionary<long, (RolloutRequest Request, int Slot)> pending = [];
        int total = 0;
        foreach (RolloutRequest request in requests)
        {
            foreach (long id in request.TrajectoryIds)
            {
                pending.Add(id, (request, total++));
            }
        }

        Trajectory[] result = new Trajectory[total];
        try
        {
            NativeSamplingOptions native = sampling.Native();
            foreach (RolloutRequest request in requests)
            {
                _handle.Submit(request.PromptIds, request.TrajectoryIds, native);
            }

            Drain(pending, result, new(progress, finished), stop);
        }
        catch (TbrmNativeException e)
        {
            Abandon();
            throw e.ToUser("rollout");
        }
        catch
        {
            Abandon();
            throw;
        }

        return result;
    }

    /// <summary>Gives the page pool's memory back until the next generation.</summary>
    public void ReleasePages() => _handle.ReleasePages();

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private void Drain(Dictionary<long, (RolloutRequest Request, int Slot)> pending, Trajectory[] result,
        Listeners listeners, CancellationToken stop)
    {
        long decodedBefore = Counts.DecodeTokens;
        int finished = 0;
        while (finished < result.Length)
        {
            stop.ThrowIfCancellationRequested();
            NativeRolloutStatus status = _handle.Step(IterationsPerSlice);
            Counts = new(status.NPreemptions, status.NPrefillTokens, status.NDecodeTokens);
            while (_handle.Peek() is { } done)
            {
                (RolloutRequest request, int slot) = pending[done.TrajectoryId];
                result[slot] = Read(done, request);
                listeners.Finished?.Invoke(result[slot]);
                finished++;
            }

            listeners.Progress?.Invoke(new(finished, result.Length, status.NDecodeTokens - decodedBefore));
        }
    }

    private Trajectory Read(NativeFinished done, RolloutRequest request)
    {
        int[] ids = new int[done.NTokens];
        float[] logp = new float[done.NTokens], processed = new float[done.NTokens];
        _handle.Read(ids, logp, processed);
        return new()
        {
            Id = done.TrajectoryId,
            Group = request.Group,
            PromptIds = request.PromptIds,
            ResponseIds = ids,
            Logp = logp,
            ProcessedLogp = processed,
            End = done.Reason switch
            {
                FinishReason.StopId or FinishReason.StopString => TrajectoryEnd.Stop,
                FinishReason.Length => TrajectoryEnd.Length,
                FinishReason.Cancelled => TrajectoryEnd.Cancelled,
                _ => TrajectoryEnd.NonFinite,
            },
        };
    }

    /// <summary>Leaves the engine empty after a failure, so that the next generation starts clean.</summary>
    private void Abandon()
    {
        _handle.Cancel();
        while (_handle.Peek() is { } done)
        {
            int[] ids = new int[done.NTokens];
            float[] values = new float[done.NTokens];
            _handle.Read(ids, values, values);
        }
    }

    /// <summary>Who is told what while a generation runs.</summary>
    private readonly record struct Listeners(Action<RolloutProgress>? Progress, Action<Trajectory>? Finished);
}
