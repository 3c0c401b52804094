using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;

namespace Tbrm.Training.Config.Descriptions;

/// <summary>The descriptions of keys as text for a terminal, and as the reference page.</summary>
public static class KeyReference
{
    private const int Width = 100;

    /// <summary>Paragraphs, one a key.</summary>
    public static string Text(IEnumerable<KeyDescription> keys)
    {
        StringBuilder text = new();
        foreach (KeyDescription key in keys)
        {
            text.Append(text.Length > 0 ? "\n" : "").Append(key.Path).Append('\n');
            foreach (string line in Lines.Wrap(key.Meaning, Width - 2))
            {
                text.Append("  ").Append(line).Append('\n');
            }

            foreach ((string name, string value) in Facts(key))
            {
                text.Append("  ").Append((name + ":").PadRight(10)).Append(value).Append('\n');
            }
        }

        return text.ToString();
    }

    /// <summary>The same of one key for programs.</summary>
    public static JsonObject Json(KeyDescription key) => new()
    {
        ["key"] = key.Path,
        ["type"] = key.Type,
        ["allowed"] = key.Allowed,
        ["default"] = key.Default,
        ["meaning"] = key.Meaning,
        ["relevant_when"] = key.RelevantWhen,
        ["verl"] = key.VerlName,
        ["aliases"] = new JsonArray([.. key.Aliases.Select(a => (JsonNode)a)]),
    };

    /// <summary>docs/reference/config.md.</summary>
    public static string Markdown()
    {
        StringBuilder text = new();
        text.Append("# Configuration keys\n\n");
        text.Append(
            "Written by `tbrm-native config --describe --markdown`; a test holds it to the program. On the command "
                + "line a key is `key=value`; in a file\n");
        text.Append(
            "the dots are sections. `actor_rollout_ref.` in front, as verl writes it, may be left out. `tbrm-native "
                + "config --describe KEY` prints one entry,\n");
        text.Append("`tbrm-native config --init FILE` writes a file with all of them.\n");
        string section = "";
        foreach (KeyDescription key in KeyDescription.All)
        {
            string own = key.Path[..key.Path.LastIndexOf('.')];
            if (own != section)
            {
                section = own;
                text.Append($"\n## {section}\n\n{Escaped(KeyDescription.OfSection(section) ?? "")}\n\n");
                text.Append("| Key | Meaning | Value | Default |\n|---|---|---|---|\n");
            }

            text.Append(
                $"| `{key.Path[(section.Length + 1)..]}` | {Escaped(MeaningAndMore(key))} | "
                    + $"{Escaped(key.Type + (key.Allowed.Length > 0 ? ": " + key.Allowed : ""))} | "
                    + $"`{key.Default.Replace("|", "\\|")}` |\n");
        }

        return text.ToString();
    }

    private static string MeaningAndMore(KeyDescription key) => string.Join(' ', new[]
    {
        key.Meaning,
        key.RelevantWhen.Length > 0 ? $"Where {key.RelevantWhen}." : "",
        key.Aliases.Count > 0 ? $"Short: {string.Join(", ", key.Aliases)}." : "",
        key.VerlName is { } verl && verl != key.Path ? $"verl: {verl}." : key.VerlName is not null ? "The same in verl."
            : "",
    }.Where(s => s.Length > 0));

    private static IEnumerable<(string Name, string Value)> Facts(KeyDescription key)
    {
        yield return ("value", key.Type + (key.Allowed.Length > 0 ? $", {key.Allowed}" : ""));
        yield return ("default", key.Default);
        if (key.RelevantWhen.Length > 0)
        {
            yield return ("relevant", "where " + key.RelevantWhen);
        }

        if (key.Aliases.Count > 0)
        {
            yield return ("short", string.Join(", ", key.Aliases));
        }

        yield return ("verl", key.VerlName ?? "has no such key");
    }

    private static string Escaped(string text) => text.Replace("|", "\\|").Replace("<", "&lt;").Replace("*", "\\*");
}
