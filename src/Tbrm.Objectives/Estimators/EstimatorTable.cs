using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using Tbrm.Core.Errors;

namespace Tbrm.Objectives.Estimators;

/// <summary>The advantage estimators by name: every class of this assembly that is an
/// <see cref="IEstimatorEntry"/>.</summary>
public static class EstimatorTable
{
    /// <summary>The entries, by name.</summary>
    public static IReadOnlyList<Estimator> Entries { get; } =
        [.. Collect().OrderBy(e => e.Name, StringComparer.Ordinal)];

    /// <summary>The names, other spellings included.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Entries.SelectMany(e => e.Aliases.Prepend(e.Name))];

    /// <summary>The one that verl takes where nobody names one.</summary>
    public static Estimator Default { get; } = Entries.Single(e => e.IsDefault);

    /// <summary>The estimator of that name.</summary>
    /// <exception cref="ConfigException">There is none.</exception>
    public static Estimator Find(string name) => Entries.FirstOrDefault(e => e.Name == name || e.Aliases.Contains(name))
        ?? throw new ConfigException(
            $"adv_estimator: expected one of {string.Join(", ", Names)}, found "
                + $"'{name}'{NearestName.Hint(name, Names)}");

    private static IEnumerable<Estimator> Collect() => typeof(EstimatorTable).Assembly.GetTypes()
        .Where(t => t is { IsClass: true, IsAbstract: false } && t.IsAssignableTo(typeof(IEstimatorEntry)))
        .Select(t => (Estimator)t.GetProperty(nameof(IEstimatorEntry.Entry),
            BindingFlags.Public | BindingFlags.Static)!.GetValue(null)!);
}
