using System;
using System.Collections.Concurrent;
using Tbrm.Tasks.Python;

namespace Tbrm.Training.Evaluation;

/// <summary>Mean and standard deviation over bootstrap draws.</summary>
public readonly record struct BootstrapEstimate(double Mean, double Std);

/// <summary>
/// verl's bootstrap of validation metrics: 1000 draws with replacement of k out of a problem's n responses. The
/// generator is seeded anew for
/// every problem, so the drawn indices depend on (n, k) alone and are kept. Agrees with verl to the last bit.
/// </summary>
public static class Bootstrap
{
    /// <summary>verl's number of draws.</summary>
    public const int Draws = 1000;

    private const uint Seed = 42;

    private static readonly ConcurrentDictionary<(int Responses, int Size), int[]> s_indices = new();

    /// <summary>The largest of k values: best@k.</summary>
    public static BootstrapEstimate Best(ReadOnlySpan<double> values, int size) => Extreme(values, size, Math.Max);

    /// <summary>The smallest of k values: worst@k.</summary>
    public static BootstrapEstimate Worst(ReadOnlySpan<double> values, int size) => Extreme(values, size, Math.Min);

    /// <summary>The value of the majority vote among k responses: maj@k. Of equally frequent votes the one seen first
    /// decides.</summary>
    /// <param name="values">One per response.</param>
    /// <param name="votes">One per response: equal answers have equal numbers, counted from 0.</param>
    /// <param name="size">k.</param>
    public static BootstrapEstimate Majority(ReadOnlySpan<double> values, ReadOnlySpan<int> votes, int size)
    {
        int[] indices = Indices(values.Length, size);
        double[] results = new double[Draws];
        double[] drawnValues = new double[size];
        int[] drawnVotes = new int[size];
        for (int draw = 0; draw < Draws; draw++)
        {
            for (int i = 0; i < size; i++)
            {
                int index = indices[(draw * size) + i];
                (drawnValues[i], drawnVotes[i]) = (values[index], votes[index]);
            }

            results[draw] = drawnValues[MajorityVote.Winner(drawnVotes)];
        }

        return Estimate(results);
    }

    private static BootstrapEstimate Extreme(ReadOnlySpan<double> values, int size, Func<double, double, double> better)
    {
        int[] indices = Indices(values.Length, size);
        double[] results = new double[Draws];
        for (int draw = 0; draw < Draws; draw++)
        {
            double best = values[indices[draw * size]];
            for (int i = 1; i < size; i++)
            {
                best = better(best, values[indices[(draw * size) + i]]);
            }

            results[draw] = best;
        }

        return Estimate(results);
    }

    private static BootstrapEstimate Estimate(double[] results) =>
        new(NumpyStatistics.Mean(results), NumpyStatistics.StandardDeviation(results));

    private static int[] Indices(int responses, int size) =>
        s_indices.GetOrAdd((responses, size),
            static key => new NumpyRandom(Seed).Choice(key.Responses, key.Size * Draws));
}
