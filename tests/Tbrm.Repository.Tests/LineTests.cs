using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;

namespace Tbrm.Repository.Tests;

/// <summary>Lines of C# end within 120 columns. What is longer is an old debt, which may only get smaller.</summary>
public sealed class LineTests
{
    private const int Columns = 120, Debt = 420;

    [Test]
    public void No_more_lines_than_before_are_too_long()
    {
        List<string> found = [];
        foreach (string folder in new[] { "src", "tests", "bench", "examples" })
        {
            foreach (string file in Directory.EnumerateFiles(
                Testing.Repository.PathOf(folder), "*.cs", SearchOption.AllDirectories))
            {
                string name = Path.GetRelativePath(Testing.Repository.Root, file);
                found.AddRange(File.ReadLines(file).Select((text, i) => (text, i)).Where(l => l.text.Length > Columns)
                    .Select(l => $"{name}:{l.i + 1}"));
            }
        }

        IEnumerable<string> files = found.GroupBy(f => f.Split(':')[0]).OrderByDescending(g => g.Count())
            .Select(g => $"{g.Key}: {g.Count()}");
        Assert.That(found, Has.Count.AtMost(Debt), () => $"lines over {Columns} columns: {string.Join(", ", files)}");
    }
}
