using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using YamlDotNet.RepresentationModel;

namespace Tbrm.Training.Config;

/// <summary>
/// The value of <c>data.tasks</c>: a list of <c>{name, weight, params}</c>, or of <c>name:weight</c>; on the command
/// line also the latter with commas
/// (<c>data.tasks=gcd:2,lcm</c>).
/// </summary>
internal static class TaskShares
{
    private const string Form = "a list of {name: gcd, weight: 2, params: {max_value: 100}}, or gcd:2,lcm";

    private static readonly string[] s_keys = ["name", "weight", "params"];

    public static List<TaskShareConfig> Read(ConfigEntry entry) => entry.Value switch
    {
        YamlSequenceNode list => [.. list.Children.Select(node => ReadOne(node, entry))],
        YamlScalarNode { Value: null or "" } => [],
        YamlScalarNode { Value: string text } =>
            [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(part => Short(part, entry))],
        _ => throw Wrong(entry, "found a map"),
    };

    public static YamlNode Write(TaskShareConfig share)
    {
        string weight = share.Weight.ToString("R", CultureInfo.InvariantCulture);
        YamlMappingNode map = new("name", share.Name, "weight", weight)
        {
            Style = YamlDotNet.Core.Events.MappingStyle.Flow,
        };
        if (share.Params.Count > 0)
        {
            map.Add("params", ConfigWriter.Map(share.Params));
        }

        return map;
    }

    private static TaskShareConfig ReadOne(YamlNode node, ConfigEntry entry)
    {
        if (node is YamlScalarNode { Value: string text })
        {
            return Short(text, entry);
        }

        YamlMappingNode map = node as YamlMappingNode ?? throw Wrong(entry, $"found a {node.NodeType}");
        foreach (string key in map.Children.Keys.Select(k => (k as YamlScalarNode)?.Value ?? ""))
        {
            if (!s_keys.Contains(key, StringComparer.Ordinal))
            {
                throw Wrong(entry, $"found the key '{key}'{NearestName.Hint(key, s_keys)}");
            }
        }

        string name = Scalar(map, "name") ?? throw Wrong(entry, "one of them has no name");
        return new TaskShareConfig
        {
            Name = name,
            Weight = Weight(Scalar(map, "weight") ?? "1", entry),
            Params = Parameters(map, entry)
        };
    }

    private static TaskShareConfig Short(string text, ConfigEntry entry)
    {
        string[] parts = text.Split(':', 2, StringSplitOptions.TrimEntries);
        return new TaskShareConfig { Name = parts[0], Weight = parts.Length == 2 ? Weight(parts[1], entry) : 1 };
    }

    private static double Weight(string text, ConfigEntry entry) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double weight) && weight > 0
            && double.IsFinite(weight)
            ? weight : throw Wrong(entry, $"the weight '{text}' is no positive number");

    private static Dictionary<string, string> Parameters(YamlMappingNode map, ConfigEntry entry) =>
        !map.Children.TryGetValue(new YamlScalarNode("params"), out YamlNode? node) ? []
        : node is YamlMappingNode parameters
            ? parameters.Children.ToDictionary(p => Text(p.Key, entry), p => Text(p.Value, entry))
        : throw Wrong(entry, "params is no map");

    private static string? Scalar(YamlMappingNode map, string key) =>
        map.Children.TryGetValue(new YamlScalarNode(key), out YamlNode? node) ? (node as YamlScalarNode)?.Value : null;

    private static string Text(YamlNode node, ConfigEntry entry) => (node as YamlScalarNode)?.Value
        ?? throw Wrong(entry, "a parameter is no single value");

    private static ConfigException Wrong(ConfigEntry entry, string found) =>
        new($"{entry.Where}: {entry.Path}: expected {Form}; {found}");
}
