using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Tbrm.Core.Errors;
using Tbrm.Objectives;
using Tbrm.Training.Comparisons;
using Tbrm.Training.Config;

namespace Tbrm.Cli.Comparing;

/// <summary>
/// An arm as the command line names it: a run folder; or, optionally behind <c>NAME:</c>, words that are algorithms,
/// presets, files and key=value, each over the one before.
/// </summary>
/// <param name="Name">In legends, tables and folders.</param>
/// <param name="Folder">Of runs that are there already; null for one to be made.</param>
/// <param name="Files">Presets and files.</param>
/// <param name="Overrides">key=value.</param>
internal sealed partial record ArmSpec(string Name, string? Folder, IReadOnlyList<string> Files,
    IReadOnlyList<string> Overrides)
{
    /// <summary>Whether a word of the command line is an arm rather than key=value for all of them.</summary>
    public static bool IsArm(string word) => Named().IsMatch(word) || !word.Contains('=', StringComparison.Ordinal);

    /// <summary>Reads one.</summary>
    /// <exception cref="ConfigException">A word is nothing that is known.</exception>
    public static ArmSpec Parse(string text)
    {
        if (ComparedArm.IsRun(text) || ComparedArm.SeedFolders(text).Length > 0)
        {
            return new(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(text))), text, [], []);
        }

        Match named = Named().Match(text);
        string[] words = (named.Success ? text[named.Length..] : text)
            .Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        List<string> files = [], overrides = [];
        foreach (string word in words)
        {
            if (word.Contains('=', StringComparison.Ordinal))
            {
                overrides.Add(word);
            }
            else if (IsAlgorithm(word))
            {
                overrides.Insert(0, "algorithm.name=" + word);
            }
            else if (ConfigLoader.Presets.Contains(word) || File.Exists(word))
            {
                files.Add(word);
            }
            else
            {
                string near = NearestName.Hint(
                    word, AlgorithmTable.Entries.Select(a => a.Name).Concat(ConfigLoader.Presets));
                throw new ConfigException(Directory.Exists(word)
                    ? $"{word} is a folder without a run (there is neither config.resolved.yaml nor metrics.jsonl in "
                        + $"it)"
                    : $"'{word}' is neither a run folder, an algorithm, a preset nor a file{near}; "
                        + "an arm is one of these, or 'NAME: WORDS key=value ...'");
            }
        }

        string name = named.Success ? named.Groups[1].Value
            : Path.GetFileNameWithoutExtension(words.FirstOrDefault() ?? "");
        return words.Length == 0 ? throw new ConfigException($"'{text}' names an arm but nothing that makes it one")
            : new(name, null, files, overrides);
    }

    private static bool IsAlgorithm(string word) => word.StartsWith("assembly:", StringComparison.Ordinal)
        || AlgorithmTable.Entries.Any(a => a.Name == word || a.Aliases.Contains(word));

    [GeneratedRegex(@"^([\w.+-]+):\s+")]
    private static partial Regex Named();
}
