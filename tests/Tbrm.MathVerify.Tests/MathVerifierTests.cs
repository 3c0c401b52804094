using System.Threading;
using NUnit.Framework;

namespace Tbrm.MathVerify.Tests;

/// <summary>The library as a program of somebody else's uses it.</summary>
public sealed class MathVerifierTests
{
    [TestCase(@"\frac{1}{2}", @"So it is $\boxed{0.5}$.", true)]
    [TestCase("x^2+2x+1", @"\boxed{(x+1)^2}", true)]
    [TestCase(@"\{1,2\}", @"\boxed{\{2, 1\}}", true)]
    [TestCase("7", @"\boxed{8}", false)]
    public void An_answer_is_read_and_compared(string wanted, string response, bool equal)
    {
        MathResult result = MathVerifier.Compare(wanted, response);
        Assert.That((result.AreEqual, result.Outcome, result.Note),
            Is.EqualTo((equal, MathOutcome.Compared, (string?)null)));
        Assert.That(result.Answer, Is.Not.Empty);
    }

    [Test]
    public void What_cannot_be_compared_has_an_outcome_and_a_note()
    {
        Assert.That(MathVerifier.Compare("7", "I do not know."),
            Is.EqualTo(new MathResult(false, MathOutcome.NoAnswer, null, "no answer was found in the response")));
        Assert.That(MathVerifier.Compare("", @"\boxed{1}").Outcome, Is.EqualTo(MathOutcome.NothingWanted));
        Assert.That(MathVerifier.Compare("1", @"\boxed{\sum_{k=1}^{100000} k^{k}}", new() { MaxSteps = 1000 }).Outcome,
            Is.EqualTo(MathOutcome.OutOfSteps));
        Assert.That(
            MathVerifier.Compare("x+1", @"\boxed{1+x}", stop: new CancellationToken(canceled: true)).Outcome,
            Is.EqualTo(MathOutcome.Stopped));
    }

    [Test]
    public void Options_change_what_counts()
    {
        Assert.That(MathVerifier.Compare("x+1", @"\boxed{y+1}").AreEqual, Is.False);
        Assert.That(MathVerifier.Compare("x+1", @"\boxed{y+1}", new() { Strict = false }).AreEqual, Is.True);
        Assert.That(MathVerifier.Compare("7", @"<answer>\boxed{7}</answer>", new() { AnswerTags = true }).AreEqual,
            Is.True);
    }
}
