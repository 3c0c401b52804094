using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Reflection;
using Tbrm.Core.Config;
using Tbrm.Training.Config;

namespace Tbrm.Training.Reports;

/// <summary>One key of a resolved configuration.</summary>
internal sealed record ConfigRow(string Key, string Value, string Default)
{
    /// <summary>Whether the run chose another value than the one that the key has by itself.</summary>
    public bool IsChanged => Value != Default;
}

/// <summary>A configuration as rows, sections in the order of the record.</summary>
internal static class ConfigTable
{
    /// <summary>Read once: a report is written again and again while a run goes on.</summary>
    private static readonly Lazy<(string Name, RunConfig Config)[]> s_bases = new(() =>
        [("the defaults", new RunConfig()),
            .. ConfigLoader.Presets.Select(p => ("preset " + p, ConfigLoader.Load(p, [])))]);

    /// <summary>Beside the preset, or the plain defaults, that it differs least from.</summary>
    public static (string Base, IReadOnlyList<ConfigRow> Rows) Nearest(RunConfig config)
    {
        return s_bases.Value.Select(b => (b.Name, Rows: Of(config, b.Config)))
            .MinBy(b => b.Rows.Count(r => r.IsChanged));
    }

    /// <summary>Every key of a configuration with its value there and in another.</summary>
    public static IReadOnlyList<ConfigRow> Of(RunConfig config, RunConfig defaults)
    {
        List<ConfigRow> rows = [];
        Add(rows, "", config, defaults);
        // Every run has a folder of its own.
        return [.. rows.Where(r => r.Key != "trainer.run_dir")];
    }

    private static void Add(List<ConfigRow> rows, string prefix, object section, object defaults)
    {
        foreach (PropertyInfo property in section.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.CanWrite))
        {
            string key = prefix + ConfigSchema.Snake(property.Name);
            object? value = property.GetValue(section), standard = property.GetValue(defaults);
            if (ConfigSchema.IsSection(property.PropertyType))
            {
                Add(rows, key + ".", value!, standard!);
            }
            else
            {
                rows.Add(new(key, Text(value), Text(standard)));
            }
        }
    }

    private static string Text(object? value) => value switch
    {
        null => "null",
        string text => text,
        bool flag => flag ? "true" : "false",
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        TaskShareConfig share => string.Create(CultureInfo.InvariantCulture, $"{share.Name}: {share.Weight}")
            + (share.Params.Count > 0 ? $" ({Text(share.Params)})" : ""),
        Dictionary<string, string> map => string.Join(", ", map.Select(p => p.Key + ": " + p.Value)),
        IEnumerable list => string.Join(", ", list.Cast<object?>().Select(Text)),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => throw new InvalidOperationException($"no text for {value.GetType()}"),
    };
}
