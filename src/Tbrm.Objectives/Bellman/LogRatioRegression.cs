using System;

namespace Tbrm.Objectives.Bellman;

/// <summary>
/// The form that A*-PO and its kin share: a squared residual per trajectory that is linear in the summed log-ratio,
/// loss = sum_b w_b f_b^2 with f_b = slope rho_b - target_b, so that d(log pi_h) = 2 w_b f_b slope on every row that
/// counts.
/// </summary>
internal static class LogRatioRegression
{
    /// <summary>Adds loss, gradient and residuals.</summary>
    public static ObjectiveResult Evaluate(ObjectiveBatch batch, double[] baseline, double slope,
        Func<int, double> target, bool entropy = false)
    {
        ObjectiveResult result = new(batch.RowCount, entropy) { Residual = new double[batch.TrajectoryCount] };
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            (int begin, int end) = batch.Actions(b);
            if (TrajectoryResidual.FirstAction(batch, begin, end) == end)
            {
                continue;
            }

            double rho = LogRatio(batch, baseline, b);
            double f = slope * rho - target(b);
            result.Residual[b] = f;
            if (!batch.IsDropped(b))
            {
                result.Loss += batch.WeightOf(b) * f * f;
                AddToEveryAction(batch, result, b, 2 * batch.WeightOf(b) * f * slope);
                result.Metrics.AddMean("actor/logprob_ratio_ref/mean", rho, 1);
            }
        }

        return result;
    }

    /// <summary>sum_h (log pi_h - baseline_h) over the rows that count, nats.</summary>
    public static double LogRatio(ObjectiveBatch batch, double[] baseline, int b)
    {
        (int begin, int end) = batch.Actions(b);
        double rho = 0;
        for (int i = begin; i < end; i++)
        {
            rho += batch.Counts(i) ? batch.LogPi(i) - baseline[i] : 0;
        }

        return rho;
    }

    /// <summary>d(log pi_h) += d for every row of trajectory b that counts.</summary>
    public static void AddToEveryAction(ObjectiveBatch batch, ObjectiveResult result, int b, double d)
    {
        (int begin, int end) = batch.Actions(b);
        for (int i = begin; i < end; i++)
        {
            if (batch.Counts(i))
            {
                result.AddLogp(i, d);
            }
        }
    }
}
