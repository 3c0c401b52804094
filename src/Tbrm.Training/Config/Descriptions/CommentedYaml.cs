using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;
using Tbrm.Core.Config;

namespace Tbrm.Training.Config.Descriptions;

/// <summary>A configuration as YAML with a comment above every section and key: a file that explains itself.</summary>
public static partial class CommentedYaml
{
    private const int Width = 110;

    /// <summary>The same text as <see cref="ConfigWriter.ToYaml"/>, comments apart.</summary>
    public static string Write(RunConfig config)
    {
        Dictionary<string, KeyDescription> keys = KeyDescription.All.ToDictionary(d => d.Path, StringComparer.Ordinal);
        StringBuilder text = new();
        List<string> sections = [];
        foreach (string line in ConfigWriter.ToYaml(config).TrimEnd('\n').Split('\n'))
        {
            Match key = KeyLine().Match(line);
            int depth = key.Groups[1].Length / 2;
            if (key.Success && depth <= sections.Count)
            {
                sections.RemoveRange(depth, sections.Count - depth);
                string path = string.Join('.', [.. sections, key.Groups[2].Value]);
                if (keys.TryGetValue(path, out KeyDescription? described))
                {
                    Comment(text, key.Groups[1].Value, Notes(described));
                }
                else if (KeyDescription.OfSection(path) is { } section)
                {
                    sections.Add(key.Groups[2].Value);
                    text.Append(depth == 0 && text.Length > 0 ? "\n" : "");
                    Comment(text, key.Groups[1].Value, section);
                }
            }

            text.Append(line).Append('\n');
        }

        return text.ToString();
    }

    private static string Notes(KeyDescription key)
    {
        string relevant = key.RelevantWhen.Length > 0 ? $" Where {key.RelevantWhen}." : "";
        string allowed = key.Allowed.Length > 0 ? $" ({key.Allowed})" : "";
        return key.Meaning + relevant + allowed;
    }

    private static void Comment(StringBuilder text, string indent, string comment)
    {
        foreach (string line in Lines.Wrap(comment, Width - indent.Length - 2))
        {
            text.Append(indent).Append("# ").Append(line).Append('\n');
        }
    }

    [GeneratedRegex("^((?:  )*)([a-z0-9_]+):")]
    private static partial Regex KeyLine();
}
