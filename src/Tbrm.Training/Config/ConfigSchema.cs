using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Text;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;

namespace Tbrm.Training.Config;

/// <summary>The keys that exist, by reflection over <see cref="RunConfig"/>: a property is a key, a record is a
/// section.</summary>
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

    private static readonly Lazy<List<KeyValuePair<string, PropertyInfo[]>>> s_inOrder = new(Collect);

    private static readonly Lazy<SortedDictionary<string, PropertyInfo[]>> s_keys =
        new(() => new(new Dictionary<string, PropertyInfo[]>(s_inOrder.Value), StringComparer.Ordinal));

    /// <summary>Every key, sorted, with the properties that lead to it.</summary>
    public static IReadOnlyDictionary<string, PropertyInfo[]> Keys => s_keys.Value;

    /// <summary>The same in the order of the record, as they are written.</summary>
    public static IReadOnlyList<KeyValuePair<string, PropertyInfo[]>> InOrder => s_inOrder.Value;

    /// <summary>The short names of a key.</summary>
    public static IReadOnlyList<string> AliasesOf(string key) =>
        [.. s_aliases.Where(a => a.Value == key).Select(a => a.Key)];

    /// <summary>All short names.</summary>
    public static IReadOnlyCollection<string> Aliases => s_aliases.Keys;

    /// <summary>The key's own name, given any of its spellings.</summary>
    public static string Canonical(string path)
    {
        string bare = path.StartsWith("actor_rollout_ref.", StringComparison.Ordinal)
            ? path["actor_rollout_ref.".Length..] : path;
        return s_aliases.GetValueOrDefault(bare, bare);
    }

    /// <summary>Whether the key holds a map of free names (a task's parameters) and is no section.</summary>
    public static bool IsMap(string path) =>
        Keys.TryGetValue(Canonical(path), out PropertyInfo[]? chain)
            && chain[^1].PropertyType == typeof(Dictionary<string, string>);

    /// <summary>Whether the path names a section of keys.</summary>
    public static bool IsSection(string path) =>
        Keys.Keys.Any(k => k.StartsWith(Canonical(path) + ".", StringComparison.Ordinal));

    /// <summary>Whether the text is a section's own name, even where a key has it for a short name.</summary>
    public static bool IsSectionName(string text) =>
        Keys.Keys.Any(k => k.StartsWith(text + ".", StringComparison.Ordinal));

    /// <summary>The properties that lead to a key.</summary>
    /// <exception cref="ConfigException">There is no such key; the message names one that is near, if any.</exception>
    public static PropertyInfo[] Find(string path, string where) =>
        Keys.TryGetValue(Canonical(path), out PropertyInfo[]? chain) ? chain
            : throw new ConfigException(Missing(path, where));

    /// <summary>What is to be said of a path that is no key.</summary>
    public static string Missing(string path, string where)
    {
        string canonical = Canonical(path);
        if (IsSection(canonical))
        {
            IEnumerable<string> keys = Keys.Keys.Where(k => k.StartsWith(canonical + ".", StringComparison.Ordinal));
            return $"{where}: {path} is a section, not a key; its keys are {string.Join(", ", keys.Take(8))}";
        }

        string hint = Near(canonical) is { } near ? $"; did you mean {near}?" : "";
        return $"{where}: there is no key {path}{hint} (tbrm-native config lists them all)";
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

    private static List<KeyValuePair<string, PropertyInfo[]>> Collect()
    {
        List<KeyValuePair<string, PropertyInfo[]>> keys = [];
        Walk(typeof(RunConfig), "", [], keys);
        return keys;
    }

    private static void Walk(Type type, string prefix, PropertyInfo[] chain,
        List<KeyValuePair<string, PropertyInfo[]>> keys)
    {
        foreach (PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.CanWrite))
        {
            string path = prefix + Snake(property.Name);
            PropertyInfo[] to = [.. chain, property];
            if (IsSection(property.PropertyType))
            {
                Walk(property.PropertyType, path + ".", to, keys);
            }
            else
            {
                keys.Add(new(path, to));
            }
        }
    }

    /// <summary>
    /// A key that the path may be a slip of: a near name in the same section, or the same name in another section. A
    /// word alone may also be an
    /// alias. Null when nothing is near.
    /// </summary>
    private static string? Near(string path)
    {
        string section = path[..(path.LastIndexOf('.') + 1)], leaf = Leaf(path);
        if (section.Length == 0)
        {
            string? word = NearestName.Near(leaf, s_aliases.Keys.Concat(Keys.Keys.Select(Leaf)));
            return word is null || s_aliases.ContainsKey(word) ? word : Keys.Keys.First(k => Leaf(k) == word);
        }

        IEnumerable<string> siblings = Keys.Keys.Where(k => k.StartsWith(section, StringComparison.Ordinal))
            .Select(k => k[section.Length..]).Where(k => !k.Contains('.', StringComparison.Ordinal));
        return NearestName.Near(leaf, siblings) is { } sibling ? section + sibling
            : NearestName.Of(path, Keys.Keys.Where(k => Leaf(k) == leaf));
    }

    private static string Leaf(string path) => path[(path.LastIndexOf('.') + 1)..];
}
