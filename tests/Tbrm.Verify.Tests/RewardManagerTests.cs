using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using NUnit.Framework;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Verify.Graders;

namespace Tbrm.Verify.Tests;

public sealed class RewardManagerTests
{
    [Test]
    public void Grades_come_in_the_order_of_the_requests()
    {
        GradeRequest[] requests =
            [.. Enumerable.Range(0, 500).Select(i => new GradeRequest("", $"#### {i}", i % 3 == 0 ? $"{i}" : "x"))];
        GradeResult[] grades = new RewardManager(new Gsm8kGrader()).Grade(requests);
        Assert.That(grades.Select(v => v.Extracted), Is.EqualTo(Enumerable.Range(0, 500).Select(i => $"{i}")));
        Assert.That(grades.Select(v => v.Score),
            Is.EqualTo(Enumerable.Range(0, 500).Select(i => i % 3 == 0 ? 1.0 : 0.0)));
    }

    [Test]
    public void Failures_and_time_outs_are_counted_and_never_thrown()
    {
        RewardManager manager = new(new TroubleGrader(), TimeSpan.FromMilliseconds(50));
        GradeResult[] grades =
            manager.Grade([new("", "ok", ""), new("", "hang", ""), new("", "throw", ""), new("", "ok", "")]);
        Assert.That(GradeCounts.Of(grades), Is.EqualTo(new GradeCounts(2, 0, 1, 1)));
        Assert.That(grades[2].Detail, Does.Contain("trouble"));
    }

    /// <summary>A grader that waits for other programs grades so many responses at a time as it says, and none of the
    /// pool's threads wait for it: those read what the programs write.</summary>
    [Test]
    public void A_grader_that_waits_is_asked_as_often_at_a_time_as_it_says()
    {
        using WaitingGrader grader = new(2 * Environment.ProcessorCount + 1);
        GradeRequest[] requests = [.. Enumerable.Repeat(new GradeRequest("", "ok", ""), 3 * grader.Concurrency)];
        GradeResult[] grades = new RewardManager(grader).Grade(requests);
        Assert.That(grades.Select(v => v.Status), Is.All.EqualTo(GradeStatus.Ok));
    }

    [TestCase(double.NaN)]
    [TestCase(double.NegativeInfinity)]
    public void A_score_that_is_NaN_or_infinite_is_an_error(double score)
    {
        GradeResult grade = new RewardManager(new ConstantGrader(score)).Grade(new GradeRequest("", "ok", ""));
        Assert.That(grade.Status, Is.EqualTo(GradeStatus.Error));
        Assert.That(grade.Score, Is.Zero);
        Assert.That(grade.Detail, Does.Contain("finite"));
    }

