using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using NUnit.Framework;
using Tbrm.Testing;

namespace Tbrm.Cli.Tests;

/// <summary>Documented <c>dotnet run --project ...</c>: the project that was built is run with the documented
/// arguments, in seconds.</summary>
[Platform("Linux")]
public sealed class DocumentedProgramTests : FolderTests
{
    private static IEnumerable<TestCaseData> Fuzz => Lines("tests/Tbrm.Fuzz");

    /// <summary>throughput takes minutes: its word is the program's.</summary>
    private static IEnumerable<TestCaseData> Bench => Lines("bench/Tbrm.Bench")
        .Where(t => !((string[])t.Arguments[0]!).Contains("throughput"));

    [TestCaseSource(nameof(Fuzz))]
    public void A_reader_is_fuzzed(string[] arguments)
    {
        string kept = Path.Combine(Folder, "input");
        File.WriteAllText(kept, "{}");
        string text = string.Join(' ', arguments);
        string[] words = [.. arguments.Select((w, i) => w.StartsWith("artifacts/fuzz/", StringComparison.Ordinal)
            ? kept : i > 0 && arguments[i - 1] == "--minutes" ? "0.02" : w),
            .. text.StartsWith("replay", StringComparison.Ordinal) ? Array.Empty<string>()
                : ["--count", "20", "--out", Path.Combine(Folder, "defects")]];
        Assert.That(Run("Tbrm.Fuzz", words).ExitCode, Is.Zero, text);
    }

    [TestCaseSource(nameof(Bench))]
    public void Benchmarks_are_found(string[] arguments)
    {
        Outcome list = Run("Tbrm.Bench", [.. arguments, "--list", "flat"]);
        Assert.That(list.ExitCode, Is.Zero, list.Output + list.Error);
        Assert.That(list.Output, Does.Contain("Bench."));
    }

    [Test]
    public void Throughput_is_a_word_of_the_benchmarks() =>
        Assert.That(File.ReadAllText(Repository.PathOf("bench", "Tbrm.Bench", "Program.cs")),
            Does.Contain("[\"throughput\", ..]"));

    private static IEnumerable<TestCaseData> Lines(string project) => ShellLine.All.Select(l => l.Command)
        .Where(c => c is ["dotnet", "run", ..] && c.Contains(project)).Select(c => c[(Array.IndexOf(c, "--") + 1)..])
        .DistinctBy(a => string.Join(' ', a))
        .Select(a => new TestCaseData([a]).SetArgDisplayNames(string.Join(' ', a)));

    private static Outcome Run(string project, string[] arguments)
    {
        string program = Path.Combine(AppContext.BaseDirectory.Replace("Tbrm.Cli.Tests", project,
            StringComparison.Ordinal), project + ".dll");
        ProcessStartInfo start = new("dotnet", [program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Repository.Root,
        };
        using Process process = Process.Start(start)!;
        System.Threading.Tasks.Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new(process.ExitCode, output, error.Result);
    }
}
