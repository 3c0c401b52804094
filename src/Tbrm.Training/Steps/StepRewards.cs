using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;

namespace Tbrm.Training.Steps;

/// <summary>From grades to the rewards of a step: scale and shift, the penalty of overlong responses, the mean of the
/// prompt's samples.</summary>
internal sealed class StepRewards(RunConfig config)
{
    private readonly BellmanConfig _bellman = config.Algorithm.Tbrm;

    /// <summary>Reward of each trajectory; 0 where there is none.</summary>
    /// <param name="trajectories">In the order of the rollout.</param>
    /// <param name="grades">One per trajectory.</param>
    /// <param name="isRewarded">Trained on, and at its end: others have no reward, and no part in a mean of
    /// rewards.</param>
    public double[] Of(IReadOnlyList<Trajectory> trajectories, IReadOnlyList<GradeResult> grades, bool[] isRewarded)
    {
        double[] rewards = new double[grades.Count];
        for (int i = 0; i < rewards.Length; i++)
        {
            rewards[i] = isRewarded[i] ? Of(trajectories[i], grades[i]) : 0;
        }

        if (_bellman.RewardNormalization == "group_mean")
        {
            Dictionary<int, double> means = Enumerable.Range(0, rewards.Length).Where(i => isRewarded[i])
                .GroupBy(i => trajectories[i].Group)
                    .ToDictionary(g => g.Key, g => Mean([.. g.Select(i => rewards[i])]));
            rewards = [.. rewards.Select((r, i) => isRewarded[i] ? r - means[trajectories[i].Group] : 0)];
        }

        return rewards;
    }

    /// <summary>A score 0 stands for a truncated response that is to get none, and for a grader that failed; scale and
    /// shift follow.</summary>
    public double Of(Trajectory trajectory, GradeResult grade)
    {
        bool isZero = grade.IsFailure
            || (trajectory.End == TrajectoryEnd.Length && _bellman.Truncation == "zero_reward");
        double reward = _bellman.RewardScale * (isZero ? 0 : Score(trajectory, grade)) + _bellman.RewardShift;
        return config.Reward.OverlongBuffer.Enable ? reward + Overlong(trajectory.ResponseIds.Length) : reward;
    }

    /// <summary>A named number of a grade: its score, or what the grader gave beside it.</summary>
    /// <param name="grade">The grade.</param>
    /// <param name="key">score, or one of the grader's own names.</param>
    /// <param name="number">Which response of the step it is, from 0, for the message.</param>
    /// <exception cref="DataException">The grader gave no such number.</exception>
    public static double Part(GradeResult grade, string key, int number)
    {
        if (grade.IsFailure)
        {
            return 0;
        }

        return grade.Numbers?.TryGetValue(key, out double part) == true ? part
            : key == "score" ? grade.Score
            : throw new DataException(
                $"algorithm.gdpo_reward_keys: the grade of response {number + 1} has no number '{key}', it has "
                + $"{string.Join(", ", (grade.Numbers?.Keys ?? []).Prepend("score"))}; a grader that gives several "
                + "is reward.grader=command, whose answer may hold further numbers by name");
    }

    /// <summary>The grade, or what a control experiment has in its place.</summary>
    private double Score(Trajectory trajectory, GradeResult grade) => config.Reward.Control switch
    {
        "zero" => 0,
        "random" => Coin((ulong)config.Trainer.Seed, (ulong)trajectory.Id),
        _ => grade.Score,
    };

    /// <summary>0 or 1 as a function of seed and number: the last bit of two rounds of SplitMix64.</summary>
    private static double Coin(ulong seed, ulong number) => Mixed(Mixed(seed) ^ number) & 1;

    private static ulong Mixed(ulong x)
    {
        x += 0x9e3779b97f4a7c15;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return x ^ (x >> 31);
    }

    /// <summary>
    /// DAPO's soft punishment of length, arXiv 2503.14476 Eq. 13: 0 up to the buffer before data.max_response_length,
    /// then linearly down to
    /// -penalty_factor at its end.
    /// </summary>
    public double Overlong(int tokens)
    {
        OverlongBufferConfig buffer = config.Reward.OverlongBuffer;
        int beyond = tokens - (config.Data.MaxResponseLength - buffer.Len);
        return Math.Min(-(double)beyond / buffer.Len * buffer.PenaltyFactor, 0);
    }

    /// <summary>Of equal rewards exactly that reward: what is left of them is 0, not the rounding of their
    /// sum.</summary>
    private static double Mean(double[] rewards) => rewards[0] + rewards.Average(r => r - rewards[0]);
}
