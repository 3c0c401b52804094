using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Verify.Shaping;

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
        text.Append(CultureInfo.InvariantCulture,
            $"the grader '{grader}' accepts {(Passed == Total ? "" : "only ")}{Passed} of {Total} ground truths as "
                + $"their own answer ({Share:P1}). Examples:");
        foreach (string failure in Failures)
        {
            text.Append("\n  ").Append(failure);
        }

        return text.ToString();
    }
}

/// <summary>A row whose ground truth is tried.</summary>
/// <param name="Request">What is graded. Its solution counts only where solutions are given.</param>
/// <param name="Number">The row's number over all files, from 1; for messages.</param>
/// <param name="Prompt">The prompt's text, which may ask for a form of the answer; null for none. Asked once for every
/// different ground truth.</param>
public readonly record struct SelfTestRow(GradeRequest Request, long Number, Func<string>? Prompt = null);

/// <summary>
/// Before training: a grader that rejects the ground truths as answers would teach nothing but zeros, silently. Every
/// ground truth is given as an
/// answer: in every form that the graders read, each element of a list; as a model writes it (a number without leading
/// zeros); and in the one form
/// that the prompt asks for. A row passes when all of these score above zero.
/// </summary>
public static class GraderSelfTest
{
    private const int Examples = 5, AtOnce = 512, MostElements = 8;

    /// <summary>Time after which no further ground truths are tried: enough for a hundred thousand different ones, too
    /// little for a grader that asks a model.</summary>
    public static TimeSpan DefaultTimeLimit { get; } = TimeSpan.FromSeconds(60);

    /// <summary>Grades every ground truth against itself, once per data source.</summary>
    /// <param name="manager">The grader.</param>
    /// <param name="rows">What is graded.</param>
    /// <param name="stated">
    /// The rows' solutions already state their ground truths in the form that the grader reads, and must get the full
    /// score of 1; otherwise each
    /// ground truth is stated here.
    /// </param>
    /// <param name="timeLimit">No further rows are begun after it; null for <see cref="DefaultTimeLimit"/>.</param>
    /// <param name="stop">Stops it.</param>
    public static SelfTestResult Run(RewardManager manager, IEnumerable<SelfTestRow> rows, bool stated = false,
        TimeSpan? timeLimit = null, CancellationToken stop = default)
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

