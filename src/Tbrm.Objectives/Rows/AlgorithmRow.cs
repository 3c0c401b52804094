using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Objectives.Estimators;
using Tbrm.Objectives.Kl;
using Tbrm.Objectives.Options;
using Tbrm.Objectives.PolicyGradient;
using Tbrm.Objectives.Rollout;

namespace Tbrm.Objectives.Rows;

/// <summary>A row with an algorithm: advantages (unless given), loss and gradients.</summary>
internal static class AlgorithmRow
{
    private const string ValueLossName = "value_loss", SftName = "sft";

    public static JsonObject Evaluate(RowFields fields, string name, JsonObject parameters)
    {
        ObjectiveBatch batch = RowBatch.Read(fields);
        fields.RefuseOthers();
        JsonObject answer = [];
        IObjective objective;
        if (name == ValueLossName)
        {
            objective = new ValueLoss(OptionReader.Read<ValueLossOptions>(parameters, name));
        }
        else if (name == SftName)
        {
            _ = OptionReader.Read<NoOptions>(parameters, name);
            objective = new SftObjective();
        }
        else
        {
            Algorithm entry = AlgorithmTable.Find(name);
            PolicyGradientRow parts = new(entry, parameters);
            objective = parts.Objective;
            batch = parts.Prepare(batch, answer);
        }

        if (objective.Needs.HasFlag(Needs.Logits) && !fields.Has("Q"))
        {
            throw new DataException(
                $"{fields.Where}: {name} needs Q and V of every token; log pi alone does not tell V(s_1)");
        }

        if (!objective.Needs.HasFlag(Needs.Values) && batch.Q.Length != batch.RowCount)
        {
            throw new DataException($"{fields.Where}: {name} needs logp, or Q and V");
        }

        ObjectiveResult result = objective.Evaluate(objective.Prepare(batch));
        Write(fields, answer, batch, result);
        // A batch without trajectories has a list of residuals too, an empty one.
        if (result.Residual.Length > 0
            || (batch.TrajectoryCount == 0 && objective is not (PolicyGradientObjective or ValueLoss or SftObjective)))
        {
            answer["residual"] = RowNumbers.ToJson(result.Residual);
        }

        return answer;
    }

    private static void Write(RowFields fields, JsonObject answer, ObjectiveBatch batch, ObjectiveResult result)
    {
        JsonArray Rows(double[] rows) =>
            RowNumbers.ToJson(rows.Length == 0 ? new double[batch.RowCount] : rows, batch.RowOffsets);
        answer["loss"] = RowNumbers.ToJson(result.Loss);
        if (fields.Has("logp"))
        {
            answer["d_logp"] = Rows(result.DQ);
        }

        if (fields.Has("Q"))
        {
            answer["dQ"] = Rows(result.DQ);
            answer["dV"] = Rows(result.DV);
        }

        if (fields.Has("H"))
        {
            answer["dH"] = Rows(result.DH);
        }

        if (fields.Has("values"))
        {
            answer["d_values"] = Rows(result.DValues);
        }

        JsonObject metrics = answer["metrics"] as JsonObject ?? [];
        foreach ((string metric, double value) in result.Metrics.Values)
        {
            metrics[metric] = RowNumbers.ToJson(value);
        }

        answer["metrics"] = metrics;
    }
}

/// <summary>What a row's parameters may say besides those of objective and estimator.</summary>
internal sealed record StepOptions
{
    /// <summary>verl's word; the algorithm's own when empty.</summary>
    public string AdvEstimator { get; init; } = "";

    /// <summary>Subtracts the KL to the reference from the token rewards before advantages are estimated.</summary>
    public bool UseKlInReward { get; init; }

    /// <summary>Which estimate.</summary>
    public string KlPenalty { get; init; } = "kl";

    /// <summary>Its weight.</summary>
    public double KlCoef { get; init; } = 0.001;
}

/// <summary>An algorithm's parts from one flat set of parameters.</summary>
internal sealed class PolicyGradientRow
{
    private readonly IAdvantageEstimator? _estimator;
    private readonly StepOptions _step = new();
    private readonly RolloutCorrection? _correction;
    private readonly bool _isBypass;

