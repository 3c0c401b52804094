using System.Collections.Generic;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>The covariance of advantage and log-probability at each token, arXiv 2505.22617, over the whole
/// mini-batch.</summary>
internal static class Covariance
{
    /// <summary>The rows that count, and (A - mean A)(log pi - mean log pi) of each.</summary>
    public static (List<int> Rows, double[] Values) Of(ObjectiveBatch batch)
    {
        List<int> rows = [];
        double advantages = 0, logps = 0;
        batch.ForEachRow(i =>
        {
            rows.Add(i);
            advantages += batch.Advantages[i];
            logps += batch.LogPi(i);
        });
        double[] values = new double[rows.Count];
        for (int k = 0; k < values.Length; k++)
        {
            values[k] = (batch.Advantages[rows[k]] - advantages / rows.Count) * (
                batch.LogPi(rows[k]) - logps / rows.Count);
        }

        return (rows, values);
    }
}
