using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using Tbrm.Core.Rollouts;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Tests.Steps;

public sealed class TokenCreditTests
{
    private static readonly float[] s_q = [3, -1, 2.5f], s_v = [4, 0.5f, 3], s_ref = [-0.7f, -2, -0.25f];

    /// <summary>beta (Q_h - log pi_ref,h - V_{h+1}), by hand.</summary>
    [Test]
    public void Credit_is_what_the_Bellman_equation_leaves_to_the_token()
    {
        double[] credit = TokenCredit.Of(s_q, s_v, s_ref, beta: 0.1);
        Assert.That(credit, Is.EqualTo(new[] { 0.1 * (3 + 0.7 - 0.5), 0.1 * (-1 + 2 - 3), 0.1 * (2.5 + 0.25) })
            .Within(1e-7));
    }

    /// <summary>The sum telescopes to beta (V_1 + log pi - log pi_ref): TBRM's residual without the reward.</summary>
    [Test]
    public void Credits_of_a_response_add_up_to_its_reward_where_the_residual_is_0()
    {
        double ratio = s_q.Zip(s_v, (q, v) => (double)q - v).Sum() - s_ref.Sum(l => (double)l);
        Assert.That(TokenCredit.Of(s_q, s_v, s_ref, 0.1).Sum(), Is.EqualTo(0.1 * (s_v[0] + ratio)).Within(1e-7));
        Assert.That(TokenCredit.Of(s_q, s_v, s_ref, 0.1, refV1: 4).Sum(),
            Is.EqualTo(0.1 * (s_v[0] - 4 + ratio)).Within(1e-7), "ReVal");
        Assert.That(TokenCredit.Of(s_q, [.. s_v, 2f], s_ref, 0.1).Sum(),
            Is.EqualTo(0.1 * (s_v[0] + ratio - 2)).Within(1e-7), "cut off, V after it counts");
    }

    [Test]
    public void Of_a_prompt_the_shortest_right_and_the_shortest_wrong_answer_are_shown()
    {
        Trajectory Of(int group, int length, bool hasReference = true) => Make.Trajectory(group) with
        {
            ResponseIds = [.. Enumerable.Repeat(4, length)],
            Reference = hasReference ? new([.. new float[length]], 0, null, 0) : null,
        };
        (int Group, int Length, double Score)[] all =
            [(0, 5, 1), (0, 3, 1), (1, 9, 0), (1, 4, 1), (1, 2, 0), (1, 6, 1), (2, 3, 0)];
        StepSample sample = new([], [.. all.Select(a => Of(a.Group, a.Length)), Of(3, 4, hasReference: false)],
            [.. Make.Scores([.. all.Select(a => a.Score), 1]).Select(v => new GradedResponse("", v))]);
        IReadOnlyList<int> chosen = TokenCredit.Chosen(sample);
        // The prompt with both comes first; one without the reference's numbers has no credit.
        Assert.That(chosen, Is.EqualTo(new[] { 3, 4, 1, 0, 6 }));
    }
}
