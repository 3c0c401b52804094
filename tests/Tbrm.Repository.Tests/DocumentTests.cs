using System.Collections.Generic;
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

    [GeneratedRegex(@"`(TBRM_\w+)`")]
    private static partial Regex Variable();
}
