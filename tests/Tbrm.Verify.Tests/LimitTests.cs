using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using NUnit.Framework;
using Tbrm.Core.Rewards;
using Tbrm.MathVerify.Algebra;
using Tbrm.MathVerify.Latex;
using Tbrm.Verify.Graders;

namespace Tbrm.Verify.Tests;

/// <summary>Answers made to cost time, memory or stack end in a grade.</summary>
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
        string nested = string.Concat(Enumerable.Repeat(open, 10_000)) + "1"
            + string.Concat(Enumerable.Repeat(close, 10_000));
        GradeResult grade = new RewardManager(new MathVerifyGrader()).Grade(new GradeRequest("", $"${nested}$", "77"));
        Assert.That(grade.Score, Is.EqualTo(0));
    }

    /// <summary>Hardened grading looks around every number; with a look at the whole text before each, these took
    /// minutes without a poll.</summary>
    [TestCase("", "x^ 5 ", 100_000, "")]
    [TestCase("5", "*", 300_000, "5")]
    [TestCase("", " 5( ", 150_000, "")]
    [TestCase(@"\boxed{", @"\frac 5 ", 60_000, "}")]
    public void A_text_of_fragments_costs_hardened_grading_no_square_of_its_length(string begin, string part, int times,
        string end)
    {
        string text = begin + string.Concat(Enumerable.Repeat(part, times)) + end;
        Assert.That(new MathVerifyGrader(new() { ["hardened"] = true })
            .Grade(new GradeRequest("", text, "5"), default).Score, Is.EqualTo(0));
    }

    [Test]
    public void A_cancelled_grading_is_a_timeout()
    {
        using CancellationTokenSource stop = new();
        stop.Cancel();
        GradeResult grade = new MathVerifyGrader()
            .Grade(new GradeRequest("", @"\boxed{(x+1)^2}", "x^2+2x+1"), stop.Token);
        Assert.That(grade.Status, Is.EqualTo(GradeStatus.Timeout));
    }

    /// <summary>Answers made to cost time: each ends by its steps, without a clock, whatever the machine does beside
    /// it.</summary>
    [TestCaseSource(nameof(Costly))]
    public void A_costly_answer_ends_by_its_steps(string name, string solution, string gold)
    {
        // A tenth of the steps, so that the test does not take as long as an attack could.
        MathVerifyGrader grader = new(new() { ["hardened"] = true, ["max_steps"] = 2_000_000 });
        Assert.That(grader.Grade(new GradeRequest("", solution, gold), default).Status,
            Is.EqualTo(GradeStatus.OutOfSteps), name);
    }

    [TestCase(@"\int_0^{1}\sqrt{\sin(x)+\sqrt{\cos(x)+\sqrt{x}}} dx")]
    [TestCase(@"(0.5)! + (\frac{1}{3})!")]
    [TestCase(@"\sum_{k=1}^{200} \sin(k)")]
    public void What_was_graded_before_does_not_count(string formula)
    {
        long first = StepsOf(formula), second = StepsOf(formula);
        Assert.That((first, second), Is.EqualTo((first, first)));
        Assert.That(first, Is.Positive);

        // A budget of exactly these steps is enough, one less is not.
        GradeRequest request = new("", $@"\boxed{{{formula}}}", formula + "+1");
        Assert.That(Status(request, 20_000_000), Is.EqualTo(GradeStatus.Ok));
        Assert.That(Status(request, 5_000), Is.EqualTo(GradeStatus.OutOfSteps));
    }

    [Test]
    public void A_long_honest_answer_stays_far_below_the_limit()
    {
        string set = string.Join(", ", Enumerable.Range(0, 500));
        string talk = string.Concat(
            Enumerable.Repeat("We compute $\\frac{1}{2} + x_3 = 7$ and find that the answer is not yet known. \n",
            400));
        GradeRequest request =
            new("", talk + $@"The answer is \boxed{{\{{{set}\}}}}",
            @"\{" + string.Join(", ", Enumerable.Range(0, 500).Reverse()) + @"\}");
        GradeResult grade = new MathVerifyGrader(new() { ["hardened"] = true, ["max_steps"] = 5_000_000 })
            .Grade(request, default);
        Assert.That((grade.Score, grade.Status), Is.EqualTo((1.0, GradeStatus.Ok)));
    }

    private static IEnumerable<TestCaseData> Costly()
    {
        string Nest(string open, string close, int times) => string.Concat(Enumerable.Repeat(open, times)) + "1"
            + string.Concat(Enumerable.Repeat(close, times));
        string Rep(string part, int times) => string.Concat(Enumerable.Repeat(part, times));
        string matrix = @"\begin{pmatrix}1&2\\3&4\end{pmatrix}";
        yield return new("nested fractions", "$" + Nest(@"\frac{1}{", "}", 40_000) + "$", "1");
        yield return new("open brackets", Rep(@"\[", 100_000), "1");
        yield return new("answers before brackets", Rep(@"answer: \[", 20_000), "1");
        yield return new("boxes that never end", "$" + Rep(@"\boxed{a ", 60_000), "1");
        yield return new("roots in another order",
            @"$\{" + string.Join(",", Enumerable.Range(2, 900).Select(i => $@"\sqrt{{{i}}}")) + @"\}$", @"$\{"
            + string.Join(",", Enumerable.Range(2, 900).Reverse().Select(i => $@"\sqrt{{{i}}}+0")) + @"\}$");
        yield return new("intervals in another order",
            "$" + string.Join(@"\cup", Enumerable.Range(0, 1500).Select(i => $"[{2 * i},{2 * i + 1}]")) + "$", "$"
            + string.Join(@"\cup", Enumerable.Range(0, 1500).Reverse().Select(i => $"[{2 * i},{2 * i + 1}]")) + "$");
        yield return new("factorials", $@"\boxed{{{Rep("79999!+", 2500)}1}}", "1");
        yield return new("binomials", $@"\boxed{{{Rep(@"\binom{40000}{20000}+", 900)}1}}", "1");
        yield return new("long fractions",
            $@"\boxed{{{string.Join("+", Enumerable.Range(2, 500).Select(i => $@"\frac{{1}}{{{i}^{{20000}}}}"))}}}",
            "1");
        yield return new("nested sums", @"\boxed{\sum_{k=1}^{20000} \sum_{j=1}^{20000} \sqrt{k+j}}", "1");
        yield return new("nested integrals", @"\boxed{\int_0^{1}\int_0^1 \int_0^1 \sin(x+y+z) dx dy dz}", "1");
        yield return new("an integral in a limit", @"\boxed{\lim_{t \to 0} \int_0^1 e^{tx} dx}", "1");
        yield return new("products of matrices", $@"\boxed{{{Rep(matrix, 25)}}}",
            Rep(matrix, 24) + @"\begin{pmatrix}1&2\\3&5\end{pmatrix}");
        yield return new("a product of variables", "$" + Rep("xy", 10_000) + "$", "$" + Rep("yx", 10_000) + "$");
        yield return new("a sum of sines",
            "$" + string.Join("+", Enumerable.Range(0, 2000).Select(i => $@"\sin({i}x)")) + "$", "$"
            + string.Join("+", Enumerable.Range(0, 2000).Select(i => $@"\sin({i}x)")) + "+0$");
        yield return new("a factorial of a fraction", @"\boxed{(2000+\frac13)!}", @"(2000+\frac13)!+1");
        yield return new("too many tokens", "$" + string.Join(",", Enumerable.Range(0, 40_000)) + "$", "$1$");
    }

    private static long StepsOf(string formula)
    {
        Budget budget = new(CancellationToken.None);
        budget.Run(() => ZeroTest.TryEvaluate(LatexConverter.Convert(formula, true, budget), 400, budget));
        return budget.Spent;
    }

    private static GradeStatus Status(GradeRequest request, int steps) =>
        new MathVerifyGrader(new() { ["max_steps"] = steps }).Grade(request, default).Status;

    [Test]
    public void A_budget_ends_work_by_its_steps()
    {
        Budget budget = new(CancellationToken.None, steps: 1000);
        Assert.That(() => IntegerMath.Factorial(60_000, budget), Throws.TypeOf<BudgetExceededException>());
    }
}
