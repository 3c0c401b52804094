using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Theory.Tabular;

namespace Tbrm.Theory.Experiments;

/// <summary>One run of Adam at a constant rate.</summary>
/// <param name="Algorithm">tbrm, reval or brm.</param>
/// <param name="Rate">The learning rate.</param>
/// <param name="Least">The least KL(pi* || pi) on the way, nats.</param>
/// <param name="Residue">The greatest over the last tenth of the updates: what Adam does not stay below.</param>
/// <param name="Curve">KL after the updates whose numbers go with it.</param>
public sealed record ResidueRow(string Algorithm, double Rate, double Least, double Residue,
    IReadOnlyList<(long Updates, double Kl)> Curve);

/// <summary>
/// Adam on the same losses. It passes the optimum and does not stay there: as gradients vanish, so does the second
/// moment that it divides by, and steps grow again. What it leaves is no property of the objective.
/// </summary>
public static class AdamResidue
{
    /// <summary>Reward units per nat.</summary>
    public const double Beta = 0.1;

    /// <summary>Updates of each run.</summary>
    public const int Updates = 6000;

    private static readonly double[] s_rates = [0.1, 0.03];

    /// <summary>Every algorithm at every rate, over uniform data.</summary>
    public static IReadOnlyList<ResidueRow> Run() =>
        [.. from algorithm in Convergence.Algorithms from rate in s_rates select Row(algorithm, rate)];

    private static ResidueRow Row(string algorithm, double rate)
    {
        TabularTask task = TabularTask.Random(new(3, 3), Beta, skew: 0);
        List<(long Updates, double Kl)> curve = [(0, task.KlFromOptimal(task.Reference))];
        double least = double.PositiveInfinity, residue = 0;
        Minimizers.Adam(new(task, algorithm), task.Reference, rate, Updates, (t, z) =>
        {
            double kl = task.KlFromOptimal(z);
            least = Math.Min(least, kl);
            residue = t > Updates * 9 / 10 ? Math.Max(residue, kl) : residue;
            if (t % 20 == 0)
            {
                curve.Add((t, kl));
            }

            return false;
        });
        return new(algorithm, rate, least, residue, curve);
    }
}
