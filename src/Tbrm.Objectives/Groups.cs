using System;
using System.Collections.Generic;

namespace Tbrm.Objectives;

/// <summary>The trajectories of a batch by prompt, in order of appearance; dropped ones belong to no group.</summary>
internal static class Groups
{
    public static IEnumerable<int[]> Of(ObjectiveBatch batch)
    {
        List<List<int>> groups = [];
        Dictionary<int, List<int>> byNumber = [];
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            if (batch.IsDropped(b))
            {
                continue;
            }

            if (!byNumber.TryGetValue(batch.Group[b], out List<int>? members))
            {
                groups.Add(members = byNumber[batch.Group[b]] = []);
            }

            members.Add(b);
        }

        return groups.ConvertAll(g => g.ToArray());
    }

    /// <summary>The mean of the members' rewards; of equal ones exactly that reward, not the rounding of their
    /// sum.</summary>
    public static double Mean(ObjectiveBatch batch, int[] members)
    {
        double first = batch.RewardOf(members[0]), sum = 0;
        foreach (int b in members)
        {
            sum += batch.RewardOf(b) - first;
        }

        return first + sum / members.Length;
    }

    /// <summary>The standard deviation of the members' rewards, n - 1 in the denominator.</summary>
    public static double Deviation(ObjectiveBatch batch, int[] members)
    {
        double mean = Mean(batch, members), squares = 0;
        foreach (int b in members)
        {
            squares += Math.Pow(batch.RewardOf(b) - mean, 2);
        }

        return Math.Sqrt(squares / (members.Length - 1));
    }
}
