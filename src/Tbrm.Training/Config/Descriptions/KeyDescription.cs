using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO.Enumeration;
using System.Linq;
using System.Reflection;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;

namespace Tbrm.Training.Config.Descriptions;

/// <summary>What a reader needs to know of one configuration key. All of it comes from the key's own property: its
/// documentation, type and attributes.</summary>
/// <param name="Path">Section and key, dot by dot.</param>
/// <param name="Type">What the value is: <c>integer</c>, <c>number</c>, <c>true or false</c>, <c>text</c>, <c>list of
/// text</c>, <c>map</c>.</param>
/// <param name="Allowed">Its range or its words; empty when every value of the type is allowed.</param>
/// <param name="Default">The value without a file, as YAML.</param>
/// <param name="Meaning">The property's documentation, one paragraph.</param>
/// <param name="RelevantWhen">When the key has an effect; empty: always.</param>
/// <param name="VerlName">verl's name of the key, or null when verl has none.</param>
/// <param name="Aliases">Short names.</param>
public sealed record KeyDescription(string Path, string Type, string Allowed, string Default, string Meaning,
    string RelevantWhen, string? VerlName, IReadOnlyList<string> Aliases)
{
    private static readonly Lazy<IReadOnlyList<KeyDescription>> s_all =
        new(() => [.. ConfigSchema.InOrder.Select(Describe)]);

    /// <summary>Every key, in the order in which <c>config</c> prints them.</summary>
    public static IReadOnlyList<KeyDescription> All => s_all.Value;

    /// <summary>The keys that a name, an alias, a section or a pattern with * names.</summary>
    /// <exception cref="ConfigException">There are none; the message names a near key.</exception>
    public static IReadOnlyList<KeyDescription> Matching(string pattern)
    {
        string canonical = ConfigSchema.IsSectionName(pattern) ? pattern : ConfigSchema.Canonical(pattern);
        KeyDescription[] found =
            [.. All.Where(d => d.Path == canonical || d.Path.StartsWith(canonical + ".", StringComparison.Ordinal)
            || (canonical.Contains('*', StringComparison.Ordinal)
                && FileSystemName.MatchesSimpleExpression(canonical, d.Path, ignoreCase: false)))];
        return found.Length > 0 ? found : throw new ConfigException(ConfigSchema.Missing(pattern, "--describe"));
    }

    /// <summary>What a section is, by its path; null when there is no such section.</summary>
    public static string? OfSection(string path)
    {
        PropertyInfo[]? chain = ConfigSchema.InOrder.Select(k => k.Value.Take(path.Count(c => c == '.') + 1).ToArray())
            .FirstOrDefault(c => string.Join('.', c.Select(p => ConfigSchema.Snake(p.Name))) == path);
        return chain is null || !ConfigSchema.IsSection(path) ? null : Documentation.Of(chain[^1]);
    }

    private static KeyDescription Describe(KeyValuePair<string, PropertyInfo[]> key)
    {
        PropertyInfo property = key.Value[^1];
        object? value = key.Value.Aggregate((object)new RunConfig(), (section, next) => next.GetValue(section)!);
        string relevant = string.Join(
            "; ", key.Value.Select(p => p.GetCustomAttribute<RelevantWhenAttribute>()?.Condition).OfType<string>());
        return new(key.Key, TypeOf(property.PropertyType), AllowedOf(property), ConfigWriter.ToText(value),
            Documentation.Of(property), relevant,
            Verl.SameNames.Of(key.Key), ConfigSchema.AliasesOf(key.Key));
    }

    private static string TypeOf(Type type) => Nullable.GetUnderlyingType(type) is { } underlying
        ? TypeOf(underlying) + " or null"
        : type == typeof(bool) ? "true or false"
        : type == typeof(double) ? "number"
        : type == typeof(int) || type == typeof(long) ? "integer"
        : type == typeof(string) ? "text"
        : type == typeof(Dictionary<string, string>) ? "map"
        : type == typeof(List<TaskShareConfig>) ? "list of tasks"
        : type.IsGenericType ? "list of " + TypeOf(type.GetGenericArguments()[0])
        : throw new InvalidOperationException($"a key of type {type} has no word for it");

    private static string AllowedOf(PropertyInfo property)
    {
        if (property.GetCustomAttribute<AllowedWordsAttribute>() is { } words)
        {
            return "one of " + string.Join(", ", words.Words.Select(w => w.Length == 0 ? "\"\"" : w));
        }

        return property.GetCustomAttribute<AllowedRangeAttribute>() is { } range
            ? $"{(range.ExclusiveMinimum ? "more than" : "at least")} {Number(range.Minimum)}, at most "
                + $"{Number(range.Maximum)}"
            : "";
    }

    private static string Number(double number) => Math.Abs(number) >= 1e6
        ? number.ToString("0.###e0", CultureInfo.InvariantCulture)
        : number.ToString("R", CultureInfo.InvariantCulture).Replace("E-", "e-", StringComparison.Ordinal);
}
