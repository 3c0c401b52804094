using System;
using System.Linq;

namespace Tbrm.Objectives.Checks;

/// <summary>A random batch with every column, for checks: trajectory 1 has no row, the last but one is
/// dropped.</summary>
public static class RandomBatch
{
    private const int Trajectories = 8, LongestResponse = 9, GroupSize = 4;

    /// <summary>A batch.</summary>
    /// <param name="seed">Decides it.</param>
    /// <param name="logits">Q and V as of logits; otherwise V is 0 and Q is log pi.</param>
    public static ObjectiveBatch Create(int seed, bool logits)
    {
        Random random = new(seed);
        double Uniform(double low, double high) => low + (high - low) * random.NextDouble();
        double[] Many(long n, double low, double high) =>
            [.. Enumerable.Range(0, (int)n).Select(_ => Uniform(low, high))];
        long[] offsets = new long[Trajectories + 1];
        for (int b = 0; b < Trajectories; b++)
        {
            offsets[b + 1] = offsets[b] + (b == 1 ? 0 : random.Next(1, LongestResponse + 1));
        }

        long rows = offsets[^1];
        double[] logp = Many(rows, -3, -0.05), v = logits ? Many(rows, 8, 20) : new double[rows];
        return new()
        {
            RowOffsets = offsets,
            Q = [.. v.Zip(logp, (value, l) => value + l)],
            V = v,
            H = Many(rows, 0.1, 3),
            Mask = [.. Enumerable.Range(0, (int)rows).Select(_ => random.Next(5) > 0)],
            RefLogp = Many(rows, -3, -0.05),
            RefV1 = Many(Trajectories, 8, 20),
            // Near log pi, so that ratios lie within and outside of what is clipped.
            OldLogp = [.. logp.Select(l => Math.Min(l + Uniform(-0.6, 0.6), -0.01))],
            RolloutLogp = [.. logp.Select(l => Math.Min(l + Uniform(-0.3, 0.3), -0.01))],
            Values = Many(rows, -1, 1),
            OldValues = Many(rows, -1, 1),
            Returns = Many(rows, -1, 1),
            Advantages = Many(rows, -2, 2),
            SumPiSquared = Many(rows, 0, 1),
            Rewards = Many(Trajectories, 0, 1),
            BaselineRewards = Many(Trajectories, 0, 1),
            Group = [.. Enumerable.Range(0, Trajectories).Select(b => b / GroupSize)],
            VStar = Many(Trajectories, 0, 1),
            VFrozen = Many(Trajectories, 8, 20),
            Weight = [.. Enumerable.Range(0, Trajectories)
                .Select(b => b == Trajectories - 2 ? 0 : 1.0 / (Trajectories - 1))],
        };
    }

    /// <summary>NaN in every column of the rows that do not count.</summary>
    public static ObjectiveBatch Poisoned(ObjectiveBatch batch)
    {
        double[] Spoil(double[] all) => all.Length == 0 ? all
            : [.. all.Select((x, i) => batch.Counts(i) ? x : double.NaN)];
        return batch with
        {
            Q = Spoil(batch.Q),
            V = Spoil(batch.V),
            H = Spoil(batch.H),
            RefLogp = Spoil(batch.RefLogp),
            OldLogp = Spoil(batch.OldLogp),
            RolloutLogp = Spoil(batch.RolloutLogp),
            Values = Spoil(batch.Values),
            OldValues = Spoil(batch.OldValues),
            Returns = Spoil(batch.Returns),
            Advantages = Spoil(batch.Advantages),
            SumPiSquared = Spoil(batch.SumPiSquared),
        };
    }
}
