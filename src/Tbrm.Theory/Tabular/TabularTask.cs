using System;
using System.Linq;

namespace Tbrm.Theory.Tabular;

/// <summary>
/// A reward for every sequence, a reference policy, and a distribution of trajectories to learn from: everything that
/// the papers' statements are about, small enough to be summed over.
/// </summary>
/// <param name="Tree">All sequences.</param>
/// <param name="Beta">Reward units per nat, > 0.</param>
/// <param name="Reference">The reference's logits, [states, vocabulary].</param>
/// <param name="Rewards">r of every sequence.</param>
/// <param name="Data">mu of every sequence; sums to 1.</param>
public sealed record TabularTask(TokenTree Tree, double Beta, double[] Reference, double[] Rewards, double[] Data)
{
    private double[]? _optimal;

    /// <summary>A copy has an optimum of its own: what it changes may move it.</summary>
    private TabularTask(TabularTask other) =>
        (Tree, Beta, Reference, Rewards, Data) = (other.Tree, other.Beta, other.Reference, other.Rewards, other.Data);

    /// <summary>
    /// Rewards uniform in [0, 1], reference logits uniform in [-1, 1], and data whose weights are exp(-skew u) with u
    /// uniform in [0, 1]: full support however skewed.
    /// </summary>
    public static TabularTask Random(TokenTree tree, double beta, double skew, int seed = 7)
    {
        Random random = new(seed);
        double[] reference = Uniform(random, tree.TableSize, -1), rewards = Uniform(random, tree.SequenceCount, 0);
        double[] weights = [.. Uniform(random, tree.SequenceCount, 0).Select(u => Math.Exp(-skew * u))];
        double total = weights.Sum();
        return new(tree, beta, reference, rewards, [.. weights.Select(w => w / total)]);
    }

    /// <summary>log pi* of every sequence: pi* is pi_ref exp(r / beta) / Z.</summary>
    public double[] Optimal => _optimal ??= SolveFor();

    /// <summary>KL(pi* || pi) in nats of the policy of a table.</summary>
    public double KlFromOptimal(ReadOnlySpan<double> logits) => Kl(Optimal, Tree.LogProbabilities(logits));

    /// <summary>J(pi*) - J(pi), reward units, J = E[r] - beta KL(pi || pi_ref): it is beta KL(pi || pi*).</summary>
    public double Suboptimality(ReadOnlySpan<double> logits) => Beta * Kl(Tree.LogProbabilities(logits), Optimal);

    /// <summary>
    /// C(pi; mu) = sum_h (1 + chi^2(d_h of pi || d_h of mu)): over states of every depth, what the trajectory's change
    /// of measure costs (arXiv 2505.15311, Lemma 1 and Eq. 6).
    /// </summary>
    /// <param name="log">log pi of every sequence.</param>
    public double Concentrability(double[] log)
    {
        double sum = 0;
        for (int h = 1; h <= Tree.Horizon; h++)
        {
            double[] policy = new double[Tree.PrefixCount(h)], data = new double[policy.Length];
            for (int n = 0; n < Tree.SequenceCount; n++)
            {
                policy[Tree.Prefix(n, h)] += Math.Exp(log[n]);
                data[Tree.Prefix(n, h)] += Data[n];
            }

            sum += policy.Select((p, i) => p * p / data[i]).Sum();
        }

        return sum;
    }

    /// <summary>max over policies of C(pi; mu). It is convex in the policy, so a single sequence attains it.</summary>
    public double WorstConcentrability => Enumerable.Range(0, Tree.SequenceCount)
        .Max(n => Enumerable.Range(1, Tree.Horizon).Sum(h => 1 / DataOf(n, h)));

    private double[] SolveFor()
    {
        double[] log = [.. Tree.LogProbabilities(Reference).Select((l, n) => l + Rewards[n] / Beta)];
        double total = TokenTree.LogSumExp(log);
        return [.. log.Select(l => l - total)];
    }

    private double DataOf(int sequence, int h) =>
        Data.Where((_, n) => Tree.Prefix(n, h) == Tree.Prefix(sequence, h)).Sum();

    /// <summary>KL(p || q) of two lists of log-probabilities, nats; never below 0 by rounding.</summary>
    private static double Kl(double[] p, double[] q) =>
        Math.Max(0, p.Select((l, n) => Math.Exp(l) * (l - q[n])).Sum());

    private static double[] Uniform(Random random, int count, double low) =>
        [.. Enumerable.Range(0, count).Select(_ => low + (1 - low) * random.NextDouble())];
}
