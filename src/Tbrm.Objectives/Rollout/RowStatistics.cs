using System;
using System.Collections.Generic;

namespace Tbrm.Objectives.Rollout;

/// <summary>Statistics of numbers per row over the rows that count, and per trajectory.</summary>
internal static class RowStatistics
{
    /// <summary>The mean over all rows that count; 0 when there is none.</summary>
    public static double Mean(ObjectiveBatch batch, Func<int, double> value)
    {
        double sum = 0;
        long count = 0;
        batch.ForEachRow(i =>
        {
            sum += value(i);
            count++;
        });
        return count > 0 ? sum / count : 0;
    }

    /// <summary>Sum, count and largest of a trajectory's rows that count; largest is 0 when there is none.</summary>
    public static (double Sum, int Count, double Max) OfTrajectory(ObjectiveBatch batch, int b, Func<int, double> value)
    {
        (int begin, int end) = batch.Actions(b);
        double sum = 0, max = double.NegativeInfinity;
        int count = 0;
        for (int i = begin; i < end; i++)
        {
            if (batch.Counts(i))
            {
                double v = value(i);
                sum += v;
                max = Math.Max(max, v);
                count++;
            }
        }

        return (sum, count, count > 0 ? max : 0);
    }

    /// <summary>The trajectories that are not dropped and have a row that counts.</summary>
    public static List<int> Counted(ObjectiveBatch batch)
    {
        List<int> counted = [];
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            if (!batch.IsDropped(b) && OfTrajectory(batch, b, _ => 0).Count > 0)
            {
                counted.Add(b);
            }
        }

        return counted;
    }

    /// <summary>Standard deviation with n - 1; 0 of fewer than two.</summary>
    public static double Deviation(IReadOnlyList<double> values)
    {
        double mean = 0, squares = 0;
        foreach (double v in values)
        {
            mean += v / values.Count;
        }

        foreach (double v in values)
        {
            squares += (v - mean) * (v - mean);
        }

        return values.Count > 1 ? Math.Sqrt(squares / (values.Count - 1)) : 0;
    }
}
