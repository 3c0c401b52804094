using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using Tbrm.Theory;
using Tbrm.Theory.Experiments;
using Tbrm.Theory.Tabular;

namespace Tbrm.Objectives.Tests;

/// <summary>
/// What the papers prove, on all sequences of a small vocabulary: minimised over fixed off-policy data of full support,
/// the residuals lead to pi* = pi_ref exp(r/beta) / Z. BRM gets there too: what it loses, it loses with function
/// approximation.
/// </summary>
internal sealed class TheoryTests
{
    private static readonly Lazy<TheoryResults> s_results = new(TheoryResults.Run);

    [Test]
    public void Off_policy_data_of_full_support_lead_to_the_optimal_policy()
    {
        IReadOnlyList<ConvergenceRow> rows = s_results.Value.Convergence;
        Assert.That(rows.Select(r => (r.Algorithm, r.Beta, r.Skew)), Is.EquivalentTo(
            from a in new[] { "tbrm", "reval", "brm" }
            from b in new[] { 1.0, 0.1, 0.02 }
            from s in new[] { 0.0,
                6.0 }
            select (a, b, s)));
        Assert.That(rows.Select(r => r.KlBefore), Has.All.GreaterThan(0.01), "the reference is not the optimum");
        Assert.That(rows.Select(r => r.KlAfter), Has.All.LessThan(1e-9));
    }

    [Test]
    public void Adam_passes_the_optimum_and_does_not_stay_there()
    {
        Assert.That(s_results.Value.Adam.Select(r => r.Least), Has.All.LessThan(1e-12));
        Assert.That(s_results.Value.Adam.Where(r => r.Rate > 0.05).Select(r => r.Residue), Has.All.GreaterThan(1e-6));
    }

    [Test]
    public void A_longer_horizon_takes_more_updates_and_brm_more_of_them()
    {
        ILookup<string, HorizonRow> rows = s_results.Value.Horizon.ToLookup(r => r.Algorithm);
        Assert.That(rows["tbrm"].Select(r => r.Horizon), Is.EqualTo(Enumerable.Range(1, 9)));
        Assert.That(rows["tbrm"].Concat(rows["brm"]).Select(r => r.AdamUpdates), Has.None.Null);
        Assert.That(rows["brm"].Select(r => r.Evaluations), Is.Ordered);
        Assert.That(rows["brm"].Zip(rows["tbrm"]).Skip(1), Has.All.Matches(
            ((HorizonRow Brm, HorizonRow Tbrm) p) => p.Brm.Evaluations > p.Tbrm.Evaluations));
        Assert.That(rows["brm"].First().Evaluations, Is.EqualTo(rows["tbrm"].First().Evaluations),
            "one token: the same loss");
    }

    /// <summary>The numbers of the paper's Appendix F, computed independently: 0.48 and 43.5; 74.2 where V is
    /// frozen.</summary>
    [Test]
    public void The_two_members_are_told_apart_by_the_trained_value_alone()
    {
        IReadOnlyList<MemberRow> members = s_results.Value.Members;
        Assert.That(members.Select(m => m.Trained), Is.EqualTo(new[] { 43.549, 0.4805 }).Within(1e-3));
        Assert.That(members.Select(m => m.Frozen), Is.EqualTo(new[] { 43.549, 74.1967 }).Within(1e-3));
        Assert.That(TwoMembers.Argmin(members, m => m.Trained), Is.SameAs(members[1]), "TBRM takes the optimum");
        Assert.That(TwoMembers.Argmin(members, m => m.Frozen), Is.SameAs(members[0]), "the iterative variant stays");
        Assert.That(members[1].Suboptimality, Is.LessThan(1e-9), "(10, 0) is the optimum itself");
    }

