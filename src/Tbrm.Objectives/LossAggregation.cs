using System;
using System.Collections.Generic;
using Tbrm.Core.Errors;

namespace Tbrm.Objectives;

/// <summary>
/// verl's <c>loss_agg_mode</c>: how a loss per token becomes one number. Every mode is a weighted sum over rows, so a
/// weight per row says it
/// all; counts are those of the whole mini-batch (verl's default divides by each micro-batch's own count, which makes
/// the result depend on the
/// cut). <c>prompt-mean</c> is not verl's: the mean over prompts of the mean over the tokens of all their responses
/// (ScaleRL, arXiv 2510.13786; SkyRL's
/// prompt_mean), a prompt without a row that counts being none. verl and NeMo-RL add 1e-8 to some of the counts; here
/// nothing is added, and a batch without rows that count gives 0.
/// </summary>
public static class LossAggregation
{
    /// <summary>The modes.</summary>
    public static IReadOnlyList<string> Modes { get; } =
        ["token-mean", "token-sum", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm",
        "prompt-mean"];

    /// <summary>
    /// Of GMPO alone: a number per sequence, its mean over all sequences, also over those without a row that counts.
    /// </summary>
    internal const string SequenceMean = "seq-mean";

    /// <summary>The mode that compares prompts: a mini-batch of it holds whole groups.</summary>
    public const string PromptMean = "prompt-mean";

    /// <summary>The weight of every row: 0 in rows that do not count.</summary>
    /// <param name="batch">The rows.</param>
    /// <param name="mode">One of <see cref="Modes"/>.</param>
    /// <param name="scaleFactor">Divisor of seq-mean-token-sum-norm; null: <see cref="BatchTotals.Horizon"/>, Dr.GRPO's
    /// longest response.</param>
    /// <exception cref="ConfigException">There is no such mode.</exception>
    public static double[] RowWeights(ObjectiveBatch batch, string mode, double? scaleFactor = null)
    {
        ArgumentNullException.ThrowIfNull(batch);
        BatchTotals totals = batch.WholeTotals();
        double[] weights = new double[batch.RowCount];
        for (int b = 0; b < batch.TrajectoryCount; b++)
        {
            if (batch.IsDropped(b))
            {
                continue;
            }

            (int begin, int end) = batch.Actions(b);
            int own = 0;
            for (int i = begin; i < end; i++)
            {
                own += batch.Counts(i) ? 1 : 0;
            }

            double weight = own == 0 ? 0 : mode == PromptMean ? PromptWeight(batch, totals, b)
                : Weight(mode, totals, own, scaleFactor);
            for (int i = begin; i < end; i++)
            {
                weights[i] = batch.Counts(i) ? weight : 0;
            }
        }

        return weights;
    }

    private static double PromptWeight(ObjectiveBatch batch, BatchTotals totals, int b) => batch.Group.Length > 0
        ? 1.0 / totals.GroupTokens.Count / totals.GroupTokens[batch.Group[b]]
        : throw new ConfigException(
            "loss_agg_mode=prompt-mean needs to know which trajectories answer the same prompt (group)");

    private static double Weight(string mode, BatchTotals totals, int own, double? scaleFactor) => mode switch
    {
        "token-mean" => 1.0 / totals.Tokens,
        "token-sum" => 1,
        "seq-mean-token-sum" => 1.0 / totals.Sequences,
        "seq-mean-token-mean" => 1.0 / totals.Sequences / own,
        "seq-mean-token-sum-norm" => 1.0 / totals.Sequences / (scaleFactor ?? totals.Horizon),
        SequenceMean => 1.0 / totals.Trajectories / own,
        _ => throw new ConfigException(
            $"loss_agg_mode: expected one of {string.Join(", ", Modes)}, found "
                + $"'{mode}'{NearestName.Hint(mode, Modes)}"),
    };
}
