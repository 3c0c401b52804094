using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Tbrm.Testing;

namespace Tbrm.Cli.Tests;

/// <summary>The README is true: its verbs are the program's, its files exist.</summary>
public sealed partial class ReadmeTests
{
    private static readonly string s_readme = File.ReadAllText(Repository.PathOf("README.md"));

    [Test]
    public void The_verbs_of_the_table_are_those_of_the_program()
    {
        string help = CommandLine.Run("--help").Output;
        HashSet<string> known = [.. HelpVerb().Matches(help).Select(m => m.Groups[1].Value)];
        HashSet<string> documented =
            [.. TableRow().Matches(s_readme).SelectMany(m => Code().Matches(m.Groups[1].Value))
            .Select(m => m.Groups[1].Value.Split(' ')[0])];
        Assert.That(known, Is.Not.Empty);
        Assert.That(documented, Is.EquivalentTo(known));
    }

    /// <summary>A word like trainer.seed in any document, whose first part is a section, is a key.</summary>
    [Test]
    public void Keys_in_documents_exist()
    {
        HashSet<string> keys = [];
        List<string> path = [];
        foreach (Match line in ConfigLine().Matches(CommandLine.Run("config").Output))
        {
            path = [.. path.Take(line.Groups[1].Length / 2), line.Groups[2].Value];
            keys.Add(string.Join('.', path));
        }

        string sections = string.Join('|', keys.Where(k => !k.Contains('.', StringComparison.Ordinal)));
        Regex key = new($@"(?<![\w/.-])(?:{sections})(?:\.[a-z][a-z_0-9]*)+");
        // The page for those who come from verl names keys that are verl's alone.
        IEnumerable<string> documents =
            Directory.EnumerateFiles(Repository.PathOf("docs"), "*.md", SearchOption.AllDirectories)
            .Append(Repository.PathOf("README.md"))
            .Where(d => Path.GetFileName(d) != "verl.md");
        List<string> named = [.. documents.SelectMany(d => key.Matches(File.ReadAllText(d))).Select(m => m.Value)
            .Where(k => !FileName().IsMatch(k)).Distinct()];
        Assert.That(named, Has.Count.GreaterThan(50));
        Assert.That(named.Where(
            k => !keys.Contains(k)
            && !(k.EndsWith('_') && keys.Any(known => known.StartsWith(k, StringComparison.Ordinal)))), Is.Empty);
    }

    /// <summary>`./build.sh VERB` of the README and of bench/README are verbs of the script.</summary>
    [Test]
    public void The_verbs_of_the_build_script_exist()
    {
        string script = File.ReadAllText(Repository.PathOf("build.sh"));
        foreach (Match verb in BuildVerb()
            .Matches(s_readme + File.ReadAllText(Repository.PathOf("bench", "README.md"))))
        {
            Assert.That(script, Does.Contain($"\n    {verb.Groups[1].Value}) "), verb.Value);
        }
    }

    [GeneratedRegex(@"^( *)([a-z][a-z_0-9]*):", RegexOptions.Multiline)]
    private static partial Regex ConfigLine();

    [GeneratedRegex(@"\.(?:bin|jsonl?|yaml|md|parquet|safetensors|txt)$")]
    private static partial Regex FileName();

    [GeneratedRegex(@"^  ([a-z]+)(?: <|\s{2,})", RegexOptions.Multiline)]
    private static partial Regex HelpVerb();

    [GeneratedRegex(@"^\| (`[^|]+) \|", RegexOptions.Multiline)]
    private static partial Regex TableRow();

    [GeneratedRegex(@"`([a-z][^`]*)`")]
    private static partial Regex Code();

    [GeneratedRegex(@"\./build\.sh ([a-z]+)")]
    private static partial Regex BuildVerb();
}
