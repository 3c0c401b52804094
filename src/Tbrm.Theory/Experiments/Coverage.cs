using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Theory.Tabular;

namespace Tbrm.Theory.Experiments;

/// <summary>What data of one behaviour policy lead to, a mean over <see cref="Coverage.Samples"/> samples.</summary>
/// <param name="Tilt">mu is pi* to the power 1 - tilt: 0 is pi* itself, 1 uniform, 2 its opposite.</param>
/// <param name="Concentrability">C(mu) = max over policies of C(pi; mu), Eq. 6.</param>
/// <param name="OfOptimal">C(pi*; mu).</param>
/// <param name="Loss">E_mu of the squared residual of what was learned, nats squared.</param>
/// <param name="Suboptimality">J(pi*) - J(pi), reward units.</param>
/// <param name="Bound">beta (sqrt(C(pi*; mu) loss) + sqrt(C(pi; mu) loss)), which holds for every sample.</param>
public sealed record CoverageRow(double Tilt, double Concentrability, double OfOptimal, double Loss,
    double Suboptimality, double Bound);

/// <summary>
/// Suboptimality against concentrability. TBRM learns from a finite sample of trajectories, with rewards of 0 or 1
/// whose
/// mean is r, from behaviour policies between pi* and its opposite. Theorem 2 of arXiv 2505.15311 bounds what it loses
/// by a multiple of sqrt(C(mu)): slope 1/2 where both axes are logarithmic.
/// </summary>
public static class Coverage
{
    /// <summary>Reward units per nat.</summary>
    public const double Beta = 0.2;

    /// <summary>Trajectories of a sample.</summary>
    public const int Trajectories = 1000;

    /// <summary>Samples of each behaviour policy.</summary>
    public const int Samples = 10;

    /// <summary>Theorem 2's exponent of the concentrability.</summary>
    public const double TheoremSlope = 0.5;

    private static readonly double[] s_tilts = [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];

    /// <summary>Every behaviour policy.</summary>
    public static IReadOnlyList<CoverageRow> Run()
    {
        TabularTask task = TabularTask.Random(new(3, 3), Beta, skew: 0);
        return [.. s_tilts.Select(tilt => Row(task with { Data = Behaviour(task, tilt) }, tilt))];
    }

    /// <summary>The exponent of C(mu) that the suboptimality follows: the slope of a least-squares line through the
    /// logarithms.</summary>
    public static double Slope(IReadOnlyList<CoverageRow> rows)
    {
        double[] x = [.. rows.Select(r => Math.Log(r.Concentrability))],
            y = [.. rows.Select(r => Math.Log(r.Suboptimality))];
        double meanX = x.Average(), meanY = y.Average();
        return x.Zip(y, (a, b) => (a - meanX) * (b - meanY)).Sum() / x.Sum(a => (a - meanX) * (a - meanX));
    }

    private static CoverageRow Row(TabularTask task, double tilt)
    {
        TabularLoss population = new(task, "tbrm");
        (double loss, double gap, double bound) = (0, 0, 0);
        double ofOptimal = task.Concentrability(task.Optimal);
        for (int sample = 0; sample < Samples; sample++)
        {
            double[] learned = Minimizers.Lbfgs(new(Sampled(task, sample), "tbrm"), task.Reference, _ => false).Logits;
            double squared = population.Residuals(learned).Select((f, n) => task.Data[n] * f * f).Sum();
            double ofLearned = task.Concentrability(task.Tree.LogProbabilities(learned));
            loss += squared / Samples;
            gap += task.Suboptimality(learned) / Samples;
            bound += Beta * (Math.Sqrt(ofOptimal * squared) + Math.Sqrt(ofLearned * squared)) / Samples;
        }

        return new(tilt, task.WorstConcentrability, ofOptimal, loss, gap, bound);
    }

    private static double[] Behaviour(TabularTask task, double tilt)
    {
        double[] log = [.. task.Optimal.Select(l => (1 - tilt) * l)];
        double total = TokenTree.LogSumExp(log);
        return [.. log.Select(l => Math.Exp(l - total))];
    }

    /// <summary>Squared errors of several rewards of a sequence are those of their mean, but for a constant.</summary>
    private static TabularTask Sampled(TabularTask task, int sample)
    {
        Random random = new(100 + sample);
        int[] count = new int[task.Data.Length];
        double[] sum = new double[count.Length];
        for (int i = 0; i < Trajectories; i++)
        {
            int n = Pick(task.Data, random.NextDouble());
            count[n]++;
            sum[n] += random.NextDouble() < task.Rewards[n] ? 1 : 0;
        }

        return task with
        {
            Data = [.. count.Select(c => (double)c / Trajectories)],
            Rewards = [.. sum.Select((s, n) => count[n] == 0 ? 0 : s / count[n])],
        };
    }

    private static int Pick(double[] probabilities, double u)
    {
        int n = 0;
        while (n < probabilities.Length - 1 && (u -= probabilities[n]) > 0)
        {
            n++;
        }

        return n;
    }
}
