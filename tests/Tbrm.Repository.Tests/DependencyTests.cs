using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Xml.Linq;
using NUnit.Framework;

namespace Tbrm.Repository.Tests;

/// <summary>Who may reference whom, read from the project files.</summary>
public sealed class DependencyTests
{
    private static readonly string[] s_all = ["Core", "Interop", "Text", "Verify", "Data", "Objectives", "Engine", "Training"];

    private static readonly Dictionary<string, string[]> s_allowed = new()
    {
        ["Core"] = [],
        ["Interop"] = [],
        ["Text"] = ["Core"],
        ["Verify"] = ["Core"],
        ["Data"] = ["Core"],
        ["Objectives"] = ["Core"],
        ["Engine"] = ["Core", "Interop"],
        // The binding is the engine's alone.
        ["Training"] = [.. s_all.Where(p => p is not "Training" and not "Interop")],
        ["Cli"] = [.. s_all.Where(p => p != "Interop")],
    };

    private static IEnumerable<string> Projects => Directory.EnumerateDirectories(Testing.Repository.PathOf("src")).Select(d => Path.GetFileName(d)!);

    [Test]
    public void Every_project_is_in_the_table_and_every_row_exists()
    {
        Assert.That(Projects, Is.EquivalentTo(s_allowed.Keys.Select(k => "Tbrm." + k)));
    }

    [TestCaseSource(nameof(Projects))]
    public void A_project_references_only_what_the_table_allows(string project)
    {
        IEnumerable<string> references = Read(project).Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value.Replace('\\', '/')).Replace("Tbrm.", ""));
        Assert.That(references, Is.SubsetOf(s_allowed[project.Replace("Tbrm.", "")]));
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
        Assert.That(Read(project).Descendants("PackageReference").Where(p => p.Attribute("Version") is not null), Is.Empty);
    }

    private static XDocument Read(string project) => XDocument.Load(Testing.Repository.PathOf("src", project, project + ".csproj"));
}
