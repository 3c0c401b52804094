using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Tbrm.Repository.Tests;

/// <summary>The defects of tests/simt/mutants can be planted in the kernels as they are: the campaign takes hours, and
/// runs seldom.</summary>
public sealed partial class MutantTests
{
    /// <summary>A block of mutants.txt: where, by which cases it is looked for, and the text that it
    /// replaces.</summary>
    private sealed record Mutant(string File, string Unit, string[] Cases, string Old);

    private static string Native => Testing.Repository.PathOf("native", "src");

    [Test]
    public void Every_defect_can_be_planted_and_its_cases_exist()
    {
        string[] cases = [.. Directory.EnumerateFiles(Testing.Repository.PathOf("tests", "native"), "*.cpp")
            .SelectMany(f => Case().Matches(File.ReadAllText(f))).Select(m => m.Groups[1].Value)];
        Mutant[] mutants = [.. Mutants()];
        Assert.That(mutants, Has.Length.GreaterThan(30));
        List<string> wrong = [];
        foreach (Mutant mutant in mutants)
        {
            string text = File.ReadAllText(Path.Combine(Native, mutant.File));
            int times = text.Split(mutant.Old).Length - 1;
            if (times != 1)
            {
                wrong.Add($"{mutant.File} has this {times} times, expected once: {mutant.Old}");
            }

            wrong.AddRange(mutant.Cases.Where(c => !cases.Any(name => name.Contains(c, StringComparison.Ordinal)))
                .Select(c => $"{mutant.File}: there is no case {c}"));
            if (!File.Exists(Path.Combine(Native, mutant.Unit)))
            {
                wrong.Add($"there is no unit {mutant.Unit}");
            }
        }

        Assert.That(wrong, Is.Empty);
    }

    private static IEnumerable<Mutant> Mutants()
    {
        string[] lines = File.ReadAllLines(Testing.Repository.PathOf("tests", "simt", "mutants", "mutants.txt"));
        for (int i = 0; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith("== ", StringComparison.Ordinal))
            {
                continue;
            }

            string[] parts = [.. lines[i][3..].Split('|').Select(p => p.Trim())];
            IEnumerable<string> block = lines.Skip(i + 1)
                .TakeWhile(l => !l.StartsWith("== ", StringComparison.Ordinal));
            string old = string.Join('\n', block.Where(l => l.StartsWith('-')).Select(l => l[1..]));
            yield return new(parts[0], parts[1], parts[2].Split(',', StringSplitOptions.TrimEntries), old);
        }
    }

    [GeneratedRegex(@"TBRM_TEST(?:_FULL)?\((\w+)\)")]
    private static partial Regex Case();
}
