using System;

namespace Tbrm.Objectives.Estimators;

/// <summary>What estimators of an outcome reward share: one number per trajectory, on every row that counts.</summary>
internal static class Outcome
{
    /// <summary>Advantages and returns are the same number on every row that counts of a trajectory that is not
    /// dropped.</summary>
    public static AdvantageEstimate Spread(ObjectiveBatch batch, double[] perTrajectory)
    {
        double[] rows = new double[batch.RowCount];
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            for (int i = begin; i < end && !batch.IsDropped(b); i++)
            {
                rows[i] = batch.Counts(i) ? perTrajectory[b] : 0;
            }
        }

        return new(rows, rows);
    }

    /// <summary>A number per trajectory from its reward and its group's members.</summary>
    public static double[] PerTrajectory(ObjectiveBatch batch, Func<int, int[], double> advantage)
    {
        double[] all = new double[batch.TrajectoryCount];
        foreach (int[] members in Groups.Of(batch))
        {
            foreach (int b in members)
            {
                all[b] = advantage(b, members);
            }
        }

        return all;
    }

    /// <summary>sum of rewards from each row to the end, on rows that count (those that do not are passed
    /// over).</summary>
    public static double[] ReturnsToGo(ObjectiveBatch batch, double gamma)
    {
        double[] rewards = TokenRewards.Of(batch), returns = new double[batch.RowCount];
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            double running = 0;
            for (int i = end - 1; i >= begin; i--)
            {
                if (batch.Counts(i))
                {
                    returns[i] = running = rewards[i] + gamma * running;
                }
            }
        }

        return returns;
    }
}
