using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Tbrm.Repository.Tests;

/// <summary>What the shell scripts of the repository must not do.</summary>
public sealed partial class ScriptTests
{
    /// <summary>
    /// A reader that stops early ends its writer by SIGPIPE, and under <c>pipefail</c> the pipe then fails: without a
    /// word, and only when the writer is the slower one.
    /// </summary>
    [Test]
    public void No_pipe_under_pipefail_ends_in_a_reader_that_stops_early()
    {
        List<string> scripts = [.. Scripts().Where(s => File.ReadAllText(s).Contains("pipefail"))];
        Assert.That(scripts, Has.Count.AtLeast(10));
        Assert.That(scripts.SelectMany(EarlyReaders), Is.Empty);
    }

    [TestCase("list | head -1", true)]
    [TestCase("list | grep -q word", true)]
    [TestCase("list | grep -m1 word", true)]
    [TestCase("list | awk '$1 == 2 { print; exit }'", true)]
    [TestCase("list | sed -n '/a/{p;q}'", true)]
    [TestCase("list | tail -1", false)]
    [TestCase("grep -q word <<<\"$list\"", false)]
    [TestCase("true || head -1 file", false)]
    public void The_rule_finds(string line, bool found) => Assert.That(EarlyReader().IsMatch(line), Is.EqualTo(found));

    private static IEnumerable<string> EarlyReaders(string script) => File.ReadLines(script)
        .Select((text, i) => (text, i)).Where(l => !l.text.TrimStart().StartsWith('#') && EarlyReader().IsMatch(l.text))
        .Select(l => $"{Path.GetRelativePath(Testing.Repository.Root, script)}:{l.i + 1}: {l.text.Trim()}");

    private static IEnumerable<string> Scripts()
    {
        string root = Testing.Repository.Root;
        string[] folders = [.. new[] { ".ci", "bench", "cmake", "examples", "packaging", "tests" }
            .Select(f => Path.Combine(root, f)).Where(Directory.Exists)];
        return folders.SelectMany(f => Directory.EnumerateFiles(f, "*", SearchOption.AllDirectories))
            .Append(Path.Combine(root, "build.sh")).Where(IsShell);
    }

    private static bool IsShell(string file)
    {
        if (Path.GetExtension(file) is not ("" or ".sh"))
        {
            return false;
        }

        using StreamReader reader = new(file);
        return reader.ReadLine() is { } first && first.StartsWith("#!") && first.Contains("sh");
    }

    [GeneratedRegex("""(?<!\|)\|\s*(head\b|grep\s+-[a-zA-Z]*[qm]|awk\b.*\bexit\b|sed\b.*[;{]q)""")]
    private static partial Regex EarlyReader();
}
