using System;
using System.Collections.Generic;
using System.Text.Json.Nodes;

namespace Tbrm.Objectives;

/// <summary>One entry of the table of algorithms: what <c>algorithm.name</c> selects, and what a step must do for
/// it.</summary>
public sealed record Algorithm
{
    /// <summary>The word for <c>algorithm.name</c>.</summary>
    public required string Name { get; init; }

    /// <summary>One line for help and documents.</summary>
    public required string Summary { get; init; }

    /// <summary>Where it was published.</summary>
    public required string Paper { get; init; }

    /// <summary>Other spellings of the name.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>verl's <c>algorithm.adv_estimator</c>: the estimator of a policy-gradient algorithm; null for
    /// others.</summary>
    public string? AdvEstimator { get; init; }

    /// <summary>verl's <c>actor.policy_loss.loss_mode</c>: the loss of a policy-gradient algorithm; null for
    /// others.</summary>
    public string? LossMode { get; init; }

    /// <summary>A record with the objective's options; its properties in snake_case are the options' names.</summary>
    public required Type Options { get; init; }

    /// <summary>The objective of the policy, from its options.</summary>
    public required Func<JsonObject, IObjective> Objective { get; init; }

    /// <summary>
    /// Values of other defaults than the options record's: options of this entry alone (Dr.GRPO does not divide by the
    /// standard deviation).
    /// What a user gives goes before them.
    /// </summary>
    public IReadOnlyDictionary<string, JsonNode> Defaults { get; init; } = new Dictionary<string, JsonNode>();

    /// <summary>The name as papers write it, for reports.</summary>
    public string Title { get => field ?? Label; init; }

    /// <summary>The section of the configuration that holds its options and nobody else's, with a dot behind; null: it
    /// has none, its
    /// options are <c>algorithm.options</c>.</summary>
    public string? Section { get; init; }

    /// <summary>Whether the residual of a truncated response may end in the value of its last state
    /// (<c>algorithm.tbrm.truncation=bootstrap</c>).</summary>
    public bool CanBootstrap { get; init; }

    /// <summary>Whether the loss is a sum over trajectories that know nothing of each other, so that each may have an
    /// importance weight (<c>algorithm.rollout_correction.rollout_is=sequence</c>).</summary>
    public bool CanWeigh { get; init; }

    /// <summary>Whether the residual of a response without reward is 0 where the policy is the reference (ReVal,
    /// Proposition 2), so that such responses are not pushed down from the start.</summary>
    public bool IsCalibrated { get; init; }

    /// <summary>A word for metric names and reports: the name, or the class of a user's own.</summary>
    public string Label { get => field ?? Name; init; }

    /// <summary>Whether the objective takes advantages from an estimator.</summary>
    public bool IsPolicyGradient => LossMode is not null;
}

/// <summary>A class with an entry of the table. The table finds it by itself: a new algorithm is one file.</summary>
public interface IAlgorithmEntry
{
    /// <summary>The entries that the class stands for.</summary>
    static abstract IReadOnlyList<Algorithm> Entries { get; }
}
