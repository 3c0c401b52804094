using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Threading;
using System.Threading.Tasks;
using Tbrm.Core;

namespace Tbrm.Verify;

/// <summary>How a batch of verdicts came about.</summary>
/// <param name="Ok">Answers that were judged.</param>
/// <param name="NoAnswer">Responses without an answer.</param>
/// <param name="Timeout">Judgements that ran out of time.</param>
/// <param name="Error">Judgements that failed.</param>
public sealed record VerdictCounts(int Ok, int NoAnswer, int Timeout, int Error)
{
    /// <summary>Counts verdicts.</summary>
    public static VerdictCounts Of(IEnumerable<Verdict> verdicts)
    {
        int[] counts = new int[4];
        foreach (Verdict verdict in verdicts)
        {
            counts[(int)verdict.Status]++;
        }

        return new VerdictCounts(counts[(int)VerdictStatus.Ok], counts[(int)VerdictStatus.NoAnswer], counts[(int)VerdictStatus.Timeout], counts[(int)VerdictStatus.Error]);
    }
}

/// <summary>Judges batches: in parallel, in order, each answer under a wall-clock limit that a thread of its own does not outlive.</summary>
/// <param name="grader">The grader.</param>
/// <param name="limit">The time for one answer; 10 seconds by default.</param>
/// <param name="parallelism">Answers judged at a time; the number of processors by default.</param>
public sealed class RewardManager(IGrader grader, TimeSpan? limit = null, int? parallelism = null)
{
    private readonly TimeSpan _limit = limit ?? TimeSpan.FromSeconds(10);

    /// <summary>The grader.</summary>
    public IGrader Grader => grader;

    /// <summary>Judges every request; verdict i belongs to request i.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled.</exception>
    public Verdict[] Grade(IReadOnlyList<GradeRequest> requests, CancellationToken stop = default)
    {
        Verdict[] verdicts = new Verdict[requests.Count];
        ParallelOptions options = new() { MaxDegreeOfParallelism = parallelism ?? Environment.ProcessorCount, CancellationToken = stop };
        Parallel.For(0, requests.Count, options, i => verdicts[i] = Grade(requests[i], stop));
        return verdicts;
    }

    /// <summary>Judges one request. A grader that throws is an error verdict, never an exception.</summary>
    public Verdict Grade(GradeRequest request, CancellationToken stop = default)
    {
        using CancellationTokenSource timer = CancellationTokenSource.CreateLinkedTokenSource(stop);
        timer.CancelAfter(_limit);
        long started = Stopwatch.GetTimestamp();
        try
        {
            Verdict verdict = grader.Grade(request, timer.Token);
            stop.ThrowIfCancellationRequested();
            return verdict;
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return new Verdict(0, VerdictStatus.Timeout, null, string.Create(CultureInfo.InvariantCulture, $"no verdict within {Stopwatch.GetElapsedTime(started).TotalSeconds:F1} s"));
        }
        catch (Exception e) when (e is not OperationCanceledException and not OutOfMemoryException)
        {
            return new Verdict(0, VerdictStatus.Error, null, $"{e.GetType().Name}: {e.Message}");
        }
    }
}
