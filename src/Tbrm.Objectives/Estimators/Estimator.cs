using System;
using System.Collections.Generic;
using System.Text.Json.Nodes;

namespace Tbrm.Objectives.Estimators;

/// <summary>One entry of the table of advantage estimators: what verl's <c>algorithm.adv_estimator</c>
/// selects.</summary>
public sealed record Estimator
{
    /// <summary>verl's word.</summary>
    public required string Name { get; init; }

    /// <summary>Other spellings.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>One line for help and documents.</summary>
    public required string Summary { get; init; }

    /// <summary>Where it was published.</summary>
    public required string Paper { get; init; }

    /// <summary>Whether verl takes it where nobody names one.</summary>
    public bool IsDefault { get; init; }

    /// <summary>A record with the options; its properties in snake_case are the options' names.</summary>
    public required Type Options { get; init; }

    /// <summary>The estimator, from its options.</summary>
    public required Func<JsonObject, IAdvantageEstimator> Create { get; init; }
}

/// <summary>A class with an entry of the table, which finds it by itself: a new estimator is one file.</summary>
public interface IEstimatorEntry
{
    /// <summary>The entry.</summary>
    static abstract Estimator Entry { get; }
}

/// <summary>The options of an estimator that has none.</summary>
public sealed record NoOptions;
