using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Tbrm.Repository.Tests;

/// <summary>The documents tell all of what they claim to list, and nothing that is not there.</summary>
public sealed partial class DocumentTests
{
    private static readonly string[] s_code = ["native", "src", "tests", "bench", "cmake"];

    /// <summary>Variables that programs and scripts read from the environment, against
    /// docs/guide/environment.md.</summary>
    [Test]
    public void The_guide_names_every_environment_variable_and_no_other()
    {
        IEnumerable<string> files =
            s_code.SelectMany(f =>
            Directory.EnumerateFiles(Testing.Repository.PathOf(f), "*", SearchOption.AllDirectories))
            .Append(Testing.Repository.PathOf("build.sh")).Append(Testing.Repository.PathOf("build.ps1"))
            .Where(f => Path.GetExtension(f) is ".cs" or ".cpp" or ".hpp" or ".sh" or ".cmake" or ".ps1");
        HashSet<string> read =
            [.. files.SelectMany(f => Read().Matches(File.ReadAllText(f))).Select(m => m.Groups[1].Value)];
        HashSet<string> told =
            [.. File.ReadLines(Testing.Repository.PathOf("docs", "guide", "environment.md"))
            .Where(l => l.StartsWith("| `", System.StringComparison.Ordinal))
            .SelectMany(l => Variable().Matches(l.Split('|')[1])).Select(m => m.Groups[1].Value)];
        Assert.That(read, Is.Not.Empty);
        Assert.That(told, Is.EquivalentTo(read));
    }

    /// <summary>docs/architecture.md says where things are: each project and each native folder by its name.</summary>
    [Test]
    public void The_architecture_names_every_folder()
    {
        string text = File.ReadAllText(Testing.Repository.PathOf("docs", "architecture.md"));
        string[] parents = [Testing.Repository.PathOf("src"), Testing.Repository.PathOf("native", "src"),
            Testing.Repository.PathOf("bench"), Testing.Repository.PathOf("docs")];
        IEnumerable<string> missing = parents.SelectMany(p => Directory.EnumerateDirectories(p))
            .Select(p => Path.GetFileName(p))
            .Where(n => n is not ("bin" or "obj") && !Regex.IsMatch(text, $@"[ `]{Regex.Escape(n)}[`,/ \n]"));
        Assert.That(missing, Is.Empty);
    }

    /// <summary>The lines of C# of each project, as docs/architecture.md has them: a tenth off at most.</summary>
    [Test]
    public void The_architecture_counts_the_lines_of_each_project()
    {
        Dictionary<string, double> counted = LineCount()
            .Matches(File.ReadAllText(Testing.Repository.PathOf("docs", "architecture.md")))
            .ToDictionary(m => m.Groups[1].Value, m => double.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture));
        Dictionary<string, double> lines = Directory.EnumerateDirectories(Testing.Repository.PathOf("src"))
            .ToDictionary(p => Path.GetFileName(p), p => (double)Directory
                .EnumerateFiles(p, "*.cs", SearchOption.AllDirectories).Sum(f => File.ReadLines(f).Count()));
        Assert.That(counted.Keys, Is.EquivalentTo(lines.Keys));
        Assert.That(lines.Where(l => System.Math.Abs(counted[l.Key] / l.Value - 1) > 0.1)
            .Select(l => $"{l.Key} has {l.Value} lines"), Is.Empty);
    }

    /// <summary>README's section on dependencies: each package that is referenced anywhere, by its name.</summary>
    [Test]
    public void The_readme_names_every_package()
    {
        string readme = File.ReadAllText(Testing.Repository.PathOf("README.md"));
        string section = readme[readme.IndexOf("## Dependencies", System.StringComparison.Ordinal)..];
        IEnumerable<string> versions = File.ReadLines(Testing.Repository.PathOf("Directory.Packages.props"))
            .TakeWhile(l => !l.Contains("transitive pins", System.StringComparison.Ordinal));
        string[] packages = [.. versions.SelectMany(l => PackageVersion().Matches(l)).Select(m => m.Groups[1].Value)
            // Adapters and natives of a package that is named.
            .Select(p => p.Split(".runtime.")[0])
            .Where(p => p is not ("NUnit3TestAdapter" or "Microsoft.NET.Test.Sdk"))];
        Assert.That(packages, Has.Length.GreaterThan(10));
        Assert.That(packages.Where(p => !section.Contains(p, System.StringComparison.Ordinal)), Is.Empty);
    }

    /// <summary>Each guide is reached from another page.</summary>
    [Test]
    public void Every_guide_is_linked()
    {
        string pages = string.Concat(
            Directory.EnumerateFiles(Testing.Repository.PathOf("docs"), "*.md", SearchOption.AllDirectories)
            .Append(Testing.Repository.PathOf("README.md")).Append(Testing.Repository.PathOf("bench", "README.md"))
                .Select(File.ReadAllText));
        IEnumerable<string> guides = Directory.EnumerateFiles(Testing.Repository.PathOf("docs", "guide"), "*.md")
            .Select(p => Path.GetFileName(p));
        Assert.That(guides.Where(g => !pages.Contains($"{g})", System.StringComparison.Ordinal)), Is.Empty);
    }

    /// <summary>A key that nothing reads would be accepted and do nothing.</summary>
    [Test]
    public void Every_configuration_key_is_read_somewhere()
    {
        string config = Testing.Repository.PathOf("src", "Tbrm.Core", "Config");
        string code = string.Concat(
            Directory.EnumerateFiles(Testing.Repository.PathOf("src"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.StartsWith(config, System.StringComparison.Ordinal)).Select(File.ReadAllText));
        List<string> keys = [.. Directory.EnumerateFiles(config, "*.cs")
            .SelectMany(f => Key().Matches(File.ReadAllText(f))).Select(m => m.Groups[1].Value).Distinct()];
        Assert.That(keys, Has.Count.GreaterThan(80));
        // A key of the same name as an option of an objective or an estimator is read by that name (AlgorithmOptions).
        HashSet<string> options =
            [.. Directory.EnumerateFiles(Testing.Repository.PathOf("src", "Tbrm.Objectives"), "*.cs",
            SearchOption.AllDirectories)
            .SelectMany(f => Key().Matches(File.ReadAllText(f))).Select(m => m.Groups[1].Value)];
        Assert.That(keys.Where(k => !options.Contains(k) && !Regex.IsMatch(code, $@"\.{k}\b")), Is.Empty);
    }

    [GeneratedRegex(@"public [\w<>\[\], ?]+ (\w+) \{ get; init; \}")]
    private static partial Regex Key();

    [GeneratedRegex(@"(?:getenv\(""|GetEnvironmentVariable\(""|\$ENV\{|\$\{(?=TBRM_\w+:-)|\$env:)(TBRM_\w+)")]
    private static partial Regex Read();

    [GeneratedRegex(@"^\| `(Tbrm\.\w+)` \| (\d+) \|", RegexOptions.Multiline)]
    private static partial Regex LineCount();

    [GeneratedRegex(@"<PackageVersion Include=""([^""]+)""")]
    private static partial Regex PackageVersion();

    [GeneratedRegex(@"`(TBRM_\w+)`")]
    private static partial Regex Variable();
}
