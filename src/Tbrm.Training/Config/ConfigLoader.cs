using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Config.Verl;
using YamlDotNet.RepresentationModel;

namespace Tbrm.Training.Config;

/// <summary>Builds the configuration: defaults &lt; preset or file &lt; command line. What does not fit is an error
/// that says where.</summary>
public static class ConfigLoader
{
    /// <summary>The preset that runs when neither a file nor a model is given.</summary>
    public const string DefaultPreset = "default";

    /// <summary>What pipes held, by name.</summary>
    private static readonly ConcurrentDictionary<string, string> s_pipes = new(StringComparer.Ordinal);

    /// <summary>Names of the embedded presets.</summary>
    public static IReadOnlyList<string> Presets { get; } = [.. EmbeddedPresets.Runs.Select(p => p.Name)];

    /// <summary>As the other, of one file or preset, or of none (null).</summary>
    public static RunConfig Load(string? fileOrPreset, IReadOnlyList<string> arguments,
        IReadOnlyList<ConfigEntry>? above = null,
        IReadOnlyList<ConfigEntry>? verbDefaults = null, Action<string>? notice = null) =>
        Load(fileOrPreset is null ? [] : [fileOrPreset], arguments, above, verbDefaults, notice);

    /// <summary>Reads files or presets, later over earlier (none: the default preset, unless a model is named), and the
    /// overrides on top.</summary>
    /// <param name="filesOrPresets">YAML files, or names of presets.</param>
    /// <param name="arguments">Overrides, key=value.</param>
    /// <param name="above">Keys between the file and the overrides: a benchmark's preset.</param>
    /// <param name="verbDefaults">A verb's own keys: above the default preset and what holds without a file, below a
    /// file or preset that is named.</param>
    /// <param name="notice">Receives one paragraph about keys of verl's that have no effect here, if there are
    /// any.</param>
    public static RunConfig Load(IReadOnlyList<string> filesOrPresets, IReadOnlyList<string> arguments,
        IReadOnlyList<ConfigEntry>? above = null,
        IReadOnlyList<ConfigEntry>? verbDefaults = null, Action<string>? notice = null)
    {
        List<ConfigEntry> overrides = [.. arguments.Select(ConfigEntry.FromArgument)];
        RefuseTwoNames(overrides);
        bool ownModel = overrides.Any(e => ConfigSchema.Canonical(e.Path) == "model.path");
        List<ConfigEntry> entries = [];
        if (filesOrPresets.Count == 0 && !ownModel)
        {
            entries.AddRange(ReadBase(DefaultPreset));
        }

        entries.AddRange(verbDefaults ?? []);
        entries.AddRange(filesOrPresets.SelectMany(ReadBase));
        entries.AddRange(above ?? []);
        entries.AddRange(overrides);
        VerlTranslation translation = VerlTranslation.Of(MapEntries.Fold(entries));
        CheckKnown(translation);
        if (translation.Notice() is { Length: > 0 } paragraph)
        {
            notice?.Invoke(paragraph);
        }

        return Bind(translation.Entries);
    }

    /// <summary>What a key's last value says in files, presets and overrides, before anything else is looked at; empty
    /// where it is not given, or null.</summary>
    public static string Value(IReadOnlyList<string> filesOrPresets, IReadOnlyList<string> arguments, string key) =>
        filesOrPresets.SelectMany(ReadBase).Concat(arguments.Select(ConfigEntry.FromArgument))
            .LastOrDefault(e => ConfigSchema.Canonical(e.Path) == key) is { } entry
                ? ConfigValue.Scalar(entry.Value, entry) : "";

    /// <summary>Reads a resolved configuration back, as a checkpoint holds it.</summary>
    public static RunConfig FromYaml(string text, string name) => Bind(ConfigEntry.FromYaml(text, name));

