using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Reflection;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using YamlDotNet.RepresentationModel;

namespace Tbrm.Training.Config.Verl;

/// <summary>Entries as this program's keys, and what became of each of verl's.</summary>
/// <param name="Entries">Exact, derived, and those that nobody knows.</param>
/// <param name="Keys">What became of the known ones, in order.</param>
/// <param name="Refused">Those that cannot be: where each was written, and why.</param>
public sealed record VerlTranslation(
    IReadOnlyList<ConfigEntry> Entries, IReadOnlyList<VerlKey> Keys, IReadOnlyList<string> Refused)
{
    /// <summary>Metric sinks that verl has and this program has not; a list that names one keeps the others.</summary>
    private static readonly string[] s_foreignSinks =
        ["wandb", "mlflow", "swanlab", "vemlp_wandb", "clearml", "trackio", "rl_logging_board"];

    /// <summary>Applies verl's vocabulary to entries of a file or command line.</summary>
    public static VerlTranslation Of(IReadOnlyList<ConfigEntry> entries)
    {
        List<ConfigEntry> kept = [];
        List<VerlKey> keys = [];
        List<string> refused = [];
        // The last of each: where a key has this program's own name.
        Dictionary<string, int> given = [];
        for (int i = 0; i < entries.Count; i++)
        {
            given[ConfigSchema.Canonical(entries[i].Path)] = i;
        }

        Dictionary<string, ConfigEntry> derived = [];
        for (int i = 0; i < entries.Count; i++)
        {
            ConfigEntry entry = entries[i];
            string key = ConfigSchema.Canonical(entry.Path);
            if (ConfigSchema.Keys.TryGetValue(key, out PropertyInfo[]? chain))
            {
                Exact(entry, key, chain[^1], kept, keys);
            }
            else if (MapEntries.MapOf(entry.Path) is not null)
            {
                keys.Add(new(key, VerlVocabulary.Text(entry.Value), VerlUse.Exact, ""));
                kept.Add(entry);
            }
            else if (ConfigSchema.IsSection(key) || VerlVocabulary.Find(key, entry.Value) is not { } found)
            {
                kept.Add(entry);
            }
            else if (found.Use == VerlUse.Derived && given.TryGetValue(found.Text, out int at)
                && (at > i || entries[at].Source == entry.Source))
            {
                RefuseTwoNames(entries[at], entry, found.Text, refused);
                keys.Add(found with { Use = VerlUse.NoEffect, Text = $"{found.Text} is given and decides" });
            }
            else
            {
                keys.Add(found);
                if (found.Use == VerlUse.Derived)
                {
                    if (derived.TryGetValue(found.Text, out ConfigEntry? other) && other.Path != entry.Path)
                    {
                        RefuseTwoNames(other, entry, found.Text, refused);
                    }

                    derived[found.Text] = entry;
                    kept.Add(new(found.Text, OwnWord(entry.Value), entry.Where));
                }
                else if (found.Use == VerlUse.Refused)
                {
                    refused.Add($"{entry.Where}: {entry.Path}={found.Value}: {found.Text}");
                }
            }
        }

        return new(kept, keys, refused);
    }

    /// <summary>One paragraph about the keys without effect, grouped by reason; empty when there are none.</summary>
    public string Notice()
    {
        List<VerlKey> idle = [.. Keys.Where(k => k.Use == VerlUse.NoEffect)];
        return idle.Count == 0 ? ""
            : string.Create(CultureInfo.InvariantCulture, $"{idle.Count} of verl's keys have no effect here:\n")
            + string.Join('\n', idle.GroupBy(k => k.Text)
                .Select(g => $"  {string.Join(", ", g.Select(k => k.Key).Distinct())}: {g.Key}"));
    }

    private static void Exact(ConfigEntry entry, string key, PropertyInfo property, List<ConfigEntry> kept,
        List<VerlKey> keys)
    {
        string text = VerlVocabulary.Text(entry.Value);
        if (text.Length == 0 && TakesNoNull(property) && entry.Value is YamlScalarNode { Value: not (null or "") })
        {
            keys.Add(new(key, "null", VerlUse.NoEffect, "null leaves what holds without the key"));
        }
        else if (key == "trainer.logger" && entry.Value is YamlSequenceNode sinks && sinks.Children.Any(IsForeign))
        {
            string foreign = string.Join(", ", sinks.Children.Where(IsForeign).Select(VerlVocabulary.Text));
            keys.Add(new(key, text, VerlUse.Exact, ""));
            keys.Add(new(key, foreign, VerlUse.NoEffect,
                $"no {foreign} here; metrics go to metrics.jsonl and TensorBoard files"));
            YamlNode[] own = [.. sinks.Children.Where(s => !IsForeign(s))];
            kept.Add(entry with
            {
                Value = new YamlSequenceNode(
                [.. own, new YamlScalarNode("file"), new YamlScalarNode("tensorboard")])
            });
        }
        else
        {
            keys.Add(new(key, text, VerlUse.Exact, ""));
            kept.Add(entry);
        }
    }

    /// <summary>A number that must be given, or one of several words.</summary>
    private static bool TakesNoNull(PropertyInfo property) => property.PropertyType.IsValueType
        ? Nullable.GetUnderlyingType(property.PropertyType) is null
        : property.GetCustomAttribute<AllowedWordsAttribute>() is { } words && !words.Words.Contains("");

    /// <summary>PyTorch's names of types as this program spells them.</summary>
    private static YamlNode OwnWord(YamlNode value) => value is not YamlScalarNode scalar ? value : scalar.Value switch
    {
        "bfloat16" => new YamlScalarNode("bf16"),
        "float32" => new YamlScalarNode("fp32"),
        _ => value,
    };

    /// <summary>Whether two names of a key are given one value, as this program spells it.</summary>
    private static bool IsSame(ConfigEntry one, ConfigEntry other, string key)
    {
        try
        {
            object? Read(ConfigEntry entry) => ConfigValue.Convert(ConfigSchema.Find(key, entry.Where)[^1],
                new(key, OwnWord(entry.Value), entry.Where));
            return Equals(Read(one), Read(other)) || one.Value.ToString() == other.Value.ToString();
        }
        catch (ConfigException)
        {
            return one.Value.ToString() == other.Value.ToString();
        }
    }

    /// <summary>Within one file, or on the command line: of two places the later one counts.</summary>
    private static void RefuseTwoNames(ConfigEntry one, ConfigEntry other, string key, List<string> refused)
    {
        if (one.Source == other.Source && !IsSame(one, other, key))
        {
            refused.Add($"{other.Where}: {one.Path} and {other.Path} are one key here ({key}) and given different "
                + "values; give it once");
        }
    }

    private static bool IsForeign(YamlNode sink) => sink is YamlScalarNode { Value: string name }
        && s_foreignSinks.Contains(name);
}
