using System;

namespace Tbrm.Objectives.Kl;

/// <summary>
/// The KL penalty in the reward (verl's <c>use_kl_in_reward</c>): token reward -= coefficient * KL(log pi_old, log
/// pi_ref). The outcome reward
/// stands at the last row that counts.
/// </summary>
public static class KlInReward
{
    /// <summary>The batch with penalized token rewards, and the mean KL of a trajectory's tokens, averaged over
    /// trajectories (verl's actor/reward_kl_penalty).</summary>
    public static (ObjectiveBatch Batch, double MeanKl) Apply(ObjectiveBatch batch, string estimator,
        double coefficient)
    {
        ArgumentNullException.ThrowIfNull(batch);
        batch.Check(Needs.OldLogp | Needs.ReferenceLogp);
        double[] rewards = [.. TokenRewards.Of(batch)];
        double sum = 0;
        int sequences = 0;
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            double own = 0;
            int count = 0;
            for (int i = begin; i < end; i++)
            {
                if (batch.Counts(i))
                {
                    double kl = KlEstimator.Of(estimator, batch.OldLogp[i], batch.RefLogp[i]).Value;
                    rewards[i] -= coefficient * kl;
                    own += kl;
                    count++;
                }
            }

            if (count > 0 && !batch.IsDropped(b))
            {
                sum += own / count;
                sequences++;
            }
        }

        return (batch with { TokenRewards = rewards, Rewards = [] }, sequences > 0 ? sum / sequences : 0);
    }
}