    /// <summary>Applies entries in order to the defaults, and checks what comes out.</summary>
    public static RunConfig Bind(IReadOnlyList<ConfigEntry> entries)
    {
        RunConfig config = new();
        foreach (ConfigEntry entry in MapEntries.Fold(entries))
        {
            PropertyInfo[] chain = ConfigSchema.Find(entry.Path, entry.Where);
            object target = config;
            foreach (PropertyInfo section in chain[..^1])
            {
                target = section.GetValue(target)!;
            }

            chain[^1].SetValue(target, ConfigValue.Convert(chain[^1], entry));
        }

        config = AlgorithmWords.Resolve(config, entries);
        AlgorithmWords.Check(config, entries);
        ConfigRules.Check(config);
        return config;
    }

    /// <summary>The same key again replaces its value; under another name nobody sees that it does.</summary>
    private static void RefuseTwoNames(IEnumerable<ConfigEntry> entries)
    {
        foreach (IGrouping<string, ConfigEntry> same in entries.GroupBy(
            e => ConfigSchema.Canonical(e.Path), StringComparer.Ordinal))
        {
            string[] names = [.. same.Select(e => e.Path).Distinct(StringComparer.Ordinal)];
            if (names.Length > 1 && same.Select(e => e.Value.ToString()).Distinct(StringComparer.Ordinal).Count() > 1)
            {
                throw new ConfigException(
                    $"{same.Last().Where}: {string.Join(" and ", names)} are one key ({same.Key}) and given different "
                        + $"values; give it once");
            }
        }
    }

    /// <summary>All that cannot be used, in one message.</summary>
    private static void CheckKnown(VerlTranslation translation)
    {
        List<string> faults = [.. translation.Refused, .. translation.Entries
            .Where(e => !ConfigSchema.Keys.ContainsKey(ConfigSchema.Canonical(e.Path)))
                .Select(e => ConfigSchema.Missing(e.Path, e.Where))];
        if (faults.Count > 0)
        {
            throw new ConfigException(faults.Count == 1 ? faults[0]
                : $"{faults.Count} keys cannot be used:\n" + string.Join('\n', faults.Select(f => "  " + f)));
        }
    }

    private static IReadOnlyList<ConfigEntry> ReadBase(string fileOrPreset)
    {
        if (EmbeddedPresets.Runs.FirstOrDefault(p => p.Name == fileOrPreset) is { } preset)
        {
            return preset.Entries;
        }

        if (!File.Exists(fileOrPreset))
        {
            string found = Directory.Exists(fileOrPreset) ? "is a folder; name the file inside it"
                : "there is no such file";
            throw new ConfigException(
                $"configuration {fileOrPreset}: {found}"
                + $"{(NearestName.Hint(fileOrPreset, Presets) is { Length: > 0 } hint ? hint : ".")} Presets are "
                + $"{string.Join(", ", Presets)}.");
        }

        try
        {
            IReadOnlyList<ConfigEntry> entries = ConfigEntry.FromYaml(ReadText(fileOrPreset), fileOrPreset);
            RefuseTwoNames(entries);
            return entries;
        }
        catch (DecoderFallbackException e)
        {
            throw new ConfigException($"configuration {fileOrPreset}: the text is not UTF-8: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"configuration {fileOrPreset}: {e.Message}", e);
        }
    }

    /// <summary>The text of a file. A pipe (<c>-c &lt;(command)</c>) has it once, and is asked more than
    /// once.</summary>
    private static string ReadText(string path)
    {
        if (s_pipes.TryGetValue(path, out string? known))
        {
            return known;
        }

        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using StreamReader reader = new(stream, new UTF8Encoding(false, throwOnInvalidBytes: true));
        bool isPipe = !stream.CanSeek;
        string text = reader.ReadToEnd();
        if (isPipe)
        {
            s_pipes[path] = text;
        }

        return text;
    }
}

/// <summary>Turns a YAML value into what a property holds, within its range.</summary>
internal static class ConfigValue
{
    public static object? Convert(PropertyInfo property, ConfigEntry entry)
    {
        Type type = property.PropertyType;
        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            string text = Scalar(entry.Value, entry);
            return text.Length == 0 ? null : One(underlying, text, entry, property);
        }

