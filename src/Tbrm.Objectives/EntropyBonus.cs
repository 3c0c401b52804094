namespace Tbrm.Objectives;

/// <summary>The entropy bonus: loss -= coefficient * sum_i w_i H_i.</summary>
internal static class EntropyBonus
{
    public static void Add(ObjectiveBatch batch, ObjectiveResult result, double[] weights, double coefficient)
    {
        double entropy = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] != 0)
            {
                entropy += weights[i] * batch.H[i];
                result.DH[i] -= coefficient * weights[i];
            }
        }

        result.Loss -= coefficient * entropy;
        result.Metrics.AddSum("actor/entropy_loss", entropy);
    }
}
