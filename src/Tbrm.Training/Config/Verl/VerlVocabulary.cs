using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Enumeration;
using System.Linq;
using YamlDotNet.RepresentationModel;

namespace Tbrm.Training.Config.Verl;

/// <summary>What becomes of a key of verl's.</summary>
public enum VerlUse
{
    /// <summary>The same key with the same meaning.</summary>
    Exact,

    /// <summary>The value goes to another key.</summary>
    Derived,

    /// <summary>Accepted: what it asks for is so here anyway, or concerns another engine.</summary>
    NoEffect,

    /// <summary>Asks for what this program does not do.</summary>
    Refused,
}

/// <summary>What becomes of one key with its value.</summary>
/// <param name="Key">Without <c>actor_rollout_ref.</c>.</param>
/// <param name="Value">As it was written.</param>
/// <param name="Use">What becomes of it.</param>
/// <param name="Text">The key that takes the value, or why it has no effect or is refused; empty for an exact
/// key.</param>
public sealed record VerlKey(string Key, string Value, VerlUse Use, string Text);

/// <summary>The keys of verl that are no keys of this program, by rules (<c>vocabulary.txt</c>).</summary>
internal static class VerlVocabulary
{
    private const string Any = "*";

    private static readonly Lazy<List<Rule>> s_rules = new(() => [.. Lines().SelectMany(Read)]);

    private sealed record Rule(string Pattern, VerlUse Use, string[] Values, string Text);

    /// <summary>What becomes of a key that this program does not have; null when it is none of verl's either.</summary>
    /// <param name="key">Without <c>actor_rollout_ref.</c>.</param>
    /// <param name="value">Its value.</param>
    public static VerlKey? Find(string key, YamlNode value)
    {
        string text = Text(value);
        Rule? first = s_rules.Value.Find(
            r => FileSystemName.MatchesSimpleExpression(r.Pattern, key, ignoreCase: false));
        if (first is null)
        {
            return null;
        }

        List<Rule> rules = [.. s_rules.Value.Where(r => r.Pattern == first.Pattern)];
        string word = text.Length == 0 ? "none" : text.Replace(", ", ",", StringComparison.Ordinal);
        Rule? fitting = rules.Find(r => r.Values.Contains(Any) || r.Values.Contains(word));
        return fitting is null ? new(key, text, VerlUse.Refused, rules[^1].Text)
            : new(key, text, fitting.Use, fitting.Text);
    }

    /// <summary>A value as one text; null and None are empty.</summary>
    public static string Text(YamlNode value) => value switch
    {
        YamlScalarNode { Value: null or "null" or "None" or "~" } => "",
        YamlScalarNode scalar => scalar.Value!,
        YamlSequenceNode list => "[" + string.Join(", ", list.Children.Select(Text)) + "]",
        YamlMappingNode map => "{" + string.Join(", ", map.Children.Select(p => Text(p.Key) + ": " + Text(p.Value)))
            + "}",
        _ => value.ToString(),
    };

    private static IEnumerable<string> Lines()
    {
        using Stream stream = typeof(VerlVocabulary).Assembly.GetManifestResourceStream("verl/vocabulary")!;
        using StreamReader reader = new(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0 && line[0] != '#')
            {
                yield return line;
            }
        }
    }

    private static IEnumerable<Rule> Read(string line)
    {
        string[] fields = line.Split(" | ", 4);
        VerlUse use = fields[1] switch
        {
            "derived" => VerlUse.Derived,
            "no effect" => VerlUse.NoEffect,
            "refused" => VerlUse.Refused,
            _ => throw new InvalidDataException($"verl's vocabulary: '{fields[1]}' is no use: {line}"),
        };
        string[] values = fields[2].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return Alternatives(fields[0]).Select(pattern => new Rule(pattern, use, values, fields[3]));
    }

    /// <summary>a{b,c}d: abd, acd.</summary>
    private static IEnumerable<string> Alternatives(string pattern)
    {
        int open = pattern.IndexOf('{', StringComparison.Ordinal),
            close = pattern.IndexOf('}', StringComparison.Ordinal);
        return open < 0 ? [pattern] : pattern[(open + 1)..close].Split(',')
            .SelectMany(part => Alternatives(pattern[..open] + part + pattern[(close + 1)..]));
    }
}
