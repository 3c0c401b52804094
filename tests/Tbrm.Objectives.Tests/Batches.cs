using System;
using System.Linq;

namespace Tbrm.Objectives.Tests;

/// <summary>Random batches. Trajectory 1 has no row; where there is a mask, one trajectory has no row that
/// counts.</summary>
internal static class Batches
{
    public static ObjectiveBatch Random(int seed, int trajectories = 8, int maxLength = 9, bool bootstrap = false,
        bool mask = false)
    {
        Random random = new(seed);
        double Uniform(double low, double high) => low + (high - low) * random.NextDouble();
        double[] Many(long n, double low, double high) =>
            [.. Enumerable.Range(0, (int)n).Select(_ => Uniform(low, high))];
        long[] offsets = new long[trajectories + 1];
        for (int b = 0; b < trajectories; b++)
        {
            offsets[b + 1] = offsets[b] + (b == 1 ? 0 : b == 2 ? 1 : random.Next(2, maxLength + 1));
        }

        long rows = offsets[^1];
        double[] v = Many(rows, 8, 20), logp = Many(rows, -3, -0.05);
        return new()
        {
            RowOffsets = offsets,
            Q = [.. v.Zip(logp, (value, l) => value + l)],
            V = v,
            H = Many(rows, 0.1, 3),
            Mask = mask ? [.. Enumerable.Range(0, (int)rows).Select(i => i >= offsets[3] && random.Next(4) > 0)] : [],
            RefLogp = Many(rows, -3, -0.05),
            RefV1 = Many(trajectories, 8, 20),
            RefVEnd = Many(trajectories, 8, 20),
            // Near log pi, so that ratios lie within and outside of the clip range.
            OldLogp = [.. logp.Select(l => Math.Min(l + Uniform(-0.6, 0.6), -0.01))],
            RolloutLogp = [.. logp.Select(l => Math.Min(l + Uniform(-0.3, 0.3), -0.01))],
            Values = Many(rows, -1, 1),
            OldValues = Many(rows, -1, 1),
            Returns = Many(rows, -1, 1),
            Advantages = Many(rows, -2, 2),
            SumPiSquared = Many(rows, 0, 1),
            Rewards = [.. Enumerable.Range(0, trajectories).Select(b => b % 3 * 0.5)],
            BaselineRewards = Many(trajectories, 0, 1),
            Group = [.. Enumerable.Range(0, trajectories).Select(b => b / 4)],
            VStar = Many(trajectories, 0, 1),
            VFrozen = Many(trajectories, 8, 20),
            Weight = [.. Enumerable.Range(0, trajectories).Select(b => b == 3 ? 0 : 1.0 / (trajectories - 1))],
            Bootstrap = bootstrap ? [.. Enumerable.Range(0, trajectories).Select(b => b >= 4 && b % 2 == 0)] : [],
        };
    }
}
