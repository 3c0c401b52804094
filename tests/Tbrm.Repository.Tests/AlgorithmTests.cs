using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Tbrm.Repository.Tests;

/// <summary>
/// A new objective, estimator or policy loss is one file: its class is named in no other source, and code that wants to
/// know something
/// of an algorithm asks its entry of the table, never its name.
/// </summary>
public sealed partial class AlgorithmTests
{
    private static readonly string[] s_folders = ["Bellman", "Estimators", "PolicyGradient"];

    /// <summary>Classes that stand in another class's file: a part of it, or what words of the configuration
    /// mean.</summary>
    private static readonly Dictionary<string, string[]> s_users = new()
    {
        // GDPO normalizes every part as GRPO does.
        ["GrpoEstimator"] = ["GdpoEstimator.cs"],
        // The loss that verl takes where nobody names one, also in bypass mode.
        ["VanillaLoss"] = ["BypassModeLoss.cs", "PolicyLosses.cs"],
        // verl's trainer selects it by a key of another section, rollout_correction.bypass_mode.
        ["BypassModeLoss"] = ["AlgorithmOptions.cs", "AlgorithmRow.cs"],
    };

    /// <summary>Words that mean something else: the program's own name, a form of prompts, and the default.</summary>
    private static readonly Dictionary<string, string[]> s_otherMeanings = new()
    {
        ["tbrm"] = ["AlgorithmConfig.cs", "TrainerConfig.cs", "NativeMethods.cs"],
        ["dapo"] = ["DataConfig.cs", "PromptOptions.cs"],
    };

    private static string Root => Testing.Repository.PathOf("src", "Tbrm.Objectives");

    private static IReadOnlyList<(string Name, string Code)> Sources { get; } = [.. Directory
        .EnumerateFiles(Testing.Repository.PathOf("src"), "*.cs", SearchOption.AllDirectories)
        // Experiments name the algorithms that they are about.
        .Where(f => !f.Contains("Tbrm.Theory"))
        .Select(f => (f, string.Join('\n', File.ReadLines(f).Where(l => !l.TrimStart().StartsWith("//")))))];

    [Test]
    public void An_entrys_class_is_named_in_its_own_file_alone()
    {
        (string Class, string File)[] entries = [.. Sources.Where(s => IsEntryFolder(s.Name))
            .SelectMany(s => EntryClass().Matches(s.Code).Select(m => (m.Groups[1].Value, s.Name)))];
        Assert.That(entries, Has.Length.GreaterThan(30));
        List<string> wrong = [];
        foreach ((string name, string file) in entries)
        {
            Regex word = new($@"\b{name}\b");
            string[] allowed = s_users.GetValueOrDefault(name, []);
            wrong.AddRange(Sources.Where(s => s.Name != file && !allowed.Contains(Path.GetFileName(s.Name))
                && word.IsMatch(s.Code)).Select(s => $"{name} in {s.Name}"));
            Assert.That(allowed.Where(a => !Sources.Any(s => Path.GetFileName(s.Name) == a && word.IsMatch(s.Code))),
                Is.Empty,
                $"{name} is not named there any more");
        }

        Assert.That(wrong, Is.Empty);
    }

    [Test]
    public void No_source_outside_the_table_asks_for_an_algorithm_by_its_name()
    {
        HashSet<string> names = [.. Sources.Where(s => IsEntryFolder(s.Name))
            .SelectMany(s => EntryName().Matches(s.Code)).SelectMany(m => Literal().Matches(m.Value))
                .Select(m => m.Groups[1].Value)];
        Assert.That(names, Is.SupersetOf(
            new[] { "tbrm", "ppo", "gae", "rloo", "gspo", "a_star_po", "apo", "dapo", "vanilla" }));
        List<string> wrong = [];
        foreach ((string file, string code) in Sources.Where(s => !IsEntryFolder(s.Name)))
        {
            wrong.AddRange(Literal().Matches(code).Select(m => m.Groups[1].Value).Where(names.Contains)
                .Where(n => !s_otherMeanings.GetValueOrDefault(n, []).Contains(Path.GetFileName(file)))
                .Select(n => $"\"{n}\" in {file}"));
        }

        Assert.That(wrong, Is.Empty, "make it a property of the entry (Algorithm, Estimator) or of the loss");
    }

    private static bool IsEntryFolder(string file) =>
        s_folders.Any(f => file.StartsWith(Path.Combine(Root, f) + Path.DirectorySeparatorChar));

    [GeneratedRegex(@"class (\w+)[^{]*?\b(?:IAlgorithmEntry|IEstimatorEntry|IPolicyLossEntry)\b",
        RegexOptions.Singleline)]
    private static partial Regex EntryClass();

    [GeneratedRegex("""\b(?:Name = "\w+"|LossMode => "\w+"|Entry\("\w+"|Aliases = \[[^\]]*\])""")]
    private static partial Regex EntryName();

    [GeneratedRegex("""(?<![\w$@])"(\w+)"(?!\w)""")]
    private static partial Regex Literal();
}
