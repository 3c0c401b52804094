using System;
using System.Collections.Generic;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Objectives.Estimators;
using Tbrm.Objectives.Options;
using Tbrm.Objectives.Rollout;

namespace Tbrm.Objectives;

/// <summary>The algorithm that a configuration selects, with its parts made from their options.</summary>
/// <param name="Entry">The entry of the table.</param>
/// <param name="Objective">The objective of the policy.</param>
/// <param name="Estimator">Where advantages and returns come from; null when the objective needs none.</param>
/// <param name="Critic">The objective of the critic; null when none is trained.</param>
/// <param name="KlPenalty">Which KL estimate is subtracted from the reward; null: none.</param>
/// <param name="Correction">What is done about a rollout whose policy is not the trainer's.</param>
public sealed record AlgorithmSelection(
    Algorithm Entry, IObjective Objective, IAdvantageEstimator? Estimator, IObjective? Critic, string? KlPenalty,
        RolloutCorrection Correction)
{
    /// <summary>What a step must have computed, for all parts together; what the estimator itself provides is left
    /// out.</summary>
    public Needs Needs => (Objective.Needs | (Estimator?.Needs ?? Needs.None) | (Critic?.Needs ?? Needs.None)
        | (KlPenalty is not null ? Needs.OldLogp | Needs.ReferenceLogp : Needs.None) | (Correction.IsActive
            ? Needs.OldLogp | Needs.RolloutLogp : Needs.None))
        & ~(Estimator is null ? Needs.None : Needs.Advantages | Needs.Returns);

    /// <summary>Whether a reference policy is asked for anything: log-probs, values, or answers for V*.</summary>
    public bool NeedsReference => (Needs & (Needs.ReferenceLogp | Needs.ReferenceValue | Needs.VStar)) != 0;

    /// <summary>Whether the rollout's log-probs stand for those before the first update.</summary>
    public bool IsBypass { get; init; }

    /// <summary>The trained models: <c>actor</c>, and <c>critic</c> where values are needed.</summary>
    public IReadOnlyList<string> Models => Critic is null ? ["actor"] : ["actor", "critic"];

    /// <summary>Reads section <c>algorithm</c>, and of <c>actor</c> and <c>critic</c> what is the
    /// objective's.</summary>
    /// <exception cref="ConfigException">No such algorithm, an option that it does not have, or a value that it cannot
    /// use.</exception>
    public static AlgorithmSelection Of(RunConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Algorithm entry = AlgorithmOptions.EntryOf(config);
        IObjective objective = entry.Objective(AlgorithmOptions.OfObjective(config, entry));
        IAdvantageEstimator? estimator = objective as IAdvantageEstimator;
        if (entry.AdvEstimator is not null)
        {
            Estimator one = EstimatorTable.Find(
                config.Algorithm.AdvEstimator.Length > 0 ? config.Algorithm.AdvEstimator : entry.AdvEstimator);
            estimator = one.Create(AlgorithmOptions.OfEstimator(config, entry, one));
        }

        // In bypass mode the loss corrects, with the policy of each update.
        bool lossCorrects = AlgorithmOptions.IsBypass(config, entry);
        RolloutCorrection correction = new(lossCorrects ? new() : config.Algorithm.RolloutCorrection);
        Require(config, entry, estimator is not null || !config.Algorithm.UseKlInReward, "algorithm.use_kl_in_reward");
        Require(config, entry, entry.IsPolicyGradient || entry.CanWeigh || !correction.IsActive,
            "algorithm.rollout_correction");
        bool critic = estimator?.Needs.HasFlag(Needs.Values) == true;
        return new(entry, objective, estimator,
            critic ? new ValueLoss(OptionReader.Read<ValueLossOptions>(AlgorithmOptions.OfCritic(config), "critic"))
            : null,
            config.Algorithm.UseKlInReward ? config.Algorithm.KlPenalty : null, correction)
        { IsBypass = lossCorrects || config.Algorithm.RolloutCorrection.BypassMode };
    }

    private static void Require(RunConfig config, Algorithm entry, bool condition, string key)
    {
        if (!condition)
        {
            throw new ConfigException(
                $"{key} has no meaning for algorithm.name={config.Algorithm.Name}: {entry.Name} takes no advantages");
        }
    }
}
