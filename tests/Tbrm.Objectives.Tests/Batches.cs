using System;
using System.Linq;

namespace Tbrm.Objectives.Tests;

/// <summary>Random micro-batches whose numbers are multiples of 1/64, so that sums and finite differences of them are exact in fp64.</summary>
internal static class Batches
{
    public static ObjectiveBatch Random(int seed, int trajectories = 7, int maxLength = 9, bool bootstrap = false)
    {
        Random random = new(seed);
        float Draw(double low, double high) => (float)(Math.Round((low + (high - low) * random.NextDouble()) * 64) / 64);
        float[] Many(long n, double low, double high) => [.. Enumerable.Range(0, (int)n).Select(_ => Draw(low, high))];
        long[] offsets = new long[trajectories + 1];
        for (int b = 0; b < trajectories; b++)
        {
            // The second trajectory is empty, the third has one token; a truncated one has a row more than actions.
            offsets[b + 1] = offsets[b] + (b == 1 ? 0 : b == 2 ? 1 : random.Next(2, maxLength + 1));
        }

        long rows = offsets[^1];
        return new()
        {
            RowOffsets = offsets,
            Q = Many(rows, -4, 12),
            V = Many(rows, 8, 20),
            RefLogp = Many(rows, -9, 0),
            RefV1 = Many(trajectories, 8, 20),
            Reward = [.. Enumerable.Range(0, trajectories).Select(b => (float)(b % 2))],
            Weight = [.. Enumerable.Range(0, trajectories).Select(b => b == 3 ? 0f : 0.125f)],
            Bootstrap = bootstrap ? [.. Enumerable.Range(0, trajectories).Select(b => b >= 4 && b % 2 == 0)] : [],
        };
    }

    public static ObjectiveBatch With(this ObjectiveBatch batch, string array, int row, float delta)
    {
        float[] q = [.. batch.Q], v = [.. batch.V];
        (array == "Q" ? q : v)[row] += delta;
        return batch with { Q = q, V = v };
    }
}
