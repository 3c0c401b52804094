using System.Collections.Generic;
using System.Globalization;
using System.IO;
using Tbrm.Core;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Tbrm.Training;

/// <summary>One key with its value, and where it was written: a file and line, or the command line.</summary>
/// <param name="Path">Section and key, dot by dot: <c>actor.optim.lr</c>.</param>
/// <param name="Value">A scalar, a sequence, or (for a key that holds a map) a mapping.</param>
/// <param name="Where">For messages: <c>config.yaml:12</c> or <c>command line</c>.</param>
public sealed record ConfigEntry(string Path, YamlNode Value, string Where)
{
    /// <summary>Reads a YAML text; a section is a mapping, everything else a value.</summary>
    public static IReadOnlyList<ConfigEntry> FromYaml(string text, string name)
    {
        YamlStream stream = [];
        try
        {
            stream.Load(new StringReader(text));
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
                throw new ConfigException($"{name}: expected sections (data:, model:, actor:, ...) at the top, found {stream.Documents[0].RootNode.NodeType}");
            }

            Flatten(root, "", name, entries);
        }

        return entries;
    }

    /// <summary>Reads <c>key=value</c>, <c>+key=value</c> or <c>--key=value</c>; the value is YAML, so lists and maps may be given inline.</summary>
    public static ConfigEntry FromArgument(string argument)
    {
        int equals = argument.IndexOf('=', System.StringComparison.Ordinal);
        string key = (equals < 0 ? argument : argument[..equals]).TrimStart('-', '+');
        if (equals <= 0 || key.Length == 0)
        {
            throw new ConfigException($"command line: '{argument}' is neither an option nor key=value (try trainer.seed=2)");
        }

        string text = argument[(equals + 1)..];
        YamlNode value = new YamlScalarNode(text);
        if (text.StartsWith('[') || text.StartsWith('{'))
        {
            YamlStream stream = [];
            try
            {
                stream.Load(new StringReader(text));
                value = stream.Documents[0].RootNode;
            }
            catch (YamlException e)
            {
                throw new ConfigException($"command line: the value of {key} is not a YAML list or map: {e.Message}", e);
            }
        }

        return new(key, value, "command line");
    }

    private static void Flatten(YamlMappingNode map, string prefix, string name, List<ConfigEntry> entries)
    {
        foreach ((YamlNode key, YamlNode value) in map.Children)
        {
            string path = prefix + ((YamlScalarNode)key).Value;
            string where = string.Create(CultureInfo.InvariantCulture, $"{name}:{key.Start.Line}");
            if (value is YamlMappingNode section && section.Children.Count > 0 && !ConfigSchema.IsMap(path))
            {
                Flatten(section, path + ".", name, entries);
            }
            else if (value is not YamlMappingNode { Children.Count: 0 })
            {
                entries.Add(new(path, value, where));
            }
        }
    }
}
