using System;

namespace Tbrm.Objectives;

/// <summary>What must hold of a batch before anything is read from it.</summary>
public sealed partial record ObjectiveBatch
{
    /// <summary>Throws ArgumentException, naming the numbers, unless the arrays fit one another and hold what is
    /// needed.</summary>
    public void Check(Needs needs)
    {
        int b = TrajectoryCount, r = RowCount;
        Require(b >= 0 && RowOffsets[0] == 0, "row offsets must begin with 0");
        for (int i = 0; i < b; i++)
        {
            Require(RowOffsets[i] <= RowOffsets[i + 1], $"row offsets descend at trajectory {i}");
        }

        Require(Q.Length == V.Length, $"V has {V.Length} rows, Q has {Q.Length}");
        Rows("Q", Q, r);
        Rows("log-probs", Logp, r);
        Require(Mask.Length == 0 || Mask.Length == r, $"mask: expected {r} rows or none, found {Mask.Length}");
        Rows("token rewards", TokenRewards, r);
        Rows("rollout weights", RolloutWeights, r);
        Require(Rewards.Length == b || Rewards.Length == 0, $"rewards: expected {b}, found {Rewards.Length}");
        Require(Weight.Length == b || Weight.Length == 0, $"weights: expected {b} or none, found {Weight.Length}");
        Require(TrajectoryWeights.Length == b || TrajectoryWeights.Length == 0,
            $"importance weights of trajectories: expected {b} or none, found {TrajectoryWeights.Length}");
        Require(Bootstrap.Length == b || Bootstrap.Length == 0,
            $"bootstrap flags: expected {b} or none, found {Bootstrap.Length}");
        Require(RefVEnd.Length == b || RefVEnd.Length == 0,
            $"reference values of the last state: expected {b} or none, found {RefVEnd.Length}");
        CheckRows(needs, r);
        CheckTrajectories(needs, b);
    }

    private void CheckRows(Needs needs, int r)
    {
        Needed(needs, Needs.ReferenceLogp, "reference log-probs", RefLogp.Length, r);
        Needed(needs, Needs.Entropy, "entropies", H.Length, r);
        Needed(needs, Needs.OldLogp, "old log-probs", OldLogp.Length, r);
        Needed(needs, Needs.RolloutLogp, "rollout log-probs", RolloutLogp.Length, r);
        Needed(needs, Needs.Values, "values", Values.Length, r);
        Needed(needs, Needs.OldValues, "old values", OldValues.Length, r);
        Needed(needs, Needs.Returns, "returns", Returns.Length, r);
        Needed(needs, Needs.Advantages, "advantages", Advantages.Length, r);
        Needed(needs, Needs.SumPiSquared, "sums of squared probabilities", SumPiSquared.Length, r);
    }

    private void CheckTrajectories(Needs needs, int b)
    {
        Needed(needs, Needs.ReferenceValue, "reference values of the first state", RefV1.Length, b);
        Needed(needs, Needs.Groups, "groups", Group.Length, b);
        Needed(needs, Needs.BaselineRewards, "rewards of the greedy baseline", BaselineRewards.Length, b);
        Needed(needs, Needs.VStar, "optimal values V*", VStar.Length, b);
        Needed(needs, Needs.FrozenValue, "frozen values of the first state", VFrozen.Length, b);
        foreach (double[] part in RewardParts)
        {
            Require(part.Length == b, $"a part of the reward: expected {b}, found {part.Length}");
        }
    }

    private static void Needed(Needs needs, Needs one, string what, int found, int expected) =>
        Require(found == expected || (found == 0 && !needs.HasFlag(one)),
            $"{what}: expected {expected}, found {found}");

    private static void Rows(string what, double[] array, int rows) =>
        Require(array.Length == rows || array.Length == 0,
            $"{what}: expected {rows} rows or none, found {array.Length}");

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException("objective batch: " + message);
        }
    }
}
