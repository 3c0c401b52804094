using NUnit.Framework;
using Tbrm.Training.Evaluation;
using Tbrm.Verify;

namespace Tbrm.Training.Tests.Evaluation;

public sealed class MajorityVoteTests
{
    [Test]
    public void Equal_answers_vote_together_and_none_is_a_vote_too() =>
        Assert.That(MajorityVote.Votes(["5", null, " 5", "7", null]), Is.EqualTo(new[] { 0, 1, 0, 2, 1 }));

    [Test]
    public void Formulas_of_the_same_value_vote_together() =>
        Assert.That(MajorityVote.Votes(
            [@"\frac{1}{2}", "0.5", "1/2", "2", @"\sqrt{4}", "x+1", "1+x"], MathMatch.AreEqual),
            Is.EqualTo(new[] { 0, 0, 0, 1, 1, 2, 2 }));

    [Test]
    public void Of_equally_frequent_votes_the_first_seen_wins()
    {
        Assert.That(MajorityVote.Winner([3, 1, 1, 3, 0]), Is.Zero);
        Assert.That(MajorityVote.Winner([2, 0, 0]), Is.EqualTo(1));
        Assert.That(() => MajorityVote.Winner([]), Throws.ArgumentException);
    }
}
