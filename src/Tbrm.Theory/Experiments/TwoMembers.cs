using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Objectives;
using Tbrm.Theory.Tabular;

namespace Tbrm.Theory.Experiments;

/// <summary>A member of the class.</summary>
/// <param name="Q">Its values of the two arms.</param>
/// <param name="Trained">The loss of TBRM, whose V is the member's own.</param>
/// <param name="Frozen">The loss of the iterative variant, whose V is that of the first member, where it
/// begins.</param>
/// <param name="Suboptimality">J(pi*) - J(pi), reward units.</param>
public sealed record MemberRow(IReadOnlyList<double> Q, double Trained, double Frozen, double Suboptimality);

/// <summary>
/// The bandit of arXiv 2505.15311, Appendix F: two arms, a reward of 1 for the first, beta 0.1, a uniform reference and
/// uniform data, and a class of two functions, Q = (0, 0) and Q = (10, 0). An argmin over the two, no gradient:
/// TBRM takes the optimum; the variant with the value of the iterate before stays at (0, 0), where it began.
/// </summary>
public static class TwoMembers
{
    /// <summary>Reward units per nat.</summary>
    public const double Beta = 0.1;

    private static readonly double[][] s_members = [[0, 0], [10, 0]];

    /// <summary>Both members.</summary>
    public static IReadOnlyList<MemberRow> Run()
    {
        TabularTask task = new(new(2, 1), Beta, [0, 0], [1, 0], [0.5, 0.5]);
        double began = TokenTree.LogSumExp(s_members[0]);
        return [.. s_members.Select(q => new MemberRow(q, Loss(task, q, null), Loss(task, q, began),
            task.Suboptimality(q)))];
    }

    /// <summary>The member of least loss.</summary>
    /// <param name="members">The class.</param>
    /// <param name="loss">Which loss.</param>
    public static MemberRow Argmin(IReadOnlyList<MemberRow> members, Func<MemberRow, double> loss) =>
        members.MinBy(loss)!;

    private static double Loss(TabularTask task, double[] q, double? frozen)
    {
        IObjective objective = AlgorithmTable.Find("tbrm").Objective(
            new JsonObject { ["beta"] = Beta, ["iterative"] = frozen is not null });
        double value = TokenTree.LogSumExp(q), reference = Math.Log(0.5);
        return objective.Evaluate(new()
        {
            RowOffsets = [0, 1, 2],
            Q = q,
            V = [value, value],
            RefLogp = [reference, reference],
            Rewards = task.Rewards,
            Weight = task.Data,
            VFrozen = frozen is { } v ? [v, v] : [],
        }).Loss;
    }
}
