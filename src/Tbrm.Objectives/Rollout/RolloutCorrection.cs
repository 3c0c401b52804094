using System;
using System.Collections.Generic;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;

namespace Tbrm.Objectives.Rollout;

/// <summary>
/// What verl's <c>algorithm.rollout_correction</c> does about a rollout whose policy is not the trainer's: importance
/// weights
/// (<see cref="ObjectiveBatch.RolloutWeights"/>) and rejection (<see cref="ObjectiveBatch.Mask"/>), over the whole
/// step. Policy losses multiply by the
/// weights; a row that is rejected is one that does not count.
/// </summary>
public sealed class RolloutCorrection
{
    private readonly RolloutImportance? _importance;
    private readonly RolloutRejection? _rejection;

    /// <summary>Reads the section.</summary>
    /// <exception cref="ConfigException">A threshold is missing or is none.</exception>
    public RolloutCorrection(RolloutCorrectionConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        _importance = config.RolloutIs.Length > 0
            ? new(config.RolloutIs, config.RolloutIsThreshold, config.RolloutIsBatchNormalize) : null;
        _rejection = config.RolloutRs.Length > 0 ? new(config.RolloutRs, config.RolloutRsThreshold) : null;
    }

    /// <summary>Whether there is anything to correct; the step need not call it otherwise.</summary>
    public bool IsActive => _importance is not null || _rejection is not null;

    /// <summary>The batch with weights and mask, and verl's metrics rollout_corr/*. Needs old and rollout
    /// log-probs.</summary>
    public (ObjectiveBatch Batch, IReadOnlyDictionary<string, double> Metrics) Apply(ObjectiveBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        batch.Check(Needs.OldLogp | Needs.RolloutLogp);
        SortedDictionary<string, double> metrics = new(StringComparer.Ordinal);
        ObjectiveBatch corrected = batch;
        if (_importance is not null)
        {
            (double[] weights, Dictionary<string, double> measured) = _importance.Weigh(batch);
            corrected = corrected with { RolloutWeights = weights };
            Add(metrics, measured);
        }

        if (_rejection is not null)
        {
            (bool[] mask, Dictionary<string, double> measured) = _rejection.Reject(batch);
            corrected = corrected with { Mask = mask, Totals = null };
            Add(metrics, measured);
        }

        Add(metrics, RolloutMismatch.Measure(batch));
        return (corrected, metrics);
    }

    private static void Add(SortedDictionary<string, double> metrics, Dictionary<string, double> measured)
    {
        foreach ((string name, double value) in measured)
        {
            metrics["rollout_corr/" + name] = value;
        }
    }
}
