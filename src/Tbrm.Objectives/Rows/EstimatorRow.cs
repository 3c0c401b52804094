using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Objectives.Bellman;
using Tbrm.Objectives.Estimators;
using Tbrm.Objectives.Kl;
using Tbrm.Objectives.Options;
using Tbrm.Objectives.Rollout;

namespace Tbrm.Objectives.Rows;

/// <summary>A row with an estimator alone: advantages, or one of the further numbers that a step is made of.</summary>
internal static class EstimatorRow
{
    private static readonly Dictionary<string, Func<RowFields, JsonObject, JsonObject>> s_others =
        new(StringComparer.Ordinal)
        {
            ["kl"] = Kl,
            ["adaptive_kl"] = AdaptiveKl,
            ["fixed_kl"] = AdaptiveKl,
            ["agg_loss"] = AggregateLoss,
            ["v_star"] = VStar,
            ["rollout_is"] = RolloutIs,
            ["rollout_probs_diff"] = RolloutProbsDiff,
        };

    /// <summary>Names that are no advantage estimators.</summary>
    public static IReadOnlyCollection<string> Others => s_others.Keys;

    public static JsonObject Evaluate(RowFields fields, string name, JsonObject parameters)
    {
        if (s_others.TryGetValue(name, out Func<RowFields, JsonObject, JsonObject>? other))
        {
            return other(fields, parameters);
        }

        if (!EstimatorTable.Names.Contains(name))
        {
            string[] all = [.. EstimatorTable.Names, .. s_others.Keys];
            throw new DataException(
                $"{fields.Where}: estimator: expected one of {string.Join(", ", all)}, found "
                    + $"'{name}'{NearestName.Hint(name, all)}");
        }

        IAdvantageEstimator estimator = EstimatorTable.Find(name).Create(parameters);
        ObjectiveBatch batch = RowBatch.Read(fields);
        fields.RefuseOthers();
        if (batch.RowCount > 0 && batch.TokenRewards.Length == 0 && batch.Rewards.Length == 0)
        {
            throw new DataException($"{fields.Where}: {name} needs rewards or token_rewards");
        }

        AdvantageEstimate estimate = estimator.Estimate(batch);
        return new()
        {
            ["advantages"] = RowNumbers.ToJson(estimate.Advantages, batch.RowOffsets),
            ["returns"] = RowNumbers.ToJson(estimate.Returns, batch.RowOffsets),
        };
    }

    private sealed record KlOptions
    {
        public string KlPenalty { get; init; } = "kl";
    }

    /// <summary>The estimate per token and its derivative; a mask between 0 and 1 scales, one of 0 gives 0 whatever
    /// stands there.</summary>
    private static JsonObject Kl(RowFields fields, JsonObject parameters)
    {
        string penalty = OptionReader.Read<KlOptions>(parameters, "kl").KlPenalty;
        ObjectiveBatch batch = RowBatch.Read(fields);
        double[] mask = [.. (fields.PerToken("mask") ?? []).SelectMany(m => m)];
        fields.RefuseOthers();
        batch.Check(Needs.ReferenceLogp);
        Require(fields, batch.Q.Length == batch.RowCount, "kl needs logp");
        double[] kl = new double[batch.RowCount], derivative = new double[batch.RowCount];
        for (int i = 0; i < kl.Length; i++)
        {
            if (batch.Counts(i))
            {
                (double value, double d) = KlEstimator.Of(penalty, batch.LogPi(i), batch.RefLogp[i]);
                double scale = mask.Length > 0 ? mask[i] : 1;
                (kl[i], derivative[i]) = (scale * value, scale * d);
            }
        }

        return new()
        {
            ["kl"] = RowNumbers.ToJson(kl, batch.RowOffsets),
            ["d_logp"] = RowNumbers.ToJson(derivative, batch.RowOffsets)
        };
    }

    private sealed record AdaptiveKlOptions
    {
        public double KlCoef { get; init; } = 0.001;

        public double? TargetKl { get; init; }

        [AllowedRange(0, 1e12, ExclusiveMinimum = true)]
        public double Horizon { get; init; } = 10_000;
    }

    private static JsonObject AdaptiveKl(RowFields fields, JsonObject parameters)
    {
        AdaptiveKlOptions options = OptionReader.Read<AdaptiveKlOptions>(parameters, "adaptive_kl");
        bool isFixed = fields.Text("estimator") == "fixed_kl";
        KlController controller =
            new(options.KlCoef, isFixed ? null : options.TargetKl
            ?? throw new ConfigException("adaptive_kl needs target_kl"), options.Horizon);
        controller.Update(fields.Number("current_kl"), fields.Number("n_steps"));
        fields.RefuseOthers();
        return new() { ["kl_coef"] = RowNumbers.ToJson(controller.Coefficient) };
    }

    private sealed record AggregateOptions
    {
        public string LossAggMode { get; init; } = "token-mean";

        [AllowedRange(0, 1e12, ExclusiveMinimum = true)]
        public double? LossScaleFactor { get; init; }

        /// <summary>verl's counts of a global batch that this is a part of, and the ranks over which gradients are
        /// averaged.</summary>
        [AllowedRange(1, 1e12)]
        public double? BatchNumTokens { get; init; }

