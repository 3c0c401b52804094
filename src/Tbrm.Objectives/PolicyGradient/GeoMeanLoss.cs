using System;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>
/// GMPO, arXiv 2507.20673: -A exp(mean_t clip(log pi - log pi_old)), a geometric mean of clipped ratios, clipped in the
/// direction that the
/// advantage pushes; A is the mean advantage of the sequence. The mean runs over all sequences. Importance weights of
/// the rollout enter by
/// their geometric mean.
/// </summary>
public sealed class GeoMeanLoss : IPolicyLoss, IPolicyLossEntry
{
    private const double LeastWeight = 1e-10;

    /// <inheritdoc/>
    public static string LossMode => "geo_mean";

    /// <inheritdoc/>
    public static string Summary => "geometric mean of clipped ratios";

    /// <inheritdoc/>
    public static string Paper => "arXiv 2507.20673";

    /// <inheritdoc/>
    public string Aggregation => LossAggregation.SequenceMean;

    /// <inheritdoc/>
    public void Evaluate(ObjectiveBatch batch, PolicyLossOptions options, PolicyLossRows rows)
    {
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            if (!batch.IsDropped(b))
            {
                AddSequence(batch, options, rows, b);
            }
        }
    }

    private static void AddSequence(ObjectiveBatch batch, PolicyLossOptions options, PolicyLossRows rows, int b)
    {
        (int begin, int end) = batch.Actions(b);
        double sum = 0, advantage = 0, weights = 0;
        int count = 0;
        for (int i = begin; i < end; i++)
        {
            if (batch.Counts(i))
            {
                sum += Clipped(batch, options, i).Log;
                advantage += batch.Advantages[i];
                weights += batch.RolloutWeights.Length > 0 ? Math.Log(batch.RolloutWeights[i] + LeastWeight) : 0;
                count++;
            }
        }

        double n = Math.Max(count, 1), loss = -advantage / n * Math.Exp(sum / n) * Math.Exp(weights / n);
        for (int i = begin; i < end; i++)
        {
            if (!batch.Counts(i))
            {
                continue;
            }

            (_, bool follows, bool outside) = Clipped(batch, options, i);
            // The objective multiplies by the row's own weight, which is already in the geometric mean.
            double own = batch.RolloutWeights.Length > 0 ? batch.RolloutWeights[i] : 1;
            rows.Loss[i] = own == 0 ? 0 : loss / own;
            rows.Derivative[i] = follows && own != 0 ? loss / own : 0;
            rows.Metrics.AddMean("actor/pg_clipfrac", outside && batch.Advantages[i] > 0 ? 1 : 0, 1);
            rows.Metrics.AddMean("actor/pg_clipfrac_lower", outside && batch.Advantages[i] < 0 ? 1 : 0, 1);
            rows.Metrics.AddMean("actor/ppo_kl", batch.OldLogp[i] - batch.LogPi(i), 1);
        }
    }

    /// <summary>The clipped log-ratio, whether it follows log pi, and whether the log-ratio is outside of the
    /// bounds.</summary>
    private static (double Log, bool Follows, bool Outside) Clipped(ObjectiveBatch batch, PolicyLossOptions options,
        int i)
    {
        double log = batch.LogPi(i) - batch.OldLogp[i], clamped = Math.Clamp(log, -options.Low, options.High);
        int sign = Math.Sign(batch.Advantages[i]);
        bool outside = log != clamped, bounded = sign * clamped < sign * log;
        // Without an advantage the ratio is 1, as sign(0) makes it in verl.
        return (sign == 0 ? 0 : bounded ? clamped : log, sign != 0 && !bounded, outside);
    }
}
