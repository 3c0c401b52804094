using System.Linq;
using System.Text.Json.Nodes;
using NUnit.Framework;
using Tbrm.Core.Rewards;
using Tbrm.Verify.Graders;

namespace Tbrm.Verify.Tests;

/// <summary>The known false accepts of Math-Verify 0.8.0: accepted as the reference does, refused when
/// hardened.</summary>
public sealed class HardenedTests
{
    [TestCase(@"$1 - \frac{1}{\mathrm{e}}$", @"$1 + \frac{1}{\mathrm{e}}$", "tests")]
    [TestCase(@"4", @"$4\sqrt(2)$", "tests")]
    [TestCase("2", "2 2/3", "tests")]
    [TestCase(@"$\frac{1}{2004!}$", @"$\frac{1}{2006!}$", "tests")]
    [TestCase(@"$\frac{1}{2^{99}}$", @"$\frac{1}{2^{98}}$", "tests")]
    [TestCase("9", @"We get x = 2\cdot 9", "verl")]
    [TestCase("7", @"**Answer:** 7\%", "verl")]
    [TestCase("{4,5}", @"first \boxed{4}. But no, \boxed{5}", "verl")]
    [TestCase("12", "$ 12万 $", "verl")]
    [TestCase("4", @"The answer is 4 - \sqrt{2}.", "verl")]
    [TestCase("4", @"Answer: 4\mathrm{e}^2", "verl")]
    [TestCase("3", @"**Answer: 3 \sqrt(2)**", "verl")]
    [TestCase("-4", @"x = -4^{\frac{1}{", "verl")]
    public void A_false_accept_of_the_reference_is_closed_by_hardening(string gold, string answer, string profile)
    {
        Assert.That(Grade(gold, answer, profile, false).Score, Is.EqualTo(1), "as the reference");
        Assert.That(Grade(gold, answer, profile, true).Score, Is.EqualTo(0), "hardened");
    }

    [TestCase(@"\frac{1}{2}", @"The answer is $\boxed{0.5}$.")]
    [TestCase("36", "so the answer is 36.")]
    [TestCase("1,2", @"$x=\boxed{1}$ or $x=\boxed{2}$")]
    [TestCase("1,2", @"\boxed{1}, \boxed{2}")]
    [TestCase(@"(x+1)^2", @"\[ \boxed{x^2+2x+1} \]")]
    [TestCase("5", "We get 5 dollars")]
    [TestCase("0.333333", @"\boxed{\frac13}")]
    [TestCase("10", "it costs $10$")]
    [TestCase("601", "**Answer:** 601")]
    [TestCase("601", @"**Answer:** 601 \text{ cm}^2")]
    [TestCase("42", "- 42")]
    [TestCase("42", "**Answer: 42**")]
    [TestCase("0.75", "The value is **0.75**.")]
    [TestCase("5", "**Answer: x = 5**")]
    [TestCase("12", "Thus we get $12.$")]
    [TestCase("12", @"Hence \[ 12. \]")]
    [TestCase("12", @"so \( 12, \) as desired")]
    [TestCase("12", "答案是 $12元$。")]
    [TestCase("7", @"There are $7~\text{ways}$.")]
    [TestCase("12", @"It is the $12^{\text{th}}$.")]
    [TestCase("12", @"**Answer: 12^\circ**")]
    [TestCase("3", @"x = 3 \pmod{7}")]
    [TestCase("3752", @"\boxed{\approx 3752}")]
    [TestCase("13", @"The answer is: \textbf{(B)}\ 13")]
    [TestCase("27", @"\boxed{\bf 27}")]
    [TestCase("42", @"\boxed 42")]
    [TestCase("1234", @"\begin{aligned} x &= 1,234 \end{aligned}")]
    [TestCase("2536", @"we obtain [ 2536\checkmark ] now")]
    [TestCase("(2,2),(6,2)", @"$$\boxed{(2,2)} \quad \text{and} \quad \boxed{(6,2)}$$")]
    public void An_honest_answer_stays_accepted(string gold, string answer) =>
        Assert.That(Grade(gold, answer, "verl", true).Score, Is.EqualTo(1));

    /// <summary>
    /// Answers and golds with units, bases, times, scales, currencies, second numbers: refused where both sides say
    /// something and it differs,
    /// accepted where only one does; the honest ones are accepted without hardening too.
    /// </summary>
    [Test]
    public void A_qualifier_that_contradicts_the_golds_is_refused_and_no_honest_answer_is_lost()
    {
        GoldenVectors.AssertAllAgree(new MathVerifyGrader(), "hardened_qualifiers.jsonl");
        RewardManager manager = new(new MathVerifyGrader());
        string[] lost = [.. GoldenVectors.Read("hardened_qualifiers.jsonl").Where(c => c.Expected == 1)
            .Select(c => c.Request with { ExtraInfo = null }).Where(r => manager.Grade(r).Score != 1)
                .Select(r => r.Solution)];
        Assert.That(lost, Is.Empty, "not accepted by the reference either");
    }

    [Test]
    public void Training_is_hardened_unless_told_otherwise()
    {
        GradeRequest request = new("", "2 2/3", "2");
        JsonObject off = new() { ["hardened"] = false };
        Assert.That(new GraderRegistry().CreateForTraining("math_verify").Grade(request, default).Score, Is.EqualTo(0));
        Assert.That(new GraderRegistry().CreateForTraining("math_verify", off).Grade(request, default).Score,
            Is.EqualTo(1));
    }

    private static GradeResult Grade(string gold, string answer, string profile, bool hardened) =>
        new MathVerifyGrader(new JsonObject { ["profile"] = profile, ["hardened"] = hardened })
            .Grade(new GradeRequest("", answer, gold), default);
}
