using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Tbrm.Repository.Tests;

/// <summary>A file's namespace says where the file is.</summary>
public sealed partial class NamespaceTests
{
    /// <summary>What stands for a user's own code has a user's own namespace, or none.</summary>
    private static readonly string[] s_exempt = ["tests/Tbrm.Verify.Tests/LastWordGrader.cs"];

    private static IEnumerable<string> Projects => new[] { "src", "tests", "bench" }
        .SelectMany(f =>
            Directory.EnumerateFiles(Testing.Repository.PathOf(f), "*.csproj", SearchOption.AllDirectories))
        .Select(p => Path.GetRelativePath(Testing.Repository.Root, p).Replace('\\', '/'));

    [TestCaseSource(nameof(Projects))]
    public void Namespaces_are_the_project_and_the_folder(string project)
    {
        string folder = Testing.Repository.PathOf(Path.GetDirectoryName(project)!),
            root = Path.GetFileNameWithoutExtension(project);
        List<string> wrong = [];
        int files = 0;
        foreach (string file in Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories))
        {
            string path = Path.GetRelativePath(Testing.Repository.Root, file).Replace('\\', '/');
            string below = Path.GetRelativePath(folder, Path.GetDirectoryName(file)!).Replace('\\', '/');
            string expected = below == "." ? root : $"{root}.{below.Replace('/', '.')}";
            foreach (Match found in Namespace().Matches(File.ReadAllText(file)))
            {
                files++;
                if (found.Groups[1].Value != expected && !s_exempt.Contains(path))
                {
                    wrong.Add($"{path}: expected namespace {expected}, found {found.Groups[1].Value}");
                }
            }
        }

        Assert.Multiple(() =>
        {
            Assert.That(files, Is.Positive);
            Assert.That(wrong, Is.Empty);
        });
    }

    [GeneratedRegex(@"^namespace ([\w.]+)", RegexOptions.Multiline)]
    private static partial Regex Namespace();
}
