using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Errors;

namespace Tbrm.Objectives.Checks;

/// <summary>What one check found.</summary>
/// <param name="Name">Which check.</param>
/// <param name="Passed">Whether it holds; null when it says nothing about this objective.</param>
/// <param name="Detail">The worst difference, or why it was not made.</param>
public sealed record CheckResult(string Name, bool? Passed, string Detail);

/// <summary>
/// Checks of any objective, a user's own too, on random batches: the gradient against central differences; another
/// order of trajectories; NaN in
/// rows that do not count; a cut into micro-batches; a dropped trajectory; a batch without rows that count, and one
/// without trajectories.
/// </summary>
public sealed class ObjectiveCheck(IObjective objective, int batches = 4)
{
    // Differences of sums in another order: some hundred roundings of fp64.
    private const double Rounding = 1e-11;

    private readonly bool _logits = objective.Needs.HasFlag(Needs.Logits);

    /// <summary>Every check, in order.</summary>
    /// <exception cref="ConfigException">The objective cannot be had here, or not with its options.</exception>
    public IReadOnlyList<CheckResult> Run() =>
    [
        Over("finite differences", null, GradientCheck.Worst),
        Over("order of trajectories", null, Order),
        Over("rows that do not count", null, Masked),
        Over("micro-batches",
            objective.Needs.HasFlag(Needs.WholeBatch) ? "not cut: the mini-batch is evaluated whole" : null, Cut),
        Over("dropped trajectory", null, Dropped),
        Over("nothing to learn from", null, Nothing),
    ];

    /// <summary>A difference as a share of what is allowed, the worst of several batches.</summary>
    private CheckResult Over(string name, string? skipped, Func<IObjective, ObjectiveBatch, double> difference)
    {
        if (skipped is not null)
        {
            return new(name, null, skipped);
        }

        double worst = 0;
        for (int seed = 1; seed <= batches; seed++)
        {
            double found;
            try
            {
                found = difference(objective, objective.Prepare(RandomBatch.Create(seed, _logits)));
            }
            catch (Exception e) when (e is not (OutOfMemoryException or ConfigException))
            {
                return new(name, false, $"batch {seed}: {e.GetType().Name}: {e.Message}");
            }

            // A NaN is the worst there is.
            worst = found <= worst ? worst : found;
        }

        return new(name, worst <= 1, FormattableString.Invariant($"worst difference {worst:G2} of what is allowed"));
    }

    private static double Order(IObjective objective, ObjectiveBatch batch)
    {
        int[] order = [.. Enumerable.Range(0, batch.TrajectoryCount).Reverse()];
        ObjectiveResult there = objective.Evaluate(batch.Reordered(order)),
            here = objective.Evaluate(batch);
        int[] rows = [.. order.SelectMany(b =>
            Enumerable.Range((int)batch.RowOffsets[b], (int)(batch.RowOffsets[b + 1] - batch.RowOffsets[b])))];
        return Compare(there, here.Loss, column => [.. rows.Select(i => column(here)[i])]);
    }

    private static double Masked(IObjective objective, ObjectiveBatch batch)
    {
        ObjectiveResult here = objective.Evaluate(batch), poisoned = objective.Evaluate(RandomBatch.Poisoned(batch));
        bool silent = Columns().All(column => !column(here).Where((_, i) => !batch.Counts(i)).Any(d => d != 0));
        return silent ? Compare(poisoned, here.Loss, column => column(here)) : double.PositiveInfinity;
    }

    private static double Cut(IObjective objective, ObjectiveBatch batch)
    {
        ObjectiveResult here = objective.Evaluate(batch);
        ObjectiveResult[] parts =
            [.. new[] { 0..2, 2..3, 3..8 }.Select(range => objective.Evaluate(batch.Slice(range)))];
        double loss = parts.Sum(p => p.Loss), worst = Relative(loss, here.Loss);
        foreach (Func<ObjectiveResult, double[]> column in Columns())
        {
            worst = Math.Max(worst, Difference([.. parts.SelectMany(column)], column(here)));
        }

        return worst;
    }

    /// <summary>A dropped trajectory (and whatever stands in it) changes nothing.</summary>
    private static double Dropped(IObjective objective, ObjectiveBatch batch)
    {
        int dropped = Array.IndexOf(batch.Weight, 0);
        (int begin, int end) = batch.Actions(dropped);
        double[] Spoil(double[] all) => all.Length == 0 ? all
            : [.. all.Select((x, i) => i >= begin && i < end ? double.NaN : x)];
        ObjectiveResult here = objective.Evaluate(batch);
        ObjectiveResult there =
            objective.Evaluate(batch with
            {
                Q = Spoil(batch.Q),
                OldLogp = Spoil(batch.OldLogp),
                Values = Spoil(batch.Values),
                Advantages = Spoil(batch.Advantages)
            });
        return Compare(there, here.Loss, column => column(here));
    }

    private double Nothing(IObjective _, ObjectiveBatch batch)
    {
        ObjectiveResult masked =
            objective.Evaluate(objective.Prepare(batch with { Mask = new bool[batch.RowCount], Totals = null }));
        ObjectiveResult empty = objective.Evaluate(objective.Prepare(new() { RowOffsets = [0] }));
        bool still = masked.Loss == 0 && empty.Loss == 0 && Columns().All(column => column(masked).All(d => d == 0));
        return still ? 0 : double.PositiveInfinity;
    }

    internal static Func<ObjectiveResult, double[]>[] Columns() => [r => r.DQ, r => r.DV, r => r.DH, r => r.DValues];

    private static double Compare(ObjectiveResult actual, double loss,
        Func<Func<ObjectiveResult, double[]>, double[]> expected)
    {
        double worst = Relative(actual.Loss, loss);
        foreach (Func<ObjectiveResult, double[]> column in Columns().Where(c => c(actual).Length > 0))
        {
            worst = Math.Max(worst, Difference(column(actual), expected(column)));
        }

        return worst;
    }

    private static double Difference(double[] actual, double[] expected)
    {
        double scale = expected.Length == 0 ? 0 : expected.Max(Math.Abs), worst = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            worst = Math.Max(worst, Math.Abs(actual[i] - expected[i]) / (Rounding * (1 + scale)));
        }

        return worst;
    }

    private static double Relative(double actual, double expected) =>
        Math.Abs(actual - expected) / (Rounding * (1 + Math.Abs(expected)));
}
