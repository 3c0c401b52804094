using System;
using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.Optimization;

namespace Tbrm.Theory.Tabular;

/// <summary>Two ways down: one that finds the minimum to the last digits, and one that trainers take.</summary>
public static class Minimizers
{
    /// <summary>
    /// L-BFGS (MathNet.Numerics), restarted where its line search gives up because the loss has no digits left.
    /// </summary>
    /// <param name="loss">What to minimise.</param>
    /// <param name="start">Where to begin; stays as it is.</param>
    /// <param name="isEnough">Ends it; asked between restarts.</param>
    /// <returns>The best point, and how often loss and gradient were evaluated.</returns>
    public static (double[] Logits, int Evaluations) Lbfgs(TabularLoss loss, double[] start,
        Func<double[], bool> isEnough)
    {
        const int mostRounds = 40;
        Search search = new(loss, start);
        for (int round = 0; round < mostRounds && !isEnough(search.Best); round++)
        {
            double before = search.Least;
            search.Run();
            if (round > 0 && !(search.Least < before))
            {
                break;
            }
        }

        return (search.Best, search.Evaluations);
    }

    /// <summary>
    /// Adam (beta1 0.9, beta2 0.999, epsilon 1e-8) at a constant rate on the full gradient: no noise but the
    /// optimizer's own.
    /// </summary>
    /// <param name="loss">What to minimise.</param>
    /// <param name="start">Where to begin; stays as it is.</param>
    /// <param name="rate">The learning rate.</param>
    /// <param name="updates">The most updates.</param>
    /// <param name="after">Sees the logits after every update, counted from 1; true ends it.</param>
    public static void Adam(TabularLoss loss, double[] start, double rate, int updates,
        Func<int, double[], bool> after)
    {
        const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
        double[] z = [.. start], gradient = new double[z.Length], first = new double[z.Length],
            second = new double[z.Length];
        for (int t = 1; t <= updates; t++)
        {
            _ = loss.Evaluate(z, gradient);
            double scale1 = 1 - Math.Pow(beta1, t), scale2 = 1 - Math.Pow(beta2, t);
            for (int i = 0; i < z.Length; i++)
            {
                first[i] = beta1 * first[i] + (1 - beta1) * gradient[i];
                second[i] = beta2 * second[i] + (1 - beta2) * gradient[i] * gradient[i];
                z[i] -= rate * (first[i] / scale1) / (Math.Sqrt(second[i] / scale2) + epsilon);
            }

            if (after(t, z))
            {
                return;
            }
        }
    }

    /// <summary>One L-BFGS search after another, which remember the best point.</summary>
    private sealed class Search(TabularLoss loss, double[] start)
    {
        public double[] Best { get; private set; } = [.. start];

        public double Least { get; private set; } = double.PositiveInfinity;

        public int Evaluations { get; private set; }

        public void Run()
        {
            try
            {
                _ = new LimitedMemoryBfgsMinimizer(1e-14, 1e-14, 1e-18, memory: 20, maximumIterations: 500)
                    .FindMinimum(ObjectiveFunction.Gradient(Evaluated), Vector<double>.Build.DenseOfArray(Best));
            }
            catch (OptimizationException)
            {
                // The best point so far is what counts.
            }
        }

        private (double Value, Vector<double> Gradient) Evaluated(Vector<double> x)
        {
            Evaluations++;
            double[] z = x.ToArray(), gradient = new double[z.Length];
            double value = loss.Evaluate(z, gradient);
            (Best, Least) = value < Least ? (z, value) : (Best, Least);
            return (value, Vector<double>.Build.DenseOfArray(gradient));
        }
    }
}