        if (type == typeof(Dictionary<string, string>))
        {
            return entry.Value is YamlMappingNode map
                ? map.Children.ToDictionary(p => Scalar(p.Key, entry),
                    p => MapEntries.JsonOf(p.Value, entry) ?? Scalar(p.Value, entry))
                : throw Wrong(entry, "a map ({min_terms: 2, max_terms: 3})");
        }

        if (type == typeof(List<TaskShareConfig>))
        {
            return TaskShares.Read(entry);
        }

        if (type.IsGenericType)
        {
            Type element = type.GetGenericArguments()[0];
            IEnumerable<YamlNode> nodes = entry.Value is YamlSequenceNode list ? list.Children
                : Scalar(entry.Value, entry).Length == 0 ? [] : [entry.Value];
            System.Collections.IList values = (System.Collections.IList)Activator.CreateInstance(type)!;
            foreach (YamlNode node in nodes)
            {
                values.Add(One(element, Scalar(node, entry), entry, property));
            }

            return values;
        }

        return One(type, Scalar(entry.Value, entry), entry, property);
    }

    private static object One(Type type, string text, ConfigEntry entry, PropertyInfo property)
    {
        object value;
        if (type == typeof(string))
        {
            value = text;
        }
        else if (type == typeof(bool))
        {
            value = text switch
            {
                "true" or "True" => true,
                "false" or "False" => false,
                _ => throw Wrong(entry, "true or false"),
            };
        }
        else if (type == typeof(double))
        {
            value = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
                && !double.IsNaN(number)
                ? number : throw Wrong(entry, "a number");
        }
        else if (type == typeof(int) || type == typeof(long))
        {
            // 1e6 is how people write a million.
            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
                || number != Math.Floor(number)
                || Math.Abs(number) > (type == typeof(int) ? int.MaxValue : 9.007199254740992e15))
            {
                throw Wrong(entry, "a whole number");
            }

            value = type == typeof(int) ? (object)(int)number : (long)number;
        }
        else
        {
            throw new InvalidOperationException($"{property.Name}: no conversion to {type}");
        }

        CheckAllowed(property, value, text, entry);
        return value;
    }

    private static void CheckAllowed(PropertyInfo property, object value, string text, ConfigEntry entry)
    {
        if (property.GetCustomAttribute<AllowedRangeAttribute>() is { } range)
        {
            double number = System.Convert.ToDouble(value, CultureInfo.InvariantCulture);
            bool below = range.ExclusiveMinimum ? !(number > range.Minimum) : !(number >= range.Minimum);
            if (below || !(number <= range.Maximum))
            {
                string least = range.ExclusiveMinimum ? "more than" : "at least";
                throw Wrong(entry, string.Create(
                    CultureInfo.InvariantCulture, $"{least} {range.Minimum} and at most {range.Maximum}"));
            }
        }

        if (property.GetCustomAttribute<AllowedWordsAttribute>() is { } words
            && !words.Words.Contains(text, StringComparer.Ordinal))
        {
            throw Wrong(entry, "one of " + string.Join(", ", words.Words));
        }
    }

    /// <summary>A single value as text; empty for null.</summary>
    internal static string Scalar(YamlNode node, ConfigEntry entry)
    {
        if (node is not YamlScalarNode scalar)
        {
            throw Wrong(entry, "a single value");
        }

        bool isNull = scalar.Style is YamlDotNet.Core.ScalarStyle.Plain or YamlDotNet.Core.ScalarStyle.Any
            && scalar.Value is "null" or "~" or null;
        return isNull ? "" : scalar.Value!;
    }

    private static ConfigException Wrong(ConfigEntry entry, string expected) =>
        new($"{entry.Where}: {entry.Path} is "
            + $"{(entry.Value is YamlScalarNode s ? $"'{s.Value}'" : entry.Value.NodeType)}; expected {expected}");
}
