using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Tbrm.Core.Errors;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Tbrm.Training.Config;

/// <summary>One key with its value, and where it was written: a file and line, or the command line.</summary>
/// <param name="Path">Section and key, dot by dot: <c>actor.optim.lr</c>.</param>
/// <param name="Value">A scalar, a sequence, or (for a key that holds a map) a mapping.</param>
/// <param name="Where">For messages: <c>config.yaml:12</c> or <c>command line</c>.</param>
public sealed record ConfigEntry(string Path, YamlNode Value, string Where)
{
    private const string CommandLine = "command line";

    /// <summary>The file, or the command line, without the line.</summary>
    public string Source => Where.LastIndexOf(':') is > 0 and var at ? Where[..at] : Where;

    /// <summary>Far more than there are; aliases of aliases make any number out of a few lines.</summary>
    private const int MostEntries = 10_000;

    /// <summary>Reads a YAML text; a section is a mapping, everything else a value.</summary>
    public static IReadOnlyList<ConfigEntry> FromYaml(string text, string name)
    {
        YamlStream stream = [];
        try
        {
            stream.Load(new ShallowYaml(new StringReader(text)));
        }
        catch (YamlException e)
        {
            throw new ConfigException($"{name}:{e.Start.Line}: not YAML: {e.Message}", e);
        }

        List<ConfigEntry> entries = [];
        if (stream.Documents.Count > 1)
        {
            throw new ConfigException($"{name}: expected one YAML document, found {stream.Documents.Count}");
        }

        if (stream.Documents.Count == 1 && stream.Documents[0].RootNode is not YamlScalarNode { Value: null or "" })
        {
            if (stream.Documents[0].RootNode is not YamlMappingNode root)
            {
                throw new ConfigException(
                    $"{name}: expected sections (data:, model:, actor:, ...) at the top, found "
                        + $"{stream.Documents[0].RootNode.NodeType}");
            }

            Flatten(root, "", name, [], entries);
        }

        return entries;
    }

    /// <summary>Reads <c>key=value</c>, <c>+key=value</c> or <c>--key=value</c>; the value is YAML, so lists, maps and
    /// quotes may be given inline.</summary>
    public static ConfigEntry FromArgument(string argument)
    {
        int equals = argument.IndexOf('=', System.StringComparison.Ordinal);
        string key = (equals < 0 ? argument : argument[..equals]).TrimStart('-', '+');
        if (equals <= 0 || key.Length == 0)
        {
            throw new ConfigException(
                $"command line: '{argument}' is neither an option nor key=value (try trainer.seed=2)");
        }

        string text = argument[(equals + 1)..];
        // Quotes around a whole value, as YAML and Hydra have them: '1,2' is a text.
        bool isQuoted = text.Length >= 2 && text[0] is '\'' or '"' && text.IndexOf(text[0], 1) == text.Length - 1;
        YamlNode value = isQuoted ? new YamlScalarNode(text[1..^1]) { Style = ScalarStyle.DoubleQuoted }
            : new YamlScalarNode(text);
        if (text.StartsWith('[') || text.StartsWith('{'))
        {
            YamlStream stream = [];
            try
            {
                stream.Load(new ShallowYaml(new StringReader(text)));
                value = stream.Documents[0].RootNode;
            }
            catch (YamlException e)
            {
                throw new ConfigException($"command line: the value of {key} is not a YAML list or map: {e.Message}",
                    e);
            }
        }

        return new(key, value, CommandLine);
    }

    /// <param name="map">A section.</param>
    /// <param name="prefix">Its path, with a dot behind.</param>
    /// <param name="name">The file's name.</param>
    /// <param name="within">The sections around it: an alias can lead back to one of them.</param>
    /// <param name="entries">Where its keys go.</param>
    private static void Flatten(YamlMappingNode map, string prefix, string name, List<YamlNode> within,
        List<ConfigEntry> entries)
    {
        if (within.Exists(outer => ReferenceEquals(outer, map)) || entries.Count > MostEntries)
        {
            string found = entries.Count > MostEntries ? $"over {MostEntries} keys"
                : $"an alias inside {prefix.TrimEnd('.')} leads back to it";
            throw new ConfigException($"{name}:{map.Start.Line}: {found}; write the section out");
        }

        within.Add(map);
        // What a merge key brings is what the section's own keys may replace.
        foreach (YamlMappingNode merged in map.Children.Where(p => IsMerge(p.Key))
            .SelectMany(p => Merged(p.Value, name)))
        {
            Flatten(merged, prefix, name, within, entries);
        }

        foreach ((YamlNode key, YamlNode value) in map.Children.Where(p => !IsMerge(p.Key)))
        {
            string where = string.Create(CultureInfo.InvariantCulture, $"{name}:{key.Start.Line}");
            string path = prefix
                + (key is YamlScalarNode scalar ? scalar.Value
                : throw new ConfigException($"{where}: a key must be a word, found {key.NodeType}"));
            if (value is YamlMappingNode section && section.Children.Count > 0 && !ConfigSchema.IsMap(path))
            {
                Flatten(section, path + ".", name, within, entries);
            }
            else if (value is not YamlMappingNode { Children.Count: 0 })
            {
                entries.Add(new(path, value, where));
            }
        }

        within.RemoveAt(within.Count - 1);
    }

    private static bool IsMerge(YamlNode key) => key is YamlScalarNode { Value: "<<", Style: ScalarStyle.Plain };

    private static IEnumerable<YamlMappingNode> Merged(YamlNode value, string name) => value switch
    {
        YamlMappingNode one => [one],
        // The first of several counts most, so it comes last.
        YamlSequenceNode several when several.Children.All(c => c is YamlMappingNode) =>
            several.Children.Cast<YamlMappingNode>().Reverse(),
        _ => throw new ConfigException(
            $"{name}:{value.Start.Line}: << takes a section (<<: *name), found {value.NodeType}"),
    };
}
