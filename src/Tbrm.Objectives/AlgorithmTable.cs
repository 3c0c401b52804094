using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Plugins;
using Tbrm.Objectives.Bellman;
using Tbrm.Objectives.Estimators;
using Tbrm.Objectives.PolicyGradient;

namespace Tbrm.Objectives;

/// <summary>
/// The algorithms by name: the entries of every class of this assembly that is an <see cref="IAlgorithmEntry"/>, and a
/// user's own by
/// <c>assembly:My.dll#My.Loss</c>. Words of the configuration, help and documents derive from it.
/// </summary>
public static class AlgorithmTable
{
    private const string AssemblyPrefix = "assembly:";

    /// <summary>The entries, by name.</summary>
    public static IReadOnlyList<Algorithm> Entries { get; } =
        [.. Collect().OrderBy(e => e.Name, StringComparer.Ordinal)];

    /// <summary>The names, without other spellings.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Entries.Select(e => e.Name)];

    /// <summary>What a configuration without a name or a word of verl's means.</summary>
    public static string DefaultName { get; } = new AlgorithmConfig().Name;

    /// <summary>The names of those that learn from trajectories of any policy: nobody has to know what it thought of
    /// them.</summary>
    public static IReadOnlyList<string> OfAnyPolicy { get; } = [.. Entries.Where(e => !e.IsPolicyGradient
        && (e.Objective([]).Needs & (Needs.OldLogp | Needs.OldIsSampler | Needs.RolloutLogp)) == 0)
            .Select(e => e.Name)];

    /// <summary>How reports call an algorithm: its title, the class of a user's own, and the beta of a Bellman
    /// residual.</summary>
    public static string DescriptionOf(AlgorithmConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Algorithm? entry = Entries.FirstOrDefault(e => e.Name == config.Name || e.Aliases.Contains(config.Name));
        string title = entry?.Title ?? config.Name[(config.Name.LastIndexOfAny(['#', '.']) + 1)..];
        return entry?.Options == typeof(BellmanOptions) ? FormattableString.Invariant($"{title}, β {config.Tbrm.Beta}")
            : title;
    }

    /// <summary>The entry of a name or another spelling of it, or of a user's class.</summary>
    /// <exception cref="ConfigException">There is none; the message names the nearest.</exception>
    public static Algorithm Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.StartsWith(AssemblyPrefix, StringComparison.Ordinal) ? FromAssembly(name)
            : Entries.FirstOrDefault(e => e.Name == name) ?? Entries.FirstOrDefault(e => e.Aliases.Contains(name))
            ?? throw new ConfigException(
                "algorithm.name: there is no algorithm "
                    + $"'{name}'{NearestName.Hint(name, Entries.SelectMany(e => e.Aliases.Prepend(e.Name)))}"
                + $" (all: {string.Join(", ", Names)}; or assembly:FILE.dll#Namespace.Class)");
    }

    /// <summary>A name as it is, but the file of a user's own class with its full path: a run may go on from another
    /// folder.</summary>
    public static string Absolute(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!name.StartsWith(AssemblyPrefix, StringComparison.Ordinal))
        {
            return name;
        }

        int hash = name.IndexOf('#', StringComparison.Ordinal);
        string file = name[AssemblyPrefix.Length..(hash < 0 ? name.Length : hash)];
        return file.Length == 0 ? name
            : AssemblyPrefix + System.IO.Path.GetFullPath(file) + (hash < 0 ? "" : name[hash..]);
    }

    /// <summary>
    /// The entry that verl's two words select: the one with both, or, where none has, that of the estimator with the
    /// other loss. Empty words are
    /// verl's defaults.
    /// </summary>
    public static Algorithm FindByWords(string advEstimator, string lossMode)
    {
        Estimator estimator = advEstimator.Length > 0 ? EstimatorTable.Find(advEstimator) : EstimatorTable.Default;
        string loss = lossMode.Length > 0 ? lossMode : PolicyLosses.Default;
        _ = PolicyLosses.Create(loss);
        // The plain entry of an estimator comes first, not a variant of it with other defaults.
        Algorithm[] own = [.. Entries.Where(e => e.AdvEstimator == estimator.Name).OrderBy(e => e.Defaults.Count)
            .ThenBy(e => e.Name != estimator.Name)];
        return own.FirstOrDefault(e => e.LossMode == loss) ?? own[0];
    }

    private static IEnumerable<Algorithm> Collect() => typeof(AlgorithmTable).Assembly.GetTypes()
        .Where(t => t is { IsClass: true, IsAbstract: false } && t.IsAssignableTo(typeof(IAlgorithmEntry)))
        .SelectMany(t =>
            (IReadOnlyList<Algorithm>)t.GetProperty(nameof(IAlgorithmEntry.Entries),
            BindingFlags.Public | BindingFlags.Static)!.GetValue(null)!);

    /// <summary>A class of the user's is an entry like any other; its options are its own, and its advantages too when
    /// it is an estimator as well.</summary>
    private static Algorithm FromAssembly(string name)
    {
        PluginType type = PluginType.Find(name[AssemblyPrefix.Length..], typeof(IObjective), "algorithm.name");
        return new()
        {
            Name = name,
            Label = type.Type.Name,
            Summary = $"{type.Type.FullName} of {type.Path}",
            Paper = "",
            Options = typeof(JsonObject),
            Objective = o => (IObjective)type.Create(o),
        };
    }
}
