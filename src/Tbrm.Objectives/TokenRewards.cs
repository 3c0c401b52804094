namespace Tbrm.Objectives;

/// <summary>Rewards per token.</summary>
internal static class TokenRewards
{
    /// <summary>Those that were given (0 in rows that do not count), or the outcome reward at the last row that
    /// counts.</summary>
    public static double[] Of(ObjectiveBatch batch)
    {
        double[] rewards = new double[batch.RowCount];
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            int last = -1;
            for (int i = begin; i < end; i++)
            {
                if (batch.Counts(i))
                {
                    last = i;
                    rewards[i] = batch.TokenRewards.Length > 0 ? batch.TokenRewards[i] : 0;
                }
            }

            if (batch.TokenRewards.Length == 0 && last >= 0)
            {
                rewards[last] = batch.RewardOf(b);
            }
        }

        return rewards;
    }
}
