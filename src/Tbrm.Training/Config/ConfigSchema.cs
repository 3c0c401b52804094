using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Text;
using Tbrm.Core;

namespace Tbrm.Training;

/// <summary>The keys that exist, by reflection over <see cref="RunConfig"/>: a property is a key, a record is a section.</summary>
public static class ConfigSchema
{
    /// <summary>Other spellings: verl's long prefix, and short names for what is set most often.</summary>
    private static readonly Dictionary<string, string> s_aliases = new(StringComparer.Ordinal)
    {
        ["model"] = "model.path",
        ["task"] = "data.task",
        ["lr"] = "actor.optim.lr",
        ["beta"] = "algorithm.tbrm.beta",
        ["n"] = "rollout.n",
        ["steps"] = "trainer.total_training_steps",
        ["device"] = "trainer.device",
        ["threads"] = "trainer.threads",
        ["seed"] = "trainer.seed",
        ["run_dir"] = "trainer.run_dir",
    };

    private static readonly Lazy<SortedDictionary<string, PropertyInfo[]>> s_keys = new(Collect);

    /// <summary>Every key, sorted, with the properties that lead to it.</summary>
    public static IReadOnlyDictionary<string, PropertyInfo[]> Keys => s_keys.Value;

    /// <summary>The key's own name, given any of its spellings.</summary>
    public static string Canonical(string path)
    {
        string bare = path.StartsWith("actor_rollout_ref.", StringComparison.Ordinal) ? path["actor_rollout_ref.".Length..] : path;
        return s_aliases.GetValueOrDefault(bare, bare);
    }

    /// <summary>Whether the key holds a map of free names (a task's parameters) and is no section.</summary>
    public static bool IsMap(string path) =>
        Keys.TryGetValue(Canonical(path), out PropertyInfo[]? chain) && chain[^1].PropertyType == typeof(Dictionary<string, string>);

    /// <summary>The properties that lead to a key; a ConfigException naming the nearest key when there is none.</summary>
    public static PropertyInfo[] Find(string path, string where)
    {
        string canonical = Canonical(path);
        if (Keys.TryGetValue(canonical, out PropertyInfo[]? chain))
        {
            return chain;
        }

        if (Keys.Keys.Any(k => k.StartsWith(canonical + ".", StringComparison.Ordinal)))
        {
            throw new ConfigException($"{where}: {path} is a section, not a key; its keys are {string.Join(", ", Keys.Keys.Where(k => k.StartsWith(canonical + ".", StringComparison.Ordinal)).Take(8))}");
        }

        throw new ConfigException($"{where}: there is no key {path}; did you mean {Nearest(canonical)}? (tbrm-native config lists them all)");
    }

    internal static string Snake(string pascal)
    {
        StringBuilder text = new();
        foreach (char c in pascal)
        {
            if (char.IsUpper(c) && text.Length > 0)
            {
                text.Append('_');
            }

            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }

    internal static bool IsSection(Type type) => type.Namespace == typeof(RunConfig).Namespace && type.IsClass;

    private static SortedDictionary<string, PropertyInfo[]> Collect()
    {
        SortedDictionary<string, PropertyInfo[]> keys = new(StringComparer.Ordinal);
        Walk(typeof(RunConfig), "", [], keys);
        return keys;
    }

    private static void Walk(Type type, string prefix, PropertyInfo[] chain, SortedDictionary<string, PropertyInfo[]> keys)
    {
        foreach (PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanWrite))
        {
            string path = prefix + Snake(property.Name);
            PropertyInfo[] to = [.. chain, property];
            if (IsSection(property.PropertyType))
            {
                Walk(property.PropertyType, path + ".", to, keys);
            }
            else
            {
                keys.Add(path, to);
            }
        }
    }

    /// <summary>By the whole path when it names a section, else by the last word alone.</summary>
    private static string Nearest(string path)
    {
        if (path.Contains('.', StringComparison.Ordinal))
        {
            // The key in another section is likelier meant than another key with as few edits.
            List<string> sameLeaf = [.. Keys.Keys.Where(k => Leaf(k) == Leaf(path))];
            return NearestName.Of(path, sameLeaf.Count > 0 ? sameLeaf : Keys.Keys)!;
        }

        string leaf = NearestName.Of(path, Keys.Keys.Select(Leaf).Concat(s_aliases.Keys))!;
        return s_aliases.ContainsKey(leaf) ? leaf : Keys.Keys.First(k => Leaf(k) == leaf);
    }

    private static string Leaf(string path) => path[(path.LastIndexOf('.') + 1)..];
}
