using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using Tbrm.Core.Config;
using Tbrm.Tasks;
using Tbrm.Objectives;
using Tbrm.Objectives.Estimators;
using Tbrm.Training.Config;
using Tbrm.Verify;

namespace Tbrm.Cli.Completion;

/// <summary>What may follow the letters of a <c>key=value</c> word.</summary>
internal static class KeyCompletion
{
    /// <summary>Keys with their =, or a key with each value that has a name.</summary>
    public static IEnumerable<string> Of(string word)
    {
        int equals = word.IndexOf('=', StringComparison.Ordinal);
        return equals < 0
            ? ConfigSchema.Keys.Keys.Concat(ConfigSchema.Aliases).Select(k => k + "=")
            : Values(word[..equals]).Select(v => word[..(equals + 1)] + v);
    }

    private static IEnumerable<string> Values(string key)
    {
        string canonical = ConfigSchema.Canonical(key.TrimStart('+', '-'));
        return !ConfigSchema.Keys.TryGetValue(canonical, out PropertyInfo[]? chain) ? []
            : canonical switch
            {
                "data.task" => TaskRegistry.Names,
                "reward.grader" => ["auto", .. new GraderRegistry().Names],
                "algorithm.name" => AlgorithmTable.Names,
                "algorithm.adv_estimator" => EstimatorTable.Names,
                "trainer.device" => ["auto", "cpu", "cuda", "torch:cpu", "torch:cuda"],
                _ => chain[^1].PropertyType == typeof(bool) ? ["true", "false"]
                    : chain[^1].GetCustomAttribute<AllowedWordsAttribute>()?.Words.Where(w => w.Length > 0) ?? [],
            };
    }
}
