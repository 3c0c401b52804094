using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Theory.Experiments;

namespace Tbrm.Theory;

/// <summary>One claim as people read it: what was computed, what came out, and the numbers.</summary>
/// <param name="Title">A heading.</param>
/// <param name="Text">What was computed, with which optimizer, and what came out.</param>
/// <param name="Columns">Headings of the table; the first is of text.</param>
/// <param name="Rows">Its rows.</param>
public sealed record TheoryPart(string Title, string Text, IReadOnlyList<string> Columns,
    IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>The six parts, in the order of <see cref="TheoryResults"/>.</summary>
    public static IReadOnlyList<TheoryPart> Of(TheoryResults results) =>
        [Converges(results), Adam(results), Horizon(results), Members(results), Covers(results),
            Lags(results)];

    private static TheoryPart Converges(TheoryResults results) => new(
        "Off-policy data of full support lead to the optimal policy",
        "All 27 sequences of three tokens out of three, random rewards in [0, 1], data of a fixed behaviour policy, "
            + "uniform "
            + "(skew 0) or with weights down to exp(-6) (skew 6). A table of logits, fp64, minimised by L-BFGS. "
            + $"KL(pi* || pi) ends at {Number(results.WorstKl)} nats at most"
            + (results.WorstKl < Convergence.Reached ? $", below {Number(Convergence.Reached)}" : "")
            + ". BRM gets there too: in a table it loses nothing but time.",
        ["algorithm", "beta", "skew", "KL before", "KL after", "evaluations"],
        [.. results.Convergence.Select(r => new[] { r.Algorithm, Number(r.Beta), Number(r.Skew), Number(r.KlBefore),
            Number(r.KlAfter), Number(r.Evaluations) })]);

    private static TheoryPart Adam(TheoryResults results) => new(
        "Adam does not stay at the optimum",
        $"The same losses at beta {Number(AdamResidue.Beta)} over uniform data, {AdamResidue.Updates} updates of Adam "
            + $"on the full "
            + "gradient at a constant rate (beta1 0.9, beta2 0.999, epsilon 1e-8). It passes the optimum; as "
            + "gradients vanish, so "
            + "does what it divides them by, and steps grow again. The residue is the greatest KL(pi* || pi) of the "
            + "last tenth.",
        ["algorithm", "lr", "least KL", "residue"],
        [.. results.Adam.Select(r => new[] { r.Algorithm, Number(r.Rate), Number(r.Least), Number(r.Residue) })]);

    private static TheoryPart Horizon(TheoryResults results) => new(
        "Updates needed against the horizon",
        $"Sequences of H out of two tokens, the reward with the last one, beta {Number(HorizonCost.Beta)}, uniform "
            + $"data. Updates of Adam "
            + $"at the best of the rates {string.Join(", ", HorizonCost.Rates.Select(Number))} until KL(pi* || pi) is "
            + $"below "
            + $"{Number(HorizonCost.Arrived)} nats, and evaluations of L-BFGS until it is below "
            + $"{Number(Convergence.Reached)}.",
        ["algorithm", "H", "Adam updates", "lr", "L-BFGS evaluations"],
        [.. results.Horizon.Select(r => new[] { r.Algorithm, Number(r.Horizon),
            r.AdamUpdates is { } n ? Number(n) : $"over {HorizonCost.MostUpdates}", r.Rate is { } rate ? Number(rate)
                : "-",
            Number(r.Evaluations) })]);

    private static TheoryPart Members(TheoryResults results)
    {
        MemberRow trained = TwoMembers.Argmin(results.Members, m => m.Trained),
            frozen = TwoMembers.Argmin(results.Members, m => m.Frozen);
        return new(
            "A class of two functions",
            $"Two arms, reward 1 for the first, beta {Number(TwoMembers.Beta)}, uniform reference and data (arXiv "
                + $"2505.15311, Appendix F). "
                + $"The least loss of TBRM is that of {Name(trained)}, which loses {Number(trained.Suboptimality)}. "
                + $"The iterative variant, whose "
                + $"V(s_1) is that of (0, 0), where it begins, takes {Name(frozen)}, which loses "
                + $"{Number(frozen.Suboptimality)}"
                + (frozen == results.Members[0] ? ": it stays where it is." : "."),
            ["Q", "TBRM's loss", "iterative loss", "J* - J"],
            [.. results.Members.Select(m => new[] { Name(m), Number(m.Trained), Number(m.Frozen),
                Number(m.Suboptimality) })]);
    }

    private static TheoryPart Covers(TheoryResults results) => new(
        "Suboptimality against concentrability",
        $"TBRM on {Coverage.Trajectories} sampled trajectories with rewards of 0 or 1, minimised by L-BFGS, beta "
            + $"{Number(Coverage.Beta)}, means of "
            + $"{Coverage.Samples} samples. The behaviour policy mu is pi* to the power 1 - tilt; C(mu) is Eq. 6 of "
            + $"arXiv 2505.15311. "
            + $"J* - J grows like C(mu) to the power {Number(Coverage.Slope(results.Coverage))} here; Theorem 2 "
            + $"bounds it by a multiple of "
            + $"C(mu) to the power {Number(Coverage.TheoremSlope)}. "
            + $"{results.Coverage.Count(r => r.Suboptimality <= r.Bound)} of {results.Coverage.Count} points lie "
            + $"below the bound "
            + "beta (sqrt(C(pi*; mu) L) + sqrt(C(pi; mu) L)) with the loss L that was reached.",
        ["tilt", "C(mu)", "C(pi*; mu)", "loss", "J* - J", "bound"],
        [.. results.Coverage.OrderBy(r => r.Concentrability)
            .Select(r => new[] { Number(r.Tilt), Number(r.Concentrability),
            Number(r.OfOptimal), Number(r.Loss), Number(r.Suboptimality), Number(r.Bound) })]);

    private static TheoryPart Lags(TheoryResults results)
    {
        int arrived = results.Staleness.Count(r => r.Updates is not null);
        return new(
            "Data of an older policy",
            $"The same 27 sequences, beta {Number(Staleness.Beta)}, V_ref(s_1) raised by {Number(Staleness.Offset)} "
                + $"nats; gradient descent with a step of "
                + $"{Number(Staleness.Rate)} on the data of the policy of some updates ago, every sequence by its "
                + $"probability. "
                + $"KL(pi* || pi) falls below {Number(Convergence.Reached)} nats in {arrived} of "
                + $"{results.Staleness.Count} cases, sooner with older data. "
                + "A lag does no harm where no response changes another's probability but through its softmax.",
            ["algorithm", "lag", "updates", "greatest KL", "KL after"],
            [.. results.Staleness.Select(r => new[] { r.Algorithm, r.Lag is { } lag ? Number(lag) : "fixed data",
                r.Updates is { } n ? Number(n) : $"over {Staleness.Updates}", Number(r.Most), Number(r.KlAfter) })]);
    }

    private static string Name(MemberRow member) => $"({string.Join(", ", member.Q.Select(Number))})";

    private static string Number(double value) => Math.Abs(value) is 0 or >= 1e-3
        ? value.ToString("0.####", CultureInfo.InvariantCulture)
            : value.ToString("0.#e0", CultureInfo.InvariantCulture);
}
