using System;

namespace Tbrm.Objectives;

/// <summary>What has to be computed before an objective or an estimator can be evaluated. The stages of a step follow
/// from it.</summary>
[Flags]
public enum Needs
{
    /// <summary>Q, V and the rewards alone.</summary>
    None = 0,

    /// <summary>log pi_ref of every row: the reference pass.</summary>
    ReferenceLogp = 1 << 0,

    /// <summary>V_ref(s_1) of every trajectory (and V_ref(s_{H+1}) of those that are bootstrapped): the reference
    /// pass.</summary>
    ReferenceValue = 1 << 1,

    /// <summary>H of every row.</summary>
    Entropy = 1 << 2,

    /// <summary>log pi of every row under the weights before the first update on these trajectories: the old_log_prob
    /// pass.</summary>
    OldLogp = 1 << 3,

    /// <summary>log pi of every row as the rollout recorded it.</summary>
    RolloutLogp = 1 << 4,

    /// <summary>The critic's value of every row: the values pass, and a trained critic.</summary>
    Values = 1 << 5,

    /// <summary>The critic's values before the first update on these trajectories.</summary>
    OldValues = 1 << 6,

    /// <summary>Returns of every row, from the estimator.</summary>
    Returns = 1 << 7,

    /// <summary>Advantages of every row, from the estimator.</summary>
    Advantages = 1 << 8,

    /// <summary>Which prompt a trajectory answers; several trajectories per prompt.</summary>
    Groups = 1 << 9,

    /// <summary>The reward of a greedy response to the same prompt (ReMax): a greedy rollout.</summary>
    BaselineRewards = 1 << 10,

    /// <summary>V*(x) of every prompt, estimated beforehand from the reference policy (A*-PO, stage 1).</summary>
    VStar = 1 << 11,

    /// <summary>V(s_1) of the policy before the first update on these trajectories (iterative TBRM).</summary>
    FrozenValue = 1 << 12,

    /// <summary>
    /// The loss of a trajectory depends on others of the mini-batch: scores of the whole mini-batch come first, then
    /// one evaluation, then
    /// the gradient. Without it, micro-batches are evaluated one by one.
    /// </summary>
    WholeBatch = 1 << 13,

    /// <summary>The rewards of every part of the score, apart (GDPO).</summary>
    RewardParts = 1 << 14,

    /// <summary>sum_a pi(a|s)^2 of every row (optimal token baseline).</summary>
    SumPiSquared = 1 << 15,

    /// <summary>Q and V apart; without it, log pi = Q - V is enough.</summary>
    Logits = 1 << 16,

    /// <summary>The old log-probs are those of the policy that sampled, however many updates ago that was
    /// (OAPL).</summary>
    OldIsSampler = 1 << 17,
}
