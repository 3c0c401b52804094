using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Objectives.Estimators;
using Tbrm.Objectives.Options;
using Tbrm.Objectives.PolicyGradient;

namespace Tbrm.Objectives;

/// <summary>Which keys of a configuration are options of algorithms, and which of them the selected one has.</summary>
public static class AlgorithmKeys
{
    private static readonly Dictionary<string, string[]> s_own =
        AlgorithmTable.Entries.Where(e => e.Section is not null)
        .GroupBy(e => e.Section!)
            .ToDictionary(g => g.Key, g => g.SelectMany(e => Names(e.Options)).Distinct().ToArray());

    private static readonly Dictionary<string, string[]> s_sections = new(s_own, StringComparer.Ordinal)
    {
        ["actor."] = Names(typeof(PolicyLossOptions)),
        ["actor.policy_loss."] = Names(typeof(PolicyLossOptions)),
        ["critic."] = Names(typeof(ValueLossOptions)),
        ["algorithm."] = [.. EstimatorTable.Entries.SelectMany(e => Names(e.Options)), "adv_estimator"],
    };

    /// <summary>
    /// Refuses keys that the selected algorithm has no use for: a clip range for TBRM, a beta for GRPO. Policy-gradient
    /// algorithms share their keys.
    /// </summary>
    /// <param name="config">The configuration.</param>
    /// <param name="given">Full names of the keys that the user gave for this very run.</param>
    /// <exception cref="ConfigException">There is one; the message names key and algorithm.</exception>
    public static void Check(RunConfig config, IEnumerable<string> given)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(given);
        Algorithm entry = AlgorithmTable.Find(config.Algorithm.Name);
        string[] own = entry.IsPolicyGradient ? [] : Names(entry.Options);
        string[] idle = [.. given.Where(key => Section(key) is { } section
            && !IsUsed(entry, own, section, key[section.Length..])).Distinct()];
        if (idle.Length > 0)
        {
            throw new ConfigException(
                $"{string.Join(", ", idle)}: algorithm.name={entry.Name} has no use for "
                    + $"{(idle.Length == 1 ? "it" : "them")}; leave {(idle.Length == 1 ? "it" : "them")} out, or name "
                    + "another algorithm");
        }
    }

    private static bool IsUsed(Algorithm entry, string[] own, string section, string leaf) => entry.IsPolicyGradient
        ? !s_own.ContainsKey(section)
        : own.Contains(leaf) && (section == entry.Section || !s_own.ContainsKey(section));

    /// <summary>The section whose option a key is; null when it is none's.</summary>
    private static string? Section(string key)
    {
        string section = key[..(key.LastIndexOf('.') + 1)];
        return s_sections.TryGetValue(section, out string[]? names) && names.Contains(key[section.Length..]) ? section
            : null;
    }

    private static string[] Names(Type record) => [.. OptionReader.NamesOf(record)];
}