    public PolicyGradientRow(Algorithm entry, JsonObject parameters)
    {
        if (!entry.IsPolicyGradient)
        {
            Objective = entry.Objective(Copy(parameters, _ => true));
            _estimator = Objective as IAdvantageEstimator;
            return;
        }

        JsonObject all = Copy(parameters, _ => true);
        foreach ((string name, JsonNode value) in entry.Defaults)
        {
            all.TryAdd(name, value.DeepClone());
        }

        all.TryAdd("loss_mode", entry.LossMode);
        _step = OptionReader.Read<StepOptions>(
            Copy(all, OptionReader.NamesOf(typeof(StepOptions)).Contains), entry.Name);
        Estimator estimator =
            EstimatorTable.Find(_step.AdvEstimator.Length > 0 ? _step.AdvEstimator : entry.AdvEstimator!);
        JsonObject correction = Copy(all, OptionReader.NamesOf(typeof(RolloutCorrectionConfig)).Contains);
        RolloutCorrectionConfig config = OptionReader.Read<RolloutCorrectionConfig>(correction, entry.Name);
        string loss = (string?)all["loss_mode"] ?? "";
        _isBypass = config.BypassMode || loss == BypassModeLoss.LossMode;
        if (_isBypass && loss == PolicyLosses.Default)
        {
            all["loss_mode"] = BypassModeLoss.LossMode;
        }

        bool lossCorrects = (string?)all["loss_mode"] == BypassModeLoss.LossMode;
        _correction = correction.Count > 0 && !lossCorrects ? new(config) : null;
        HashSet<string> others =
            [.. OptionReader.NamesOf(typeof(StepOptions)), .. OptionReader.NamesOf(typeof(RolloutCorrectionConfig))];
        HashSet<string> own =
            [.. OptionReader.NamesOf(entry.Options).Where(name => lossCorrects || !others.Contains(name))],
            ofEstimator = [.. OptionReader.NamesOf(estimator.Options)];
        // What nobody has is refused by the objective's reader, which names the nearest.
        Objective = entry.Objective(
            Copy(all, name => own.Contains(name) || !(others.Contains(name) || ofEstimator.Contains(name))));
        _estimator = estimator.Create(Copy(all, ofEstimator.Contains));
    }

    public IObjective Objective { get; }

    /// <summary>Adds what the step would add before the update; advantages that were given stay.</summary>
    public ObjectiveBatch Prepare(ObjectiveBatch batch, JsonObject answer)
    {
        ObjectiveBatch prepared = _isBypass && batch.RolloutLogp.Length > 0 ? batch with { OldLogp = batch.RolloutLogp }
            : batch;
        if (_correction is { IsActive: true })
        {
            (prepared, IReadOnlyDictionary<string, double> metrics) = _correction.Apply(prepared);
            answer["metrics"] = new JsonObject(
                metrics.Select(m => KeyValuePair.Create(m.Key, RowNumbers.ToJson(m.Value))));
        }

        if (!Objective.Needs.HasFlag(Needs.Advantages) || batch.Advantages.Length > 0 || _estimator is null
            || batch.RowCount == 0)
        {
            return prepared;
        }

        if (_step.UseKlInReward)
        {
            (prepared, _) = KlInReward.Apply(prepared, _step.KlPenalty, _step.KlCoef);
        }

        AdvantageEstimate estimate = _estimator.Estimate(prepared);
        answer["advantages"] = RowNumbers.ToJson(estimate.Advantages, batch.RowOffsets);
        answer["returns"] = RowNumbers.ToJson(estimate.Returns, batch.RowOffsets);
        return prepared with { Advantages = estimate.Advantages, Returns = estimate.Returns };
    }

    private static JsonObject Copy(JsonObject options, Func<string, bool> wanted) =>
        new(options.Where(o => wanted(o.Key)).Select(o => KeyValuePair.Create(o.Key, o.Value?.DeepClone())));
}
