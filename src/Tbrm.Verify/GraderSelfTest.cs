using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core;

namespace Tbrm.Verify;

/// <summary>What came of grading ground truths against themselves.</summary>
/// <param name="Total">Rows whose ground truth was tried.</param>
/// <param name="Passed">Those whose ground truth the grader accepts as its own answer.</param>
/// <param name="Untried">Rows that were left when the time was up.</param>
/// <param name="Failures">The first few others, in words.</param>
public sealed record SelfTestResult(long Total, long Passed, long Untried, IReadOnlyList<string> Failures)
{
    /// <summary>The share that passed; 1 when there was nothing to try.</summary>
    public double Share => Total == 0 ? 1 : (double)Passed / Total;

    /// <summary>What the grader accepts, as a sentence with examples of what it does not.</summary>
    public string Describe(string grader)
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"the grader '{grader}' accepts only {Passed} of {Total} ground truths as their own answer ({Share:P1}). Examples:");
        foreach (string failure in Failures)
        {
            text.Append("\n  ").Append(failure);
        }

        return text.ToString();
    }
}

/// <summary>
/// Before training: a grader that rejects the ground truths as answers would teach nothing but zeros, silently. Every ground
/// truth is wrapped as an answer in the form that the grader reads, and must score above zero.
/// </summary>
public static class GraderSelfTest
{
    private const int Examples = 5, AtOnce = 512;

    /// <summary>Time after which no further ground truths are tried: enough for a hundred thousand different ones, too little for a grader that asks a model.</summary>
    public static TimeSpan DefaultTimeLimit { get; } = TimeSpan.FromSeconds(60);

    /// <summary>Grades every ground truth against itself, once per data source.</summary>
    /// <param name="manager">The grader.</param>
    /// <param name="rows">What is graded.</param>
    /// <param name="stated">
    /// The rows' solutions already state their ground truths in the form that the grader reads, and must get the full score of 1; otherwise each
    /// ground truth is stated here.
    /// </param>
    /// <param name="timeLimit">No further rows are begun after it; null for <see cref="DefaultTimeLimit"/>.</param>
    /// <param name="stop">Stops it.</param>
    public static SelfTestResult Run(RewardManager manager, IEnumerable<GradeRequest> rows, bool stated = false, TimeSpan? timeLimit = null, CancellationToken stop = default)
    {
        long started = Stopwatch.GetTimestamp(), passed = 0, total = 0, untried = 0;
        List<string> failures = [];
        foreach (Gold[] golds in Distinct(rows, stop).Chunk(AtOnce))
        {
            if (Stopwatch.GetElapsedTime(started) > (timeLimit ?? DefaultTimeLimit))
            {
                untried += golds.Sum(g => g.Rows);
                continue;
            }

            Verdict[] verdicts = manager.Grade([.. golds.Select(g => Stated(g.Request, stated))], stop);
            for (int i = 0; i < golds.Length; i++)
            {
                total += golds[i].Rows;
                if (stated ? verdicts[i].Score >= 1 : verdicts[i].Score > 0)
                {
                    passed += golds[i].Rows;
                }
                else if (failures.Count < Examples)
                {
                    GradeRequest request = golds[i].Request;
                    failures.Add($"row {golds[i].First + 1}{(request.DataSource.Length > 0 ? " of " + request.DataSource : "")}: '{request.GroundTruth}' ({verdicts[i].Status}{(verdicts[i].Detail is { } detail ? ": " + detail : "")})");
                }
            }
        }

        return new SelfTestResult(total, passed, untried, failures);
    }

    /// <summary>Stops when fewer than <paramref name="minimum"/> of the ground truths pass.</summary>
    /// <exception cref="ConfigException">They do not; the message lists examples.</exception>
    public static SelfTestResult Require(RewardManager manager, IEnumerable<GradeRequest> rows, double minimum = 0.95, bool stated = false,
        CancellationToken stop = default)
    {
        SelfTestResult result = Run(manager, rows, stated, stop: stop);
        return result.Share >= minimum ? result : throw new ConfigException(
            string.Create(CultureInfo.InvariantCulture, $"reward.self_test_threshold={minimum}: choose another grader or mend the data; {result.Describe(manager.Grader.Name)}"));
    }

    /// <summary>A ground truth, and the rows that have it.</summary>
    private sealed class Gold(GradeRequest request, long first)
    {
        public GradeRequest Request => request;

        public long First => first;

        public long Rows { get; set; } = 1;
    }

    /// <summary>Ground truths in the order of their first rows. Large sets repeat theirs: 1.8 million rows of DAPO-Math-17k have a few thousand.</summary>
    private static IEnumerable<Gold> Distinct(IEnumerable<GradeRequest> rows, CancellationToken stop)
    {
        Dictionary<(string, GroundTruth), Gold> golds = [];
        long index = 0;
        foreach (GradeRequest row in rows)
        {
            stop.ThrowIfCancellationRequested();
            if (!golds.TryAdd((row.DataSource, row.GroundTruth), new(row, index)))
            {
                golds[(row.DataSource, row.GroundTruth)].Rows++;
            }

            index++;
        }

        return golds.Values.OrderBy(g => g.First);
    }

    private static GradeRequest Stated(GradeRequest row, bool stated) =>
        row with { Solution = stated ? row.Solution : AsAnswer(row.GroundTruth.Alternatives is [{ } first, ..] ? first : row.GroundTruth.Text), ExtraInfo = WithLength(row.ExtraInfo) };

    /// <summary>The answer in every form that a built-in grader reads: a box, an answer line, a marked number.</summary>
    private static string AsAnswer(string groundTruth) => $"\\boxed{{{groundTruth}}}\n#### {groundTruth}\nAnswer: {groundTruth}";

    // Shaping terms need a length; a short one keeps them from deciding.
    private static JsonObject WithLength(JsonObject? extra)
    {
        JsonObject result = extra is null ? [] : (JsonObject)extra.DeepClone();
        result[ResponseLength.Key] = 1;
        return result;
    }
}
