using System;
using System.Collections.Generic;
using System.Linq;

namespace Tbrm.Objectives;

/// <summary>Numbers beside the loss, by verl's metric names, kept so that those of micro-batches add up to those of the
/// whole.</summary>
public sealed class ObjectiveMetrics
{
    private enum Kind
    {
        Mean,
        Sum,
        Max,
        Min,
    }

    private readonly Dictionary<string, (Kind Kind, double Sum, double Weight)> _entries = new(StringComparer.Ordinal);

    /// <summary>The names, sorted.</summary>
    public IEnumerable<string> Names => _entries.Keys.Order(StringComparer.Ordinal);

    /// <summary>Every number of the whole; a mean over nothing is 0.</summary>
    public IEnumerable<KeyValuePair<string, double>> Values =>
        Names.Select(name => KeyValuePair.Create(name, this[name]));

    /// <summary>The number of the whole.</summary>
    public double this[string name] => _entries[name] is { Kind: Kind.Mean } mean
        ? (mean.Weight == 0 ? 0 : mean.Sum / mean.Weight) : _entries[name].Sum;

    /// <summary>Adds to a mean: <paramref name="sum"/> over <paramref name="weight"/> items.</summary>
    public void AddMean(string name, double sum, double weight) => Add(name, Kind.Mean, sum, weight);

    /// <summary>Adds to a sum.</summary>
    public void AddSum(string name, double value) => Add(name, Kind.Sum, value, 1);

    /// <summary>Largest so far; a NaN stays.</summary>
    public void AddMax(string name, double value) => Add(name, Kind.Max, value, 1);

    /// <summary>Smallest so far; a NaN stays.</summary>
    public void AddMin(string name, double value) => Add(name, Kind.Min, value, 1);

    /// <summary>Adds the numbers of another micro-batch.</summary>
    public void Add(ObjectiveMetrics other)
    {
        foreach ((string name, (Kind kind, double sum, double weight)) in other._entries)
        {
            Add(name, kind, sum, weight);
        }
    }

    private void Add(string name, Kind kind, double value, double weight)
    {
        if (!_entries.TryGetValue(name, out (Kind Kind, double Sum, double Weight) old))
        {
            _entries[name] = (kind, value, weight);
            return;
        }

        if (old.Kind != kind)
        {
            throw new InvalidOperationException(
                $"metric {name} is a {old.Kind} in one micro-batch and a {kind} in another");
        }

        double merged = kind switch
        {
            Kind.Max => Math.Max(old.Sum, value),
            Kind.Min => Math.Min(old.Sum, value),
            _ => old.Sum + value,
        };
        _entries[name] = (kind, merged, old.Weight + weight);
    }
}