            Trial[] trials = [.. golds.SelectMany(gold => Trials(gold, stated))];
            GradeResult[] grades = manager.Grade([.. trials.Select(t => t.Request)], stop);
            ILookup<Gold, (Trial Trial, GradeResult Grade)> byGold = trials.Zip(grades)
                .ToLookup(pair => pair.First.Gold);
            foreach (Gold gold in golds)
            {
                total += gold.Rows;
                (Trial Trial, GradeResult Grade)[] failed =
                    [.. byGold[gold].Where(pair => !(stated ? pair.Grade.Score >= 1 : pair.Grade.Score > 0))];
                if (failed.Length == 0)
                {
                    passed += gold.Rows;
                }
                else if (failures.Count < Examples)
                {
                    failures.Add(Describe(gold, failed[0].Trial, failed[0].Grade));
                }
            }
        }

        return new SelfTestResult(total, passed, untried, failures);
    }

    /// <summary>Grades rows that are numbered as they come.</summary>
    public static SelfTestResult Run(RewardManager manager, IEnumerable<GradeRequest> rows, bool stated = false,
        TimeSpan? timeLimit = null, CancellationToken stop = default) =>
        Run(manager, rows.Select((row, i) => new SelfTestRow(row, i + 1)), stated, timeLimit, stop);

    /// <summary>Stops when fewer than <paramref name="minimum"/> of the ground truths pass.</summary>
    /// <exception cref="ConfigException">They do not; the message lists examples.</exception>
    public static SelfTestResult Require(RewardManager manager, IEnumerable<SelfTestRow> rows, double minimum = 0.95,
        bool stated = false,
        CancellationToken stop = default)
    {
        SelfTestResult result = Run(manager, rows, stated, stop: stop);
        return result.Share >= minimum ? result : throw new ConfigException(
            string.Create(CultureInfo.InvariantCulture,
                $"reward.self_test_threshold={minimum}: choose another grader or mend the data; "
                    + $"{result.Describe(manager.Grader.Name)}"));
    }

    /// <summary>As above, for rows that are numbered as they come.</summary>
    /// <exception cref="ConfigException">Too few pass.</exception>
    public static SelfTestResult Require(RewardManager manager, IEnumerable<GradeRequest> rows, double minimum = 0.95,
        bool stated = false, CancellationToken stop = default) =>
        Require(manager, rows.Select((row, i) => new SelfTestRow(row, i + 1)), minimum, stated, stop);

    private static string Describe(Gold gold, Trial trial, GradeResult grade)
    {
        GradeRequest request = gold.Row.Request;
        string others = gold.Others.Count == 0 ? ""
            : $", {string.Join(", ", gold.Others)}{(gold.Rows > gold.Others.Count + 1 ? ", ..." : "")}";
        return $"row {gold.Row.Number}{others}{(request.DataSource.Length > 0 ? " of " + request.DataSource : "")}: "
            + $"'{request.GroundTruth}'"
            + $"{(trial.As is null ? "" : " " + trial.As)} "
            + $"({grade.Status}{(grade.Detail is { } detail ? ": " + detail : "")})";
    }

    /// <summary>A ground truth, and the rows that have it.</summary>
    private sealed class Gold(SelfTestRow row)
    {
        private const int Named = 4;

        public SelfTestRow Row => row;

        public long Rows { get; private set; } = 1;

        /// <summary>The first few of the other rows.</summary>
        public List<long> Others { get; } = [];

        public void Add(long number)
        {
            Rows++;
            if (Others.Count < Named)
            {
                Others.Add(number);
            }
        }
    }

    /// <summary>An answer that must be right.</summary>
    /// <param name="Gold">The ground truth.</param>
    /// <param name="Request">The answer.</param>
    /// <param name="As">How it is written, for messages; null for the ground truth's own spelling.</param>
    private sealed record Trial(Gold Gold, GradeRequest Request, string? As);

    /// <summary>Ground truths in the order of their first rows. Large sets repeat theirs: 1.8 million rows of
    /// DAPO-Math-17k have a few thousand.</summary>
    private static List<Gold> Distinct(IEnumerable<SelfTestRow> rows, CancellationToken stop)
    {
        Dictionary<(string, GroundTruth), Gold> golds = [];
        List<Gold> inOrder = [];
        foreach (SelfTestRow row in rows)
        {
            stop.ThrowIfCancellationRequested();
            if (golds.TryGetValue((row.Request.DataSource, row.Request.GroundTruth), out Gold? known))
            {
                known.Add(row.Number);
                continue;
            }

            Gold gold = new(row);
            golds.Add((row.Request.DataSource, row.Request.GroundTruth), gold);
            inOrder.Add(gold);
        }

        return inOrder;
    }

    private static IEnumerable<Trial> Trials(Gold gold, bool stated)
    {
        GradeRequest row = gold.Row.Request with { ExtraInfo = WithLength(gold.Row.Request.ExtraInfo) };
        if (stated)
        {
            yield return new(gold, row, null);
            yield break;
        }

        IReadOnlyList<string> answers = row.GroundTruth.Alternatives is { Count: > 0 } some
            ? [.. some.Take(MostElements)] : [row.GroundTruth.Text];
        foreach (string answer in answers)
        {
            yield return new(gold, row with { Solution = AnswerForms.All(answer) },
                answers.Count == 1 ? null : $"with the answer '{answer}'");
            if (AnswerForms.Plain(answer) is { } plain)
            {
                yield return new(gold, row with { Solution = AnswerForms.All(plain) }, $"with the answer '{plain}'");
            }
        }

        if (gold.Row.Prompt is { } prompt && AnswerForms.AskedIn(prompt()) is { } asked)
        {
            string solution = asked(answers[0]);
            yield return new(gold, row with { Solution = solution }, $"answered as the prompt asks: '{solution}'");
        }
    }

    // Shaping terms need a length; a short one keeps them from deciding.
    private static JsonObject WithLength(JsonObject? extra)
    {
        JsonObject result = extra is null ? [] : (JsonObject)extra.DeepClone();
        result[ResponseLength.Key] = 1;
        return result;
    }
}
