using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;
using Tbrm.Testing;

namespace Tbrm.Cli.Tests;

/// <summary>A command of the program as a document shows it.</summary>
/// <param name="Where">File and line.</param>
/// <param name="Text">The line, continued ones joined, without its comment.</param>
/// <param name="IsMention">In a sentence, where what must be given beside it may be left out.</param>
public sealed partial record DocumentedCommand(string Where, string Text, bool IsMention)
{
    private const string Program = "tbrm-native ";

    /// <summary>Every one: lines of code blocks, and commands with a verb in the text.</summary>
    public static IReadOnlyList<DocumentedCommand> All { get; } = [.. Documents().SelectMany(Read)];

    /// <summary>The words as a shell splits them; of a synopsis, everything that may stand there, names in capitals
    /// given a value.</summary>
    public string[] Arguments => [.. Split(Text[Program.Length..])
        .Where(w => w is not ("..." or "[key=value" or "[option=value" or "...]")).Select(Filled)];

    /// <summary>What follows the program's name.</summary>
    public string Words => Text[Program.Length..];

    /// <summary>Its verb.</summary>
    public string Verb => Text[Program.Length..].Split(' ')[0];

    public override string ToString() => $"{Where}: {Text}";

    /// <summary>The pages that show commands.</summary>
    internal static IEnumerable<string> Documents() =>
        Directory.EnumerateFiles(Repository.PathOf("docs"), "*.md", SearchOption.AllDirectories)
        .Concat(new[] { "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "bench/README.md",
            "examples/README.md" }.Select(f => Repository.PathOf(f))).Order(StringComparer.Ordinal);

    private static IEnumerable<DocumentedCommand> Read(string file)
    {
        string[] lines = File.ReadAllLines(file);
        bool isFenced = false;
        for (int i = 0; i < lines.Length; i++)
        {
            string where = $"{Path.GetRelativePath(Repository.Root, file)}:{i + 1}";
            isFenced ^= lines[i].StartsWith("```", StringComparison.Ordinal);
            string line = lines[i].TrimStart();
            if (!isFenced && !lines[i].StartsWith("    ", StringComparison.Ordinal))
            {
                foreach (Match inline in Inline().Matches(lines[i]))
                {
                    yield return new(where, inline.Groups[1].Value, true);
                }
            }
            else if (Started().Match(line) is { Success: true } started)
            {
                line = line[started.Length..];
                while (line.EndsWith('\\'))
                {
                    line = line[..^1].TrimEnd() + " " + lines[++i].Trim();
                }

                yield return new(where, Comment().Replace(line, "").TrimEnd(), false);
            }
        }
    }

    /// <summary>Words, with quotes taken away; what goes to a file with &gt; is the shell's.</summary>
    private static IEnumerable<string> Split(string text)
    {
        StringBuilder word = new();
        char quote = '\0';
        bool isWord = false;
        foreach (char c in text + " ")
        {
            if (quote == '\0' && c == '>')
            {
                break;
            }

            if (c == quote || (quote == '\0' && c is '\'' or '"'))
            {
                (quote, isWord) = (c == quote ? '\0' : c, true);
            }
            else if (quote == '\0' && c == ' ')
            {
                if (isWord)
                {
                    yield return word.ToString();
                }

                word.Clear();
                isWord = false;
            }
            else
            {
                word.Append(c);
                isWord = true;
            }
        }
    }

    /// <summary>[--seed S] is --seed 1; a|b is a.</summary>
    private static string Filled(string word)
    {
        bool isKey = word.Contains('=', StringComparison.Ordinal);
        string bare = isKey ? word : word.TrimStart('[').TrimEnd(']').Split('|')[0];
        return bare is "N" or "S" ? "1" : bare.EndsWith("...", StringComparison.Ordinal) ? bare[..^3] : bare;
    }

    /// <summary>Variables, or a launcher with its options (<see cref="LauncherTests"/>), in front of the
    /// program.</summary>
    [GeneratedRegex(@"^(?:(?:[A-Z_]+=\S+ )*|(?:torchrun|srun|mpirun) .*?)(?=tbrm-native )")]
    private static partial Regex Started();

    [GeneratedRegex(@"(?:\s#|\s{4,})\s.*$")]
    private static partial Regex Comment();

    [GeneratedRegex(@"`(tbrm-native [a-z]+ [^`]+)`")]
    private static partial Regex Inline();
}
