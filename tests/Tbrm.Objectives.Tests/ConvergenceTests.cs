using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.Optimization;
using NUnit.Framework;

namespace Tbrm.Objectives.Tests;

/// <summary>
/// What the papers prove, on all sequences of a small vocabulary: minimised over fixed off-policy data of full support,
/// the residuals lead to
/// pi* = pi_ref exp(r/beta) / Z. A table of logits per prefix, fp64, L-BFGS. BRM gets there too: what it loses, it
/// loses with function approximation.
/// </summary>
internal sealed class ConvergenceTests
{
    private const int Vocabulary = 3, Horizon = 3;

    private static readonly int[][] s_sequences = [.. Enumerable.Range(0, (int)Math.Pow(Vocabulary, Horizon))
        .Select(n => Enumerable.Range(0, Horizon)
            .Select(h => n / (int)Math.Pow(Vocabulary, Horizon - 1 - h) % Vocabulary).ToArray())];

    [Test]
    public void Off_policy_data_of_full_support_lead_to_the_optimal_policy(
        [Values("tbrm", "reval", "brm")] string algorithm, [Values(1.0, 0.1, 0.02)] double beta,
            [Values(0.0, 6.0)] double skew)
    {
        Table table = new(algorithm, beta, skew);
        Vector<double> start = Vector<double>.Build.DenseOfArray(table.Reference);
        Assert.That(table.KlToOptimal(start), Is.GreaterThan(0.01), "the reference is not the optimum");
        // Restarted, as its line search gives up where the loss has no digits left.
        for (int round = 0; round < 40 && table.KlToOptimal(start) > 1e-12; round++)
        {
            start = Minimized(table, start);
        }

        Assert.That(table.KlToOptimal(start), Is.LessThan(1e-9));
    }

    [Test]
    public void The_two_arms_of_appendix_d_are_told_apart_by_the_trained_value_alone()
    {
        // Two functions, Q = (0, 0) and Q = (10, 0), beta 0.1, reward 1 for the first arm, uniform reference and data.
        double[][] members = [[0, 0], [10, 0]];
        double[] trained = [.. members.Select(q => Loss(q, LogSumExp(q)))];
        double[] frozen = [.. members.Select(q => Loss(q, LogSumExp(members[0])))];
        Assert.That(Array.IndexOf(trained, trained.Min()), Is.EqualTo(1), "TBRM takes the optimum");
        Assert.That(Array.IndexOf(frozen, frozen.Min()), Is.EqualTo(0),
            "with the value of the iterate before it stays where it began");

        double Loss(double[] q, double value) => Enumerable.Range(0, 2).Average(a =>
            Math.Pow(q[a] - LogSumExp(q) + value - Math.Log(0.5) - (a == 0 ? 1 / 0.1 : 0), 2));
    }

    private static Vector<double> Minimized(Table table, Vector<double> start)
    {
        Vector<double> best = start;
        double least = double.PositiveInfinity;
        (double Value, Vector<double> Gradient) Evaluated(Vector<double> x)
        {
            (double value, Vector<double> gradient) = table.Evaluate(x);
            (best, least) = value < least ? (x.Clone(), value) : (best, least);
            return (value, gradient);
        }

        try
        {
            _ = new LimitedMemoryBfgsMinimizer(1e-14, 1e-14, 1e-18, memory: 20, maximumIterations: 500)
                .FindMinimum(ObjectiveFunction.Gradient(Evaluated), start);
        }
        catch (OptimizationException)
        {
            // The best point so far is what counts.
        }

        return best;
    }

    private static double LogSumExp(IReadOnlyList<double> z) => z.Max() + Math.Log(z.Sum(x => Math.Exp(x - z.Max())));

    /// <summary>Logits of every prefix, with rewards, a reference and data of the same seed.</summary>
    private sealed class Table
    {
        private static readonly int[] s_first = [0, 1, 1 + Vocabulary];

        private readonly IObjective _objective;
        private readonly double[] _rewards, _data, _optimal, _referenceLogp;

        public Table(string algorithm, double beta, double skew)
        {
            Random random = new(7);
            _objective = AlgorithmTable.Find(algorithm).Objective(new JsonObject { ["beta"] = beta });
            Reference = [.. Enumerable.Range(0, (1 + Vocabulary + Vocabulary * Vocabulary) * Vocabulary)
                .Select(_ => 2 * random.NextDouble() - 1)];
            _rewards = [.. s_sequences.Select(_ => random.NextDouble())];
            double[] behaviour = [.. s_sequences.Select(_ => Math.Exp(-skew * random.NextDouble()))];
            _data = [.. behaviour.Select(w => w / behaviour.Sum())];
            _referenceLogp = [.. s_sequences.SelectMany(s => Enumerable.Range(0, Horizon)
                .Select(h => Q(Reference, s, h) - V(Reference, s, h)))];
            double[] log = [.. s_sequences.Select((s, b) => LogOf(Reference, s) + _rewards[b] / beta)];
            double total = LogSumExp(log);
            _optimal = [.. log.Select(l => l - total)];
        }

        public double[] Reference { get; }

        public double KlToOptimal(Vector<double> logits)
        {
            double[] z = logits.ToArray();
            return s_sequences.Select((s, b) => Math.Exp(_optimal[b]) * (_optimal[b] - LogOf(z, s))).Sum();
        }

        public (double Loss, Vector<double> Gradient) Evaluate(Vector<double> logits)
        {
            double[] z = logits.ToArray();
            ObjectiveBatch batch = new()
            {
                RowOffsets = [.. Enumerable.Range(0, s_sequences.Length + 1).Select(b => (long)b * Horizon)],
                Q = [.. s_sequences.SelectMany(s => Enumerable.Range(0, Horizon).Select(h => Q(z, s, h)))],
                V = [.. s_sequences.SelectMany(s => Enumerable.Range(0, Horizon).Select(h => V(z, s, h)))],
                RefLogp = _referenceLogp,
                RefV1 = [.. s_sequences.Select(s => V(Reference, s, 0))],
                Rewards = _rewards,
                Weight = _data,
            };
            ObjectiveResult result = _objective.Evaluate(batch);
            double[] gradient = new double[z.Length];
            for (int row = 0; row < batch.RowCount; row++)
            {
                int[] s = s_sequences[row / Horizon];
                int state = State(s, row % Horizon);
                gradient[state * Vocabulary + s[row % Horizon]] += result.DQ[row];
                for (int a = 0; a < Vocabulary; a++)
                {
                    gradient[state * Vocabulary
                        + a] += result.DV[row] * Math.Exp(z[state * Vocabulary + a] - batch.V[row]);
                }
            }

            return (result.Loss, Vector<double>.Build.DenseOfArray(gradient));
        }

        private static double LogOf(double[] z, int[] s) => Enumerable.Range(0, Horizon)
            .Sum(h => Q(z, s, h) - V(z, s, h));

        private static double Q(double[] z, int[] s, int h) => z[State(s, h) * Vocabulary + s[h]];

        private static double V(double[] z, int[] s, int h) =>
            LogSumExp(z.AsSpan(State(s, h) * Vocabulary, Vocabulary).ToArray());

        private static int State(int[] s, int h) => s_first[h]
            + (h == 0 ? 0 : h == 1 ? s[0] : s[0] * Vocabulary + s[1]);
    }
}
