using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using NUnit.Framework;

namespace Tbrm.Repository.Tests;

/// <summary>Who may reference whom, read from the project files.</summary>
public sealed partial class DependencyTests
{
    private static readonly string[] s_usersOfTheBinding = ["Tbrm.Engine", "Tbrm.Engine.Tests"];

    private static readonly string[] s_all =
    [
        "Core", "Interop", "Jinja", "MathVerify", "Tasks", "Text", "Verify", "Data", "Objectives", "Theory", "Engine",
        "Training",
    ];

    private static readonly Dictionary<string, string[]> s_allowed = new()
    {
        ["Core"] = [],
        ["Interop"] = [],
        // Libraries of their own: of templates, of mathematical answers, of tasks.
        ["Jinja"] = [],
        ["MathVerify"] = [],
        ["Tasks"] = ["Core"],
        ["Text"] = ["Core", "Jinja"],
        ["Verify"] = ["Core", "MathVerify"],
        ["Data"] = ["Core", "Tasks"],
        ["Objectives"] = ["Core"],
        ["Theory"] = ["Core", "Objectives"],
        // Of those who want autograd: neither referenced by the product nor built with it.
        ["Torch"] = ["Core", "Objectives"],
        ["Engine"] = ["Core", "Interop"],
        // The binding is the engine's alone.
        ["Training"] = [.. s_all.Where(p => p is not "Training" and not "Interop")],
        // It reads run folders; what computes is not its business.
        ["Watch"] = ["Core", "Text", "Training"],
        ["Cli"] = [.. s_all.Where(p => p != "Interop"), "Watch"],
    };

    private static IEnumerable<string> Projects => Directory.EnumerateDirectories(Testing.Repository.PathOf("src"))
        .Select(d => Path.GetFileName(d)!);

    [Test]
    public void Every_project_is_in_the_table_and_every_row_exists()
    {
        Assert.That(Projects, Is.EquivalentTo(s_allowed.Keys.Select(k => "Tbrm." + k)));
    }

    [TestCaseSource(nameof(Projects))]
    public void A_project_references_only_what_the_table_allows(string project)
    {
        IEnumerable<string> references = Read(project).Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value.Replace('\\', '/'))
                .Replace("Tbrm.", ""));
        Assert.That(references, Is.SubsetOf(s_allowed[project.Replace("Tbrm.", "")]));
    }

    /// <summary>A library of its own knows problems, answers and errors, nothing of configuration, models or
    /// training.</summary>
    [TestCase("Tbrm.Jinja")]
    [TestCase("Tbrm.MathVerify")]
    [TestCase("Tbrm.Tasks")]
    public void A_library_of_its_own_knows_nothing_of_training(string project)
    {
        string[] known = [project, "Tbrm.Core.Errors", "Tbrm.Core.Prompts", "Tbrm.Core.Rewards"];
        IEnumerable<string> used = Directory.EnumerateFiles(
                Testing.Repository.PathOf("src", project), "*.cs", SearchOption.AllDirectories)
            .SelectMany(f => Used().Matches(File.ReadAllText(f))).Select(m => m.Groups[1].Value).Distinct();
        Assert.That(used.Where(n => !known.Any(k => n == k || n.StartsWith(k + ".", StringComparison.Ordinal))),
            Is.Empty);
    }

    [TestCaseSource(nameof(Projects))]
    public void Only_the_binding_is_unsafe(string project)
    {
        bool allowed = Read(project).Descendants("AllowUnsafeBlocks").Any(e => e.Value == "true");
        Assert.That(allowed, Is.EqualTo(project == "Tbrm.Interop"));
    }

    [TestCaseSource(nameof(Projects))]
    public void Versions_of_packages_are_central(string project)
    {
        Assert.That(Read(project).Descendants("PackageReference").Where(p => p.Attribute("Version") is not null),
            Is.Empty);
    }

    [Test]
    public void A_project_sees_only_what_it_references_itself()
    {
        XDocument props = XDocument.Load(Testing.Repository.PathOf("Directory.Build.props"));
        Assert.That(props.Descendants("DisableTransitiveProjectReferences").Select(e => e.Value),
            Is.EqualTo(new[] { "true" }));
        Assert.That(AllProjects().Where(p => File.ReadAllText(p).Contains("DisableTransitiveProjectReferences")),
            Is.Empty);
    }

    /// <summary>libtorch's half gigabyte is for those who ask for it.</summary>
    [Test]
    public void Autograd_is_outside_of_the_default_build()
    {
        Assert.That(File.ReadAllText(Testing.Repository.PathOf("Tbrm.sln")), Does.Not.Contain("Tbrm.Torch"));
        Assert.That(AllProjects().Where(p => File.ReadAllText(p).Contains("TorchSharp"))
            .Select(Path.GetFileNameWithoutExtension),
            Is.EquivalentTo((string[])["Tbrm.Torch", "Tbrm.Torch.Tests", "Tbrm.Bench.Torch", "HuberAutograd"]));
    }

    [Test]
    public void The_binding_is_referenced_by_the_engine_and_its_tests_alone()
    {
        IEnumerable<string> users = AllProjects().Where(p => XDocument.Load(p).Descendants("ProjectReference")
            .Any(r => r.Attribute("Include")!.Value.EndsWith("Tbrm.Interop.csproj", StringComparison.Ordinal)));
        Assert.That(users.Select(Path.GetFileNameWithoutExtension), Is.EquivalentTo(s_usersOfTheBinding));
    }

    [Test]
    public void No_other_source_names_the_binding()
    {
        string[] own = [.. s_usersOfTheBinding.Append("Tbrm.Interop")];
        IEnumerable<string> named = AllProjects().Where(p => !own.Contains(Path.GetFileNameWithoutExtension(p)))
            .SelectMany(p => Directory.EnumerateFiles(Path.GetDirectoryName(p)!, "*.cs", SearchOption.AllDirectories))
            .Where(f => File.ReadLines(f).Any(l => Binding().IsMatch(l)));
        Assert.That(named, Is.Empty);
    }

    private static IEnumerable<string> AllProjects() => new[] { "src", "tests", "bench", "examples" }
        .SelectMany(f =>
            Directory.EnumerateFiles(Testing.Repository.PathOf(f), "*.csproj", SearchOption.AllDirectories));

    /// <summary>A directive, or the start of a qualified name; not the words of a message or of a path.</summary>
    [GeneratedRegex(@"^using (static )?Tbrm\.Interop\b|(?<![\w.""/])(Tbrm\.)?Interop\.[A-Z]\w+[.(;]")]
    private static partial Regex Binding();

    [GeneratedRegex(@"^using (?:static )?(Tbrm\.[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Used();

    private static XDocument Read(string project) =>
        XDocument.Load(Testing.Repository.PathOf("src", project, project + ".csproj"));
}
