using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Tbrm.Training.Config;

/// <summary>Writes a configuration as YAML that <see cref="ConfigLoader.FromYaml"/> reads back to the same
/// record.</summary>
public static class ConfigWriter
{
    /// <summary>Every key with its value, sections in the order of the record.</summary>
    public static string ToYaml(RunConfig config)
    {
        using StringWriter writer = new(CultureInfo.InvariantCulture) { NewLine = "\n" };
        new YamlStream(new YamlDocument(Section(config))).Save(writer, assignAnchors: false);
        string text = writer.ToString();
        return text.EndsWith("...\n", StringComparison.Ordinal) ? text[..^4] : text;
    }

    /// <summary>One value as it stands behind its key.</summary>
    public static string ToText(object? value)
    {
        using StringWriter writer = new(CultureInfo.InvariantCulture) { NewLine = "\n" };
        new YamlStream(new YamlDocument(new YamlMappingNode("value", Node(value)))).Save(writer, assignAnchors: false);
        return writer.ToString().Split('\n')[0]["value: ".Length..];
    }

    /// <summary>The same tree as JSON: numbers and flags as what they are, everything else as text, list or
    /// object.</summary>
    public static JsonObject ToJson(RunConfig config) => (JsonObject)Json(Section(config))!;

    private static JsonNode? Json(YamlNode node) => node switch
    {
        YamlMappingNode map =>
            new JsonObject(map.Children.Select(
            p => KeyValuePair.Create(((YamlScalarNode)p.Key).Value!, Json(p.Value)))),
        YamlSequenceNode list => new JsonArray([.. list.Children.Select(Json)]),
        YamlScalarNode { Style: ScalarStyle.Plain or ScalarStyle.Any, Value: "null" } => null,
        YamlScalarNode { Style: ScalarStyle.Plain or ScalarStyle.Any, Value: "true" or "false" } flag =>
            flag.Value == "true",
        YamlScalarNode { Style: ScalarStyle.Plain or ScalarStyle.Any } scalar when double.TryParse(scalar.Value,
            NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
            && double.IsFinite(number) => JsonNode.Parse(number.ToString("R", CultureInfo.InvariantCulture)),
        YamlScalarNode scalar => scalar.Value,
        _ => throw new InvalidOperationException($"no JSON for {node.NodeType}"),
    };

    private static YamlMappingNode Section(object section)
    {
        YamlMappingNode map = [];
        foreach (PropertyInfo property in section.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.CanWrite))
        {
            object? value = property.GetValue(section);
            map.Add(ConfigSchema.Snake(property.Name),
                ConfigSchema.IsSection(property.PropertyType) ? Section(value!) : Node(value));
        }

        return map;
    }

    private static YamlNode Node(object? value) => value switch
    {
        null => new YamlScalarNode("null"),
        string text => Text(text),
        bool flag => new YamlScalarNode(flag ? "true" : "false"),
        double number => new YamlScalarNode(number.ToString("R", CultureInfo.InvariantCulture)),
        Dictionary<string, string> map => Map(map),
        TaskShareConfig share => TaskShares.Write(share),
        IList list => new YamlSequenceNode(list.Cast<object>()
            .Select(Node))
        { Style = YamlDotNet.Core.Events.SequenceStyle.Flow },
        IFormattable number => new YamlScalarNode(number.ToString(null, CultureInfo.InvariantCulture)),
        _ => throw new InvalidOperationException($"no YAML for {value!.GetType()}"),
    };

    internal static YamlMappingNode Map(Dictionary<string, string> map) =>
        new(map.SelectMany(p =>
            new YamlNode[] { Text(p.Key), Text(p.Value) }))
        { Style = YamlDotNet.Core.Events.MappingStyle.Flow };

    /// <summary>Quoted where a plain word would be read as something else.</summary>
    private static YamlScalarNode Text(string text)
    {
        bool plain = text.Length > 0 && text is not ("null" or "~" or "true" or "false")
            && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or '/')
            && char.IsAsciiLetter(text[0]);
        return new YamlScalarNode(text) { Style = plain ? ScalarStyle.Plain : ScalarStyle.DoubleQuoted };
    }
}
