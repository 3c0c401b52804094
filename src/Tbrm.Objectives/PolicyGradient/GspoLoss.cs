using System;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>
/// GSPO, arXiv 2507.18071: the ratio of a sequence, s = exp(mean_t(log pi - log pi_old)), stands for every token's;
/// max(-A s, -A clip(s)), mean
/// over tokens, then over sequences. verl (followed by default) takes s as a constant times pi/sg[pi], so each token's
/// gradient is its own
/// advantage's; NeMo-RL differentiates the sequence's ratio, which spreads the gradient
/// (<c>gspo_gradient=sequence</c>). With one advantage
/// per sequence the two are equal. The exponent is clamped to 10 from above, as in verl.
/// </summary>
public sealed class GspoLoss : IPolicyLoss, IPolicyLossEntry
{
    private const double LargestExponent = 10;

    /// <inheritdoc/>
    public static string LossMode => "gspo";

    /// <inheritdoc/>
    public static string Summary => "clipped surrogate of the sequence's length-normalized ratio";

    /// <inheritdoc/>
    public static string Paper => "arXiv 2507.18071";

    /// <inheritdoc/>
    public string Aggregation => "seq-mean-token-mean";

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
        bool isToken = options.GspoGradient == "token";
        ObjectiveBatch constants = isToken ? batch.Constants : batch;
        double sum = 0;
        int count = 0;
        for (int i = begin; i < end; i++)
        {
            sum += batch.Counts(i) ? constants.LogPi(i) - batch.OldLogp[i] : 0;
            count += batch.Counts(i) ? 1 : 0;
        }

        double sequence = sum / Math.Max(count, 1), total = 0;
        for (int i = begin; i < end; i++)
        {
            if (!batch.Counts(i))
            {
                continue;
            }

            // pi / sg[pi] is 1; only its gradient is the token's.
            double log = batch.Frozen is null ? sequence
                : sequence + (batch.LogPi(i) - constants.LogPi(i)), s = Math.Exp(Math.Min(log, LargestExponent));
            (rows.Loss[i], double d, bool clipped) =
                Ratio.Pessimistic(batch.Advantages[i], s, log > LargestExponent ? 0 : s, options);
            rows.Derivative[i] = d;
            total += d;
            rows.Metrics.AddMean("actor/pg_clipfrac", clipped ? 1 : 0, 1);
            rows.Metrics.AddMean("actor/ppo_kl", batch.OldLogp[i] - batch.LogPi(i), 1);
            rows.Metrics.AddMean("actor/pg_clipfrac_lower", 0, 1);
        }

        for (int i = begin; i < end && !isToken; i++)
        {
            rows.Derivative[i] = batch.Counts(i) ? total / count : 0;
        }
    }
}