        [AllowedRange(1, 1e12)]
        public double? GlobalBatchSize { get; init; }

        [AllowedRange(1, 1e6)]
        public double DpSize { get; init; } = 1;
    }

    private static JsonObject AggregateLoss(RowFields fields, JsonObject parameters)
    {
        AggregateOptions options = OptionReader.Read<AggregateOptions>(parameters, "agg_loss");
        ObjectiveBatch batch = RowBatch.Read(fields, also: "loss_mat");
        fields.RefuseOthers();
        Require(fields, batch.Q.Length == batch.RowCount, "agg_loss needs loss_mat");
        BatchTotals own = BatchTotals.Of(batch);
        batch = batch with
        {
            Totals = own with
            {
                Tokens = (long?)options.BatchNumTokens ?? own.Tokens,
                Sequences = (int?)options.GlobalBatchSize ?? own.Sequences
            }
        };
        double[] weights = Array.ConvertAll(
            LossAggregation.RowWeights(batch, options.LossAggMode, options.LossScaleFactor), w => w * options.DpSize);
        double loss = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            loss += weights[i] != 0 ? weights[i] * batch.Q[i] : 0;
        }

        return new()
        {
            ["loss"] = RowNumbers.ToJson(loss),
            ["d_loss_mat"] = RowNumbers.ToJson(weights, batch.RowOffsets)
        };
    }

    private sealed record VStarOptions
    {
        public double Beta1 { get; init; } = 0.5;
    }

    /// <summary>One number; with groups, one per trajectory.</summary>
    private static JsonObject VStar(RowFields fields, JsonObject parameters)
    {
        double beta = OptionReader.Read<VStarOptions>(parameters, "v_star").Beta1;
        double[] rewards = fields.List("rewards");
        int[] groups = fields.Groups("group", rewards.Length);
        fields.RefuseOthers();
        return new()
        {
            ["v_star"] = groups.Length == 0 ? RowNumbers.ToJson(OptimalValue.Of(rewards, beta))
                : RowNumbers.ToJson(groups.Select(
                    g => OptimalValue.Of([.. rewards.Where((_, i) => groups[i] == g)], beta))),
        };
    }

    private static JsonObject RolloutIs(RowFields fields, JsonObject parameters)
    {
        RolloutCorrectionConfig config = OptionReader.Read<RolloutCorrectionConfig>(parameters, "rollout_is");
        ObjectiveBatch batch = RowBatch.Read(fields);
        fields.RefuseOthers();
        (ObjectiveBatch corrected, IReadOnlyDictionary<string, double> metrics) = new RolloutCorrection(config)
            .Apply(batch);
        double[] weights = corrected.RolloutWeights.Length > 0 ? corrected.RolloutWeights
            : [.. Enumerable.Range(0, batch.RowCount).Select(i => corrected.Counts(i) ? 1.0 : 0)];
        return new()
        {
            ["weights"] = RowNumbers.ToJson(weights, batch.RowOffsets),
            ["mask"] = RowNumbers.ToJson(
                [.. Enumerable.Range(0, batch.RowCount).Select(i => corrected.Counts(i) ? 1.0 : 0)], batch.RowOffsets),
            // With the prefix of verl's trainer, and by the names of the function alone.
            ["metrics"] = new JsonObject(
                metrics.SelectMany(m => new[] { m.Key, m.Key[(m.Key.IndexOf('/', StringComparison.Ordinal) + 1)..] }
                .Select(name => KeyValuePair.Create(name, RowNumbers.ToJson(m.Value))))),
        };
    }

    /// <summary>|exp(rollout_logp) - exp(logp)| over the tokens that count: mean, largest, deviation (n - 1), as verl
    /// reports it.</summary>
    private static JsonObject RolloutProbsDiff(RowFields fields, JsonObject parameters)
    {
        _ = OptionReader.Read<NoOptions>(parameters, "rollout_probs_diff");
        ObjectiveBatch batch = RowBatch.Read(fields);
        fields.RefuseOthers();
        batch.Check(Needs.RolloutLogp);
        Require(fields, batch.Q.Length == batch.RowCount, "rollout_probs_diff needs logp");
        List<double> differences = [];
        batch.ForEachRow(i => differences.Add(Math.Abs(Math.Exp(batch.RolloutLogp[i]) - Math.Exp(batch.LogPi(i)))));
        JsonObject metrics = new() { ["training/rollout_probs_diff_valid"] = differences.Count > 0 ? 1 : 0 };
        metrics["training/rollout_probs_diff_mean"] = differences.Count > 0 ? differences.Average() : 0.0;
        metrics["training/rollout_probs_diff_max"] = differences.Count > 0 ? RowNumbers.ToJson(differences.Max()) : 0.0;
        metrics["training/rollout_probs_diff_std"] = RowNumbers.ToJson(RowStatistics.Deviation(differences));
        return new() { ["metrics"] = metrics };
    }

    private static void Require(RowFields fields, bool condition, string message)
    {
        if (!condition)
        {
            throw new DataException($"{fields.Where}: {message}");
        }
    }
}
