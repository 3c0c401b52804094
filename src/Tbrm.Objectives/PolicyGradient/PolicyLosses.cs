using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using Tbrm.Core.Errors;

namespace Tbrm.Objectives.PolicyGradient;

/// <summary>The policy losses by verl's <c>policy_loss.loss_mode</c>: every class of this assembly that is an
/// <see cref="IPolicyLossEntry"/>.</summary>
public static class PolicyLosses
{
    private static readonly SortedDictionary<string, Type> s_types = Collect();

    /// <summary>The names, sorted.</summary>
    public static IReadOnlyCollection<string> Names => s_types.Keys;

    /// <summary>The one that verl takes where nobody names one.</summary>
    public static string Default => VanillaLoss.LossMode;

    /// <summary>Whether a loss aggregates in a way of its own where nobody says how.</summary>
    public static bool HasOwnAggregation(string name) =>
        s_types.ContainsKey(name) && Create(name).Aggregation != Create(Default).Aggregation;

    /// <summary>One line about each.</summary>
    public static string SummaryOf(string name) => Read(s_types[name], nameof(IPolicyLossEntry.Summary));

    /// <summary>Where each was published.</summary>
    public static string PaperOf(string name) => Read(s_types[name], nameof(IPolicyLossEntry.Paper));

    /// <summary>The loss of that name.</summary>
    /// <exception cref="ConfigException">There is none.</exception>
    public static IPolicyLoss Create(string name) => s_types.TryGetValue(name, out Type? type)
        ? (IPolicyLoss)Activator.CreateInstance(type)!
        : throw new ConfigException(
            $"loss_mode: expected one of {string.Join(", ", Names)}, found '{name}'{NearestName.Hint(name, Names)}");

    private static SortedDictionary<string, Type> Collect()
    {
        IEnumerable<Type> types = typeof(PolicyLosses).Assembly.GetTypes()
            .Where(t => t is { IsClass: true, IsAbstract: false } && t.IsAssignableTo(typeof(IPolicyLossEntry)));
        return new(types.ToDictionary(t => Read(t, nameof(IPolicyLossEntry.LossMode))), StringComparer.Ordinal);
    }

    private static string Read(Type type, string property) =>
        (string)type.GetProperty(property, BindingFlags.Public | BindingFlags.Static)!.GetValue(null)!;
}