    [Test]
    public void Suboptimality_lies_below_the_bound_and_grows_with_the_concentrability()
    {
        IReadOnlyList<CoverageRow> rows = s_results.Value.Coverage;
        Assert.That(rows.Where(r => !(r.Suboptimality <= r.Bound)), Is.Empty);
        Assert.That(rows.MinBy(r => r.Concentrability)!.Tilt, Is.EqualTo(1), "uniform data cover best: 3 + 9 + 27");
        Assert.That(rows.Min(r => r.Concentrability), Is.EqualTo(39).Within(1e-9));
        Assert.That(rows[0].OfOptimal, Is.EqualTo(3).Within(1e-9), "pi* covers itself: 1 for every depth");
        Assert.That(Coverage.Slope(rows), Is.GreaterThan(0.4).And.LessThan(1), "Theorem 2 has 0.5");
    }

    [Test]
    public void Data_of_an_older_policy_lead_to_the_optimum_whatever_the_lag()
    {
        IReadOnlyList<StalenessRow> rows = s_results.Value.Staleness;
        Assert.That(rows.Select(r => (r.Algorithm, r.Lag)), Is.EquivalentTo(
            from a in new[] { "tbrm", "reval" } from l in new int?[] { 0, 1, 8, 64, null } select (a, l)));
        Assert.That(rows.Select(r => r.KlAfter), Has.All.LessThan(1e-9));
        Assert.That(rows.Where(r => r.Updates is null), Is.Empty);
        Assert.That(rows.Where(r => r.Lag is null).Min(r => r.Updates),
            Is.LessThan(rows.Where(r => r.Lag == 0).Min(r => r.Updates)!.Value),
            "what the policy has left behind is still learned from");
    }

    [Test]
    public void The_gradient_of_a_table_is_that_of_its_loss([Values("tbrm", "reval", "brm")] string algorithm)
    {
        TabularTask task = TabularTask.Random(new(3, 2), beta: 0.5, skew: 3);
        TabularLoss loss = new(task, algorithm);
        double[] z = [.. task.Reference], gradient = new double[z.Length], scratch = new double[z.Length];
        _ = loss.Evaluate(z, gradient);
        for (int i = 0; i < z.Length; i++)
        {
            // Central differences of a quadratic: exact but for rounding, which 1e-6 / step of the loss's size allows.
            const double step = 1e-4;
            double at = z[i];
            z[i] = at + step;
            double above = loss.Evaluate(z, scratch);
            z[i] = at - step;
            double below = loss.Evaluate(z, scratch);
            z[i] = at;
            Assert.That(gradient[i], Is.EqualTo((above - below) / (2 * step)).Within(1e-6), $"logit {i}");
        }
    }

    /// <summary>J(pi*) - J(pi) from its definition, against beta KL(pi || pi*).</summary>
    [Test]
    public void Suboptimality_is_beta_times_the_divergence_from_the_optimum()
    {
        TabularTask task = TabularTask.Random(new(3, 2), beta: 0.3, skew: 0);
        double[] other = TabularTask.Random(new(3, 2), 0.3, 0, seed: 8).Reference;
        double[] reference = task.Tree.LogProbabilities(task.Reference);
        double J(double[] log) => log.Select((l, n) => Math.Exp(l) * (task.Rewards[n] - task.Beta * (l - reference[n])))
            .Sum();
        Assert.That(task.Suboptimality(other),
            Is.EqualTo(J(task.Optimal) - J(task.Tree.LogProbabilities(other))).Within(1e-12));
        Assert.That(task.Tree.LogProbabilities(other).Sum(Math.Exp), Is.EqualTo(1).Within(1e-12));
    }

    /// <summary>The page says what the numbers say.</summary>
    [Test]
    public void Every_part_has_a_sentence_and_a_row_for_every_number()
    {
        IReadOnlyList<TheoryPart> parts = TheoryPart.Of(s_results.Value);
        Assert.That(parts.Select(p => p.Rows.Count), Is.EqualTo(new[] { 18, 6, 18, 2, 9, 10 }));
        Assert.That(parts.Where(p => p.Rows.Any(r => r.Count != p.Columns.Count)), Is.Empty);
        Assert.That(parts[0].Text, Does.Contain("L-BFGS").And.Contain("below 1e-9"));
        Assert.That(parts[3].Text,
            Does.Contain("The least loss of TBRM is that of (10, 0)").And.Contain("it stays where it is"));
    }
}
