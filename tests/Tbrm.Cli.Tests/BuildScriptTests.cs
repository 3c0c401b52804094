using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Tbrm.Testing;

namespace Tbrm.Cli.Tests;

/// <summary>build.sh as it stands, with stand-ins for compilers, CMake and .NET that write down how they were called:
/// each verb of its help, and each documented command, calls what it says.</summary>
[Platform("Linux")]
public sealed partial class BuildScriptTests : FolderTests
{
    private const string Program = "artifacts/bin/Tbrm.Cli/release/tbrm-native.dll";

    /// <summary>What each verb must have called, in this order.</summary>
    private static readonly Dictionary<string, string[]> s_calls = new()
    {
        ["build"] = ["cmake --preset cpu", "cmake --build --preset cpu", "dotnet build Tbrm.sln"],
        ["train"] = ["dotnet build Tbrm.sln", $"dotnet {Program} train"],
        ["test"] = ["ctest --preset cpu", "dotnet test Tbrm.sln"],
        ["bench"] = ["dotnet build Tbrm.sln", "bench"],
        ["package"] = ["archive.sh artifacts/native/cpu", "packages.sh artifacts/native/cpu"],
        ["format"] = ["clang-format-14 ", "dotnet format Tbrm.sln whitespace"],
        ["doctor"] = [],
        ["clean"] = [],
    };

    private static IEnumerable<TestCaseData> Commands => ShellLine.All
        .Where(l => l.Command[0] == "./build.sh" && !l.Text.Contains("[GROUP]", StringComparison.Ordinal))
        // NAME stands for a word of a program's name.
        .Select(l => l.Text.Replace(" NAME", " head", StringComparison.Ordinal))
        .Concat(s_calls.Keys.Select(v => "./build.sh " + v))
        .Concat(["./build.sh train trainer.seed=2", "./build.sh bench decode --shape small"])
        .Distinct().Select(t => new TestCaseData(t));

    [Test]
    public void The_help_lists_the_verbs() => Assert.That(
        Verb().Matches(Run("./build.sh help").Output).Select(m => m.Groups[1].Value), Is.EquivalentTo(s_calls.Keys));

    [TestCaseSource(nameof(Commands))]
    public void A_command_calls_what_its_verb_says(string command)
    {
        Outcome outcome = Run(command);
        string calls = File.ReadAllText(Path.Combine(Folder, "calls"));
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Output + outcome.Error);
        string[] words = [.. command.Split(' ').SkipWhile(w => w != "./build.sh").Skip(1)];
        int at = 0;
        foreach (string call in s_calls[words.FirstOrDefault("build")])
        {
            at = calls.IndexOf(call, at, StringComparison.Ordinal);
            Assert.That(at, Is.Not.Negative, $"{call} is missing in\n{calls}");
        }

        foreach (string word in words.Skip(1))
        {
            string called = words[0] == "format" ? word == "--check" ? "--verify-no-changes" : word : word;
            Assert.That(calls, Does.Contain(called), "the command's own words");
        }

        if (words.FirstOrDefault() == "test")
        {
            Assert.That(outcome.Output.TrimEnd(), Does.EndWith("5 passed, 0 failed, 1 skipped"));
        }

        Assert.That(calls.Contains("TBRM_WITH_TORCH=OFF", StringComparison.Ordinal),
            Is.EqualTo(command.Contains("TBRM_WITH_TORCH=0", StringComparison.Ordinal)));
    }

    [TestCase("./build.sh biuld", "there is no verb 'biuld'")]
    [TestCase("./build.sh package --fast", "package takes no argument '--fast'")]
    [TestCase("./build.sh bench nothing", "bench nothing: expected one of kernels decode step text grader")]
    [TestCase("TBRM_CUDA=yes ./build.sh", "TBRM_CUDA is 'yes'")]
    public void What_is_not_known_is_refused(string command, string said)
    {
        Outcome outcome = Run(command);
        Assert.That(outcome.ExitCode, Is.Not.Zero);
        Assert.That(outcome.Error, Does.Contain(said));
    }

    /// <summary>Runs a line in a copy of what build.sh needs, as a user that is not root.</summary>
    private Outcome Run(string line)
    {
        Make("build.sh", File.ReadAllText(Repository.PathOf("build.sh")));
        foreach (string file in new[] { "src/A.cs", "tests/B.cs", "bench/C.cs", "native/include/tbrm.h",
            "Tbrm.sln", "Directory.Build.props", "Directory.Packages.props", ".editorconfig" })
        {
            Make(file, "");
        }

        string log = $"echo \"$(basename \"$0\") $*\" >> '{Folder}/calls'\n";
        foreach (string tool in new[] { "cmake", "ninja", "g++", "apt-get", "sudo", "clang-format-14" })
        {
            Make("bin/" + tool, "#!/bin/sh\n" + log);
        }

        Make("bin/id", "#!/bin/sh\necho 1000\n");
        Make("bin/git", "#!/bin/sh\necho native/include/tbrm.h\n");
        Make("bin/ctest", $"#!/bin/sh\n{log}echo '100% tests passed, 0 tests failed out of 3'\n");
        Make("bin/dotnet", $$"""
            #!/bin/sh
            {{log}}
            case "$1" in
                --list-sdks) echo "10.0.100 [/usr/share/dotnet/sdk]" ;;
                build) mkdir -p "$(dirname {{Program}})"; : > {{Program}} ;;
                publish) mkdir -p artifacts/ahead artifacts/bin/Tbrm.Cli.Tests/release
                    : > artifacts/ahead/Tbrm.Core.dll; : > artifacts/ahead/tbrm-native.dll ;;
                test) echo "Passed! - Failed: 0, Passed: 2, Skipped: 1, Total: 3" ;;
            esac
            """);
        foreach (string script in new[] { "packaging/archive.sh", "packaging/packages.sh",
            "artifacts/native/cpu/bench/bench_head_torch", "artifacts/native/cpu/bench/bench_head" })
        {
            Make(script, "#!/bin/sh\n" + log);
        }

        File.WriteAllText(Path.Combine(Folder, "calls"), "");
        ProcessStartInfo start = new("bash", ["-c", line])
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = $"{Folder}/bin:/usr/bin:/bin";
        start.Environment["HOME"] = Folder;
        start.Environment["TBRM_CUDA"] = "0";
        start.Environment.Remove("TBRM_WITH_TORCH");
        using Process process = Process.Start(start)!;
        System.Threading.Tasks.Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new(process.ExitCode, output, error.Result);
    }

    private void Make(string name, string text)
    {
        string path = Path.Combine(Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [GeneratedRegex(@"^  ([a-z]+)  ", RegexOptions.Multiline)]
    private static partial Regex Verb();
}
