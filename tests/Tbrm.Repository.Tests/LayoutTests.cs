using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Tbrm.Repository.Tests;

/// <summary>What stands where, and what must stand nowhere.</summary>
public sealed partial class LayoutTests
{
    private static readonly string[] s_top =
        ["native", "src", "tests", "bench", "cmake", "docs", "examples", "packaging", "build.sh", "build.ps1",
            "Tbrm.sln",
        "README.md",
        "LICENSE", "THIRD-PARTY-NOTICES.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];

    private static readonly string[] s_ignored = ["artifacts", "runs", "shared"];

    private static readonly string[] s_sourceFolders =
        ["native", "src", "tests", "bench", "cmake", "docs", "examples", "packaging"];

    [Test]
    public void The_top_level_holds_what_it_should_and_nothing_else()
    {
        string root = Testing.Repository.Root;
        IEnumerable<string> names = Directory.EnumerateFileSystemEntries(root).Select(p => Path.GetFileName(p))
            .Where(n => !n.StartsWith('.') && !n.EndsWith(".props", System.StringComparison.Ordinal)
                && !s_ignored.Contains(n));
        Assert.That(names, Is.EquivalentTo(s_top));
    }

    [Test]
    public void No_file_carries_a_note_to_be_done_later()
    {
        List<string> found = [];
        foreach (string file in s_sourceFolders.SelectMany(f => Files(Testing.Repository.PathOf(f))))
        {
            int line = 0;
            foreach (string text in File.ReadLines(file))
            {
                line++;
                if (Note().IsMatch(text))
                {
                    found.Add($"{file}:{line}: {text.Trim()}");
                }
            }
        }

        Assert.That(found, Is.Empty);
    }

    /// <summary>Each package of the product is named with its licence.</summary>
    [Test]
    public void The_notices_name_every_package_of_the_product()
    {
        string notices = File.ReadAllText(Testing.Repository.PathOf("THIRD-PARTY-NOTICES.md"));
        string[] packages = [.. Directory.EnumerateFiles(Testing.Repository.PathOf("src"), "*.csproj",
            SearchOption.AllDirectories)
            .SelectMany(f => Package().Matches(File.ReadAllText(f))).Select(m => m.Groups[1].Value).Distinct()];
        Assert.That(packages, Is.Not.Empty);
        Assert.That(packages.Where(p => !notices.Contains($"| {p} |", System.StringComparison.Ordinal)), Is.Empty);
    }

    /// <summary>Every link of a document to a file of the tree leads somewhere.</summary>
    [Test]
    public void Links_in_documents_lead_to_files()
    {
        List<string> broken = [];
        foreach (string file in Files(Testing.Repository.PathOf("docs"))
            .Concat(Directory.EnumerateFiles(Testing.Repository.Root, "*.md"))
            .Append(Testing.Repository.PathOf("bench", "README.md")))
        {
            foreach (Match link in Link().Matches(File.ReadAllText(file)))
            {
                string target = link.Groups[1].Value.Split('#')[0];
                string path = Path.Combine(Path.GetDirectoryName(file)!, target);
                if (target.Length > 0 && !target.Contains("://", System.StringComparison.Ordinal) && !File.Exists(path)
                    && !Directory.Exists(path))
                {
                    broken.Add($"{file}: {target}");
                }
            }
        }

        Assert.That(broken, Is.Empty);
    }

    private static IEnumerable<string> Files(string folder) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(f => Path.GetExtension(
                f) is ".cs" or ".cpp" or ".hpp" or ".h" or ".cu" or ".cuh" or ".sh" or ".cmake" or ".md" or ".yaml"
                && !f.Contains("/Golden/", System.StringComparison.Ordinal));

    // In two halves, or this file would find itself.
    [GeneratedRegex(@"\b(TO" + @"DO|FIX" + @"ME|HA" + @"CK|XX" + @"X)\b")]
    private static partial Regex Note();

    [GeneratedRegex("<PackageReference Include=\"([^\"]+)\"")]
    private static partial Regex Package();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
