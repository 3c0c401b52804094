using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Tbrm.Training.Config;

/// <summary>Keys that hold a map of free names: <c>data.apply_chat_template_kwargs.enable_thinking=false</c> sets one
/// name of it.</summary>
internal static class MapEntries
{
    /// <summary>Maps nest no deeper than rows of data do.</summary>
    private const int MaxDepth = 64;

    /// <summary>The entries with those of single names as the whole map that they lead to, what came before
    /// included.</summary>
    public static IReadOnlyList<ConfigEntry> Fold(IReadOnlyList<ConfigEntry> entries)
    {
        if (!entries.Any(entry => MapOf(entry.Path) is not null || ConfigSchema.IsMap(entry.Path)))
        {
            return entries;
        }

        Dictionary<string, YamlMappingNode> maps = new(StringComparer.Ordinal);
        List<ConfigEntry> folded = [];
        foreach (ConfigEntry entry in entries)
        {
            if (MapOf(entry.Path) is not { } map)
            {
                if (ConfigSchema.IsMap(entry.Path) && entry.Value is YamlMappingNode whole)
                {
                    maps[ConfigSchema.Canonical(entry.Path)] = whole;
                }

                folded.Add(entry);
                continue;
            }

            string path = ConfigSchema.Canonical(map);
            YamlMappingNode merged =
                new(maps.TryGetValue(path, out YamlMappingNode? before) ? [.. before.Children]
                : Array.Empty<KeyValuePair<YamlNode, YamlNode>>());
            merged.Children[new YamlScalarNode(entry.Path[(map.Length + 1)..])] = entry.Value;
            maps[path] = merged;
            folded.Add(new(path, merged, entry.Where));
        }

        return folded;
    }

    /// <summary>A value of a map as text: a scalar as it is, lists and maps as JSON.</summary>
    /// <exception cref="ConfigException">It is nested too deep.</exception>
    public static string? JsonOf(YamlNode node, ConfigEntry entry) => node is YamlScalarNode ? null
        : Json(node, entry, 0)!.ToJsonString();

    /// <summary>The map that a path leads into, as it is spelled there; null when it leads into none.</summary>
    public static string? MapOf(string path)
    {
        for (int dot = path.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = path.IndexOf('.', dot + 1))
        {
            if (dot + 1 < path.Length && ConfigSchema.IsMap(path[..dot]))
            {
                return path[..dot];
            }
        }

        return null;
    }

    private static JsonNode? Json(YamlNode node, ConfigEntry entry, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new ConfigException($"{entry.Where}: {entry.Path} is nested more than {MaxDepth} deep");
        }

        return node switch
        {
            YamlMappingNode map =>
                new JsonObject(map.Children.Select(
                pair => KeyValuePair.Create(((YamlScalarNode)pair.Key).Value ?? "",
                Json(pair.Value, entry, depth + 1)))),
            YamlSequenceNode list => new JsonArray([.. list.Children.Select(item => Json(item, entry, depth + 1))]),
            YamlScalarNode { Style: ScalarStyle.Plain or ScalarStyle.Any } plain => Plain(plain.Value ?? ""),
            YamlScalarNode quoted => JsonValue.Create(quoted.Value),
            _ => throw new ConfigException($"{entry.Where}: {entry.Path} holds an alias; write its value out"),
        };
    }

    private static JsonNode? Plain(string text)
    {
        switch (text)
        {
            case "" or "~" or "null" or "None":
                return null;
            case "true" or "True":
                return true;
            case "false" or "False":
                return false;
            default:
                try
                {
                    return JsonNode.Parse(text);
                }
                catch (JsonException)
                {
                    return text;
                }
        }
    }
}
