using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Tbrm.Repository.Tests;

/// <summary>
/// The folders of a project stand on one another in an order: none needs one that needs it. Read from the directives
/// and the half qualified names
/// of the sources; a folder below a folder is a part of it.
/// </summary>
public sealed partial class FolderTests
{
    private static IEnumerable<string> Projects =>
        Directory.EnumerateDirectories(Testing.Repository.PathOf("src")).Select(d => Path.GetFileName(d)!).Order();

    [TestCaseSource(nameof(Projects))]
    public void Folders_need_one_another_without_a_circle(string project)
    {
        string root = Testing.Repository.PathOf("src", project);
        Dictionary<string, SortedSet<string>> needs = Needs(root, project);
        Assert.That(Circle(needs), Is.Null, () => $"{project}: {string.Join(" -> ", Circle(needs)!)}");
    }

    [Test]
    public void A_circle_is_found_and_an_order_is_none()
    {
        Dictionary<string, SortedSet<string>> needs = new() { ["a"] = ["b", "c"], ["b"] = ["c"], ["c"] = [] };
        Assert.That(Circle(needs), Is.Null);
        needs["c"] = ["a"];
        Assert.That(Circle(needs), Is.EqualTo(new[] { "a", "b", "c", "a" }));
    }

    [Test]
    public void What_a_source_needs_is_read_from_directives_and_from_half_qualified_names()
    {
        Dictionary<string, HashSet<string>> declared =
            new() { ["Steps"] = ["TrainStep"], ["Runs"] = ["RunState"], ["Loops"] = ["WarmStart"] };
        const string source =
            "using Tbrm.Training.Steps;\n// Runs.RunState\nLoops.WarmStart x = a.Runs.RunState.Y(Runs.Other);\n";
        Assert.That(NeedsOf(source, "Tbrm.Training", declared), Is.EquivalentTo(new[] { "Steps", "Loops" }));
    }

    /// <summary>Which folders each folder needs.</summary>
    private static Dictionary<string, SortedSet<string>> Needs(string root, string project)
    {
        (string Folder, string Text)[] sources = [.. Directory.EnumerateDirectories(root)
            .Where(d => Path.GetFileName(d) is not ("bin" or "obj"))
            .SelectMany(d => Directory.EnumerateFiles(d, "*.cs", SearchOption.AllDirectories)
                .Select(f => (Path.GetFileName(d), File.ReadAllText(f))))];
        Dictionary<string, HashSet<string>> declared = sources.GroupBy(s => s.Folder)
            .ToDictionary(g => g.Key,
                g => g.SelectMany(s => Type().Matches(s.Text)).Select(m => m.Groups[1].Value).ToHashSet());
        return sources.GroupBy(s => s.Folder)
            .ToDictionary(g => g.Key,
                g => new SortedSet<string>(g.SelectMany(s => NeedsOf(s.Text, project, declared))
                .Where(f => f != g.Key)));
    }

    private static IEnumerable<string> NeedsOf(string source, string project,
        Dictionary<string, HashSet<string>> declared)
    {
        foreach (string line in source.Split('\n').Select(l => l.TrimStart())
            .Where(l => !l.StartsWith("//", StringComparison.Ordinal)))
        {
            foreach (Match name in Name().Matches(line))
            {
                string[] parts = name.Value.StartsWith(project + ".", StringComparison.Ordinal)
                    ? name.Value[(project.Length + 1)..].Split('.') : name.Value.Split('.');
                bool isDirective = line.StartsWith("using ", StringComparison.Ordinal)
                    && parts.Length < name.Value.Split('.').Length;
                if (declared.TryGetValue(parts[0], out HashSet<string>? types)
                    && (isDirective || parts.Skip(1).Any(types.Contains)))
                {
                    yield return parts[0];
                }
            }
        }
    }

    /// <summary>A way from a folder back to itself; null when there is none.</summary>
    private static List<string>? Circle(Dictionary<string, SortedSet<string>> needs)
    {
        HashSet<string> done = [];
        return needs.Keys.Order(StringComparer.Ordinal).Select(k => From(k, [])).FirstOrDefault(c => c is not null);

        List<string>? From(string folder, List<string> way)
        {
            if (way.IndexOf(folder) is int at and >= 0)
            {
                return [.. way[at..], folder];
            }

            if (done.Contains(folder))
            {
                return null;
            }

            List<string>? found = needs[folder].Select(next => From(next, [.. way, folder]))
                .FirstOrDefault(c => c is not null);
            done.Add(folder);
            return found;
        }
    }

    [GeneratedRegex(@"(?<![\w.])[A-Z]\w*(?:\.[A-Z]\w*)+")]
    private static partial Regex Name();

    [GeneratedRegex(@"^(?:\w+ )*(?:class|record|struct|interface|enum) (\w+)", RegexOptions.Multiline)]
    private static partial Regex Type();
}
