using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;

namespace Tbrm.Training.Reports;

/// <summary>A key that configurations do not agree in, with the value of each.</summary>
public sealed record ConfigDifference(string Key, IReadOnlyList<string> Values);

/// <summary>Where configurations differ.</summary>
public static class ConfigDifferences
{
    /// <summary>The keys in the order of a configuration file; trainer.run_dir, which every run has for itself, is left
    /// out.</summary>
    /// <param name="configs">Any number.</param>
    /// <param name="except">Further keys to leave out.</param>
    public static IReadOnlyList<ConfigDifference> Of(IReadOnlyList<RunConfig> configs,
        IReadOnlyCollection<string>? except = null)
    {
        if (configs.Count == 0)
        {
            return [];
        }

        IReadOnlyList<ConfigRow>[] rows = [.. configs.Select(c => ConfigTable.Of(c, configs[0]))];
        return [.. Enumerable.Range(0, rows[0].Count)
            .Where(i => rows.Any(r => r[i].IsChanged) && except?.Contains(rows[0][i].Key) != true)
            .Select(i => new ConfigDifference(rows[0][i].Key, [.. rows.Select(r => r[i].Value)]))];
    }
}
