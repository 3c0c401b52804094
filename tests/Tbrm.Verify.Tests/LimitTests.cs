using System;
using System.Linq;
using System.Threading;
using NUnit.Framework;
using Tbrm.Core;
using Tbrm.Verify.Algebra;

namespace Tbrm.Verify.Tests;

/// <summary>Answers made to cost time, memory or stack end in a verdict.</summary>
public sealed class LimitTests
{
    [TestCase("10^{10^{10}}")]
    [TestCase("9999!^{9999!}")]
    [TestCase("(((9999!)!)!)!")]
    [TestCase(@"\binom{100000}{50000}")]
    [TestCase(@"\sum_{k=1}^{1000000000} k")]
    [TestCase(@"e^{e^{e^{e^{e^{100}}}}}")]
    [TestCase(@"\frac{1}{10^{-400000}}")]
    [TestCase(@"\tan(\frac{\pi}{2})")]
    [TestCase("0^{0}")]
    [TestCase(@"\log(0)")]
    public void A_number_that_cannot_be_written_out_equals_itself_and_not_its_neighbour(string number)
    {
        MathVerifyGrader grader = new();
        Assert.That(grader.Grade(new GradeRequest("", $@"\boxed{{{number}}}", number), default).Score, Is.EqualTo(1));
        Assert.That(grader.Grade(new GradeRequest("", $@"\boxed{{{number}+1}}", number), default).Score, Is.EqualTo(0));
    }

    [TestCase("(", ")")]
    [TestCase("{", "}")]
    [TestCase(@"\{", @"\}")]
    [TestCase(@"\sqrt{", "}")]
    [TestCase("2^{", "}")]
    [TestCase("-", "")]
    [TestCase("f(", ")")]
    public void Deep_nesting_does_not_overflow_the_stack(string open, string close)
    {
        string nested = string.Concat(Enumerable.Repeat(open, 10_000)) + "1" + string.Concat(Enumerable.Repeat(close, 10_000));
        Verdict verdict = new RewardManager(new MathVerifyGrader()).Grade(new GradeRequest("", $"${nested}$", "77"));
        Assert.That(verdict.Score, Is.EqualTo(0));
    }

    /// <summary>Hardened grading looks around every number; with a look at the whole text before each, these took minutes without a poll.</summary>
    [TestCase("", "x^ 5 ", 100_000, "")]
    [TestCase("5", "*", 300_000, "5")]
    [TestCase("", " 5( ", 150_000, "")]
    [TestCase(@"\boxed{", @"\frac 5 ", 60_000, "}")]
    public void A_text_of_fragments_costs_hardened_grading_no_square_of_its_length(string begin, string part, int times, string end)
    {
        string text = begin + string.Concat(Enumerable.Repeat(part, times)) + end;
        RewardManager manager = new(new MathVerifyGrader(new() { ["hardened"] = true }), TimeSpan.FromSeconds(3));
        Assert.That(manager.Grade(new GradeRequest("", text, "5")).Score, Is.EqualTo(0));
    }

    [Test]
    public void A_cancelled_judgement_is_a_timeout()
    {
        using CancellationTokenSource stop = new();
        stop.Cancel();
        Verdict verdict = new MathVerifyGrader().Grade(new GradeRequest("", @"\boxed{(x+1)^2}", "x^2+2x+1"), stop.Token);
        Assert.That(verdict.Status, Is.EqualTo(VerdictStatus.Timeout));
    }

    [Test]
    public void The_wall_clock_limit_of_the_reward_manager_holds()
    {
        RewardManager manager = new(new MathVerifyGrader(), TimeSpan.FromMilliseconds(1));
        string sum = string.Join('+', Enumerable.Range(1, 3000).Select(i => $@"\sin({i}x)"));
        Verdict verdict = manager.Grade(new GradeRequest("", $@"\boxed{{{sum}+0}}", sum));
        Assert.That(verdict.Status, Is.EqualTo(VerdictStatus.Timeout));
    }

    [Test]
    public void A_budget_ends_work_by_its_steps()
    {
        Budget budget = new(CancellationToken.None, steps: 1000);
        Assert.That(() => IntegerMath.Factorial(60_000, budget), Throws.TypeOf<BudgetExceededException>());
    }
}
