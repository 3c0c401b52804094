using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Runtime.ExceptionServices;
using System.Threading;
using Tbrm.Core.Rewards;

namespace Tbrm.Verify;

/// <summary>How a batch of grades came about.</summary>
/// <param name="Ok">Answers that were graded.</param>
/// <param name="NoAnswer">Responses without an answer.</param>
/// <param name="Timeout">Responses for which the wall clock ran out.</param>
/// <param name="Error">Responses that the grader failed on.</param>
/// <param name="OutOfSteps">Answers that take more steps than one answer may.</param>
public sealed record GradeCounts(int Ok, int NoAnswer, int Timeout, int Error, int OutOfSteps = 0)
{
    /// <summary>Counts grades.</summary>
    public static GradeCounts Of(IEnumerable<GradeResult> grades)
    {
        GradeCounts counts = new(0, 0, 0, 0);
        foreach (GradeResult grade in grades)
        {
            counts = counts.Plus(grade.Status);
        }

        return counts;
    }

    /// <summary>With one more of a status.</summary>
    public GradeCounts Plus(GradeStatus status) => status switch
    {
        GradeStatus.Ok => this with { Ok = Ok + 1 },
        GradeStatus.NoAnswer => this with { NoAnswer = NoAnswer + 1 },
        GradeStatus.Timeout => this with { Timeout = Timeout + 1 },
        GradeStatus.OutOfSteps => this with { OutOfSteps = OutOfSteps + 1 },
        _ => this with { Error = Error + 1 },
    };

    /// <summary>For people: every status with its number.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
            $"ok {Ok}, no_answer {NoAnswer}, out_of_steps {OutOfSteps}, timeout {Timeout}, error {Error}");
}

/// <summary>
/// Grades batches: in parallel, in order. Graders count their own steps; the wall clock is the emergency brake, for
/// programs that hang, and a grade
/// that it ends is counted apart.
/// </summary>
/// <param name="grader">The grader.</param>
/// <param name="limit">The time for one answer; <see cref="DefaultLimit"/> by default.</param>
/// <param name="parallelism">Answers graded at a time; the grader's own number by default.</param>
public sealed class RewardManager(IGrader grader, TimeSpan? limit = null, int? parallelism = null)
{
    private readonly TimeSpan _limit = limit ?? DefaultLimit;

    /// <summary>Far above what any answer takes whose steps are counted, on a machine however busy.</summary>
    public static TimeSpan DefaultLimit { get; } = TimeSpan.FromSeconds(300);

    /// <summary>The grader.</summary>
    public IGrader Grader => grader;

    /// <summary>Grades every request; grade i belongs to request i.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled.</exception>
    public GradeResult[] Grade(IReadOnlyList<GradeRequest> requests, CancellationToken stop = default)
    {
        GradeResult[] grades = new GradeResult[requests.Count];
        ForEach(requests.Count, i => grades[i] = Grade(requests[i], stop), stop);
        return grades;
    }

    /// <summary>Does something for 0 to <paramref name="count"/> - 1, which grades, so many at a time as the grader
    /// takes.</summary>
    /// <remarks>On threads of their own: a grader may wait for another program, whose pipes are read on the pool's.
    /// Were
    /// all of those waiting here, each answer would wait for the pool to grow, half a second a thread.</remarks>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was cancelled.</exception>
    public void ForEach(int count, Action<int> body, CancellationToken stop)
    {
        int next = -1;
        ExceptionDispatchInfo? failure = null;
        Thread[] threads = [.. Enumerable.Range(0, Math.Min(count, parallelism ?? grader.Concurrency))
            .Select(_ => new Thread(Work) { IsBackground = true, Name = "grader" })];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        failure?.Throw();
        stop.ThrowIfCancellationRequested();

        void Work()
        {
            try
            {
                for (int i = Interlocked.Increment(ref next); i < count && failure is null;
                    i = Interlocked.Increment(ref next))
                {
                    stop.ThrowIfCancellationRequested();
                    body(i);
                }
            }
            catch (Exception e)
            {
                failure ??= ExceptionDispatchInfo.Capture(e);
            }
        }
    }

    /// <summary>Grades one request. Where a grader throws, or its score is NaN or infinite, the status is Error; there
    /// is never an exception.</summary>
    public GradeResult Grade(GradeRequest request, CancellationToken stop = default)
    {
        using EmergencyBrake timer = new(_limit, stop);
        long started = Stopwatch.GetTimestamp();
        try
        {
            GradeResult grade = grader.Grade(request, timer.Token);
            stop.ThrowIfCancellationRequested();
            if (grade.Status == GradeStatus.Timeout)
            {
                return grade with
                {
                    Detail = string.Create(CultureInfo.InvariantCulture,
                    $"no grade within {Stopwatch.GetElapsedTime(started).TotalSeconds:F1} s of wall clock")
                };
            }

            return double.IsFinite(grade.Score) ? grade : grade with
            {
                Score = 0,
                Status = GradeStatus.Error,
                Detail = string.Create(
                    CultureInfo.InvariantCulture, $"the grader's score is {grade.Score}; expected a finite number"),
            };
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return new GradeResult(0, GradeStatus.Timeout, null,
                string.Create(CultureInfo.InvariantCulture,
                $"no grade within {Stopwatch.GetElapsedTime(started).TotalSeconds:F1} s of wall clock"));
        }
        catch (Exception e) when (e is not OperationCanceledException and not OutOfMemoryException)
        {
            return new GradeResult(0, GradeStatus.Error, null, $"{e.GetType().Name}: {e.Message}");
        }
    }
}