    [Test]
    public void Cancelling_the_batch_is_no_grade()
    {
        using CancellationTokenSource stop = new();
        stop.Cancel();
        Assert.That(() => new RewardManager(new TroubleGrader()).Grade([new("", "ok", "")], stop.Token),
            Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public void The_self_test_passes_where_ground_truths_are_accepted()
    {
        foreach (string grader in (string[])["math_verify", "gsm8k", "math_dapo", "math_boxed"])
        {
            RewardManager manager = new(new GraderRegistry().Create(grader));
            Assert.That(() => GraderSelfTest.Require(manager, Rows("12", "-7", "1234")), Throws.Nothing, grader);
        }
    }

    private static readonly System.Text.Json.Nodes.JsonObject s_exact = new() { ["exact"] = true };

    [TestCase("math_dapo", "033", "with the answer '33' (Ok)")]
    [TestCase("gsm8k", "1,000", "(Ok)")]
    [TestCase("gsm8k", "72.0", "with the answer '72' (Ok)")]
    [TestCase("gsm8k", "$5$", "(NoAnswer: no '#### number' in the last 300 characters)")]
    public void The_self_test_answers_as_a_model_would_write_the_number_too(string grader, string truth, string how)
    {
        SelfTestResult result =
            GraderSelfTest.Run(new RewardManager(new GraderRegistry().Create(grader, s_exact)),
            Rows(truth, "5", truth));
        Assert.That((result.Passed, result.Total), Is.EqualTo((1L, 3L)));
        Assert.That(result.Failures, Is.EqualTo(new[] { $"row 1, 3: '{truth}' {how}" }));
    }

    [Test]
    public void The_self_test_tries_each_element_of_a_list()
    {
        RewardManager manager = new(new GraderRegistry().Create("math_dapo", s_exact));
        GradeRequest row = new("d", "", GroundTruth.Of(new System.Text.Json.Nodes.JsonArray("11", "012")));
        Assert.That(GraderSelfTest.Run(manager, [row]).Failures,
            Is.EqualTo(new[] { "row 1 of d: '[\"11\",\"012\"]' with the answer '12' (Ok)" }));
    }

    [TestCase("gsm8k", "What? Put the answer in \\boxed{}.", false)]
    [TestCase("gsm8k", "Think, and output the final answer after \"####\".", true)]
    [TestCase("math_dapo", "The last line of your response should be of the form Answer: $Answer (without quotes).",
        true)]
    [TestCase("math_dapo", "Put it in <answer> </answer> tags.", false)]
    [TestCase("math_boxed", "Write Answer: x, and in the end \\boxed{x}.", true)]
    [TestCase("gsm8k", "Question: what?\nAnswer:", true)]
    public void The_self_test_answers_as_the_prompt_asks(string grader, string prompt, bool passes)
    {
        RewardManager manager = new(new GraderRegistry().Create(grader));
        SelfTestResult result = GraderSelfTest.Run(manager, [new SelfTestRow(new("", "", "7"), 12, () => prompt)]);
        Assert.That(result.Passed, Is.EqualTo(passes ? 1 : 0));
        Assert.That(result.Failures.All(
            f => f.StartsWith("row 12: '7' answered as the prompt asks: '", StringComparison.Ordinal)), Is.True);
    }

    [TestCase("033", "33")]
    [TestCase("-007.50", "-7.50")]
    [TestCase("1,234,567", "1234567")]
    [TestCase("000", "0")]
    [TestCase("27.0", "27")]
    [TestCase(" 5 ", "5")]
    [TestCase("5", null)]
    [TestCase("1,2", null)]
    [TestCase("1,23", null)]
    [TestCase("x", null)]
    [TestCase("\\frac{1}{2}", null)]
    public void A_plain_number(string answer, string? plain) =>
        Assert.That(AnswerForms.Plain(answer), Is.EqualTo(plain));

    [Test]
    public void The_self_test_stops_below_95_percent_and_lists_examples()
    {
        RewardManager manager = new(new Gsm8kGrader());
        Assert.That(
            () => GraderSelfTest.Require(manager,
                Rows([.. Enumerable.Repeat("5", 94), "x+1", "y", "z", "u", "v", "w"])),
            Throws.TypeOf<ConfigException>().With.Message.Contains("94 of 100").And.Message.Contains("'x+1'"));
        Assert.That(() =>
            GraderSelfTest.Require(manager, Rows([.. Enumerable.Repeat("5", 95), "x+1", "y", "z", "u", "v"])),
            Throws.Nothing);
    }

    [Test]
    public void The_self_test_grades_a_ground_truth_once_and_counts_every_row_that_has_it()
    {
        CountingGrader grader = new();
        GradeRequest[] rows =
            [.. Enumerable.Range(0, 5000)
            .Select(i => new GradeRequest(i % 2 == 0 ? "a" : "b", "", i == 4711 ? "bad" : "good"))];
        SelfTestResult result = GraderSelfTest.Run(new RewardManager(grader), rows);
        Assert.That((result.Total, result.Passed, result.Untried), Is.EqualTo((5000L, 4999L, 0L)));
        Assert.That(grader.Calls, Is.EqualTo(3), "'good' of a, 'good' of b, 'bad' of b");
        Assert.That(result.Failures, Has.Count.EqualTo(1).And.One.StartsWith("row 4712 of b: 'bad'"));
    }

    [Test]
    public void The_self_test_ends_when_its_time_is_up_and_says_what_it_left()
    {
        GradeRequest[] rows = Rows([.. Enumerable.Range(0, 2000).Select(i => $"{i}")]).ToArray();
        SelfTestResult result =
            GraderSelfTest.Run(new RewardManager(new CountingGrader()), rows, timeLimit: TimeSpan.FromSeconds(-1));
        Assert.That((result.Total, result.Untried, result.Share), Is.EqualTo((0L, 2000L, 1.0)));
    }

    private sealed class CountingGrader : IGrader
    {
        private int _calls;

        public int Calls => _calls;

        public string Name => "counting";

        public GradeResult Grade(GradeRequest request, CancellationToken stop)
        {
            Interlocked.Increment(ref _calls);
            return request.GroundTruth.Text == "bad" ? new(0, GradeStatus.NoAnswer, null)
                : new(1, GradeStatus.Ok, request.GroundTruth.Text);
        }
    }

    private static List<GradeRequest> Rows(params string[] golds) =>
        [.. golds.Select(g => new GradeRequest("", "", g))];

    /// <summary>Grades when as many as it takes at a time are asked of it, on threads that are not the
    /// pool's.</summary>
    private sealed class WaitingGrader(int concurrency) : IGrader, IDisposable
    {
        private readonly Barrier _all = new(concurrency);

        public string Name => "waiting";

        public int Concurrency => concurrency;

        public GradeResult Grade(GradeRequest request, CancellationToken stop)
        {
            _all.SignalAndWait(stop);
            return new(1, Thread.CurrentThread.IsThreadPoolThread ? GradeStatus.Error : GradeStatus.Ok);
        }

        public void Dispose() => _all.Dispose();
    }

    private sealed class TroubleGrader : IGrader
    {
        public string Name => "trouble";

        public GradeResult Grade(GradeRequest request, CancellationToken stop)
        {
            switch (request.Solution)
            {
                case "hang":
                    stop.WaitHandle.WaitOne();
                    stop.ThrowIfCancellationRequested();
                    break;
                case "throw":
                    throw new InvalidOperationException("trouble");
            }

            return new GradeResult(1, GradeStatus.Ok);
        }
    }

    private sealed class ConstantGrader(double score) : IGrader
    {
        public string Name => "constant";

        public GradeResult Grade(GradeRequest request, CancellationToken stop) => new(score, GradeStatus.Ok);
    }
}
