using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tbrm.Core.Errors;
using Tbrm.Testing;
using Tbrm.Training.Config;

namespace Tbrm.Cli.Tests;

/// <summary>What is known of the commands that documents show: that programs, scripts, presets, projects, options and
/// keys are there, and which check runs them.</summary>
internal static partial class ShellRules
{
    /// <summary>Scripts that no check runs whole, and why.</summary>
    private static readonly Dictionary<string, string> s_notRun = new()
    {
        ["tests/simt/full.sh"] = "hours",
        ["tests/simt/mutants.sh"] = "hours; MutantTests hold the defects to the sources",
        ["bench/gpu/pack.sh"] = "makes what bench/gpu/run.sh takes to a GPU",
        ["bench/gpu/run.sh"] = "needs a GPU",
        ["bench/gpu/model.sh"] = "minutes; the counters that it prints are the emulator's, which has tests",
        ["bench/algorithms.sh"] = "hours",
        ["bench/staleness.sh"] = "hours",
        [".ci/rank-faults"] = "many minutes",
    };

    private static readonly Lazy<string> s_checks = new(() => string.Concat(
        new[] { ".ci/run", "packaging/try.sh" }.Select(f => File.ReadAllText(Repository.PathOf(f)))));

    private static readonly Lazy<JsonNode> s_presets =
        new(() => JsonNode.Parse(File.ReadAllText(Repository.PathOf("native", "CMakePresets.json")))!);

    /// <summary>What is wrong with a line; nothing when a rule covers it and holds.</summary>
    public static IEnumerable<string> Check(ShellLine line)
    {
        string[] words = line.Command;
        IEnumerable<string> wrong = words[0] switch
        {
            "tbrm-native" => Program(words),
            "./build.sh" => [],
            "torchrun" or "srun" or "mpirun" => [],
            "dotnet" => Dotnet(words),
            "cmake" => Presets(words, words.Contains("--build") ? "buildPresets" : "configurePresets"),
            "ctest" => Presets(words, "testPresets"),
            "podman" => Podman(words),
            _ when words[0].Contains('/', StringComparison.Ordinal) => Path(words),
            _ => ["no rule knows this program"],
        };
        return wrong.Concat(line.Variables.Where(v => !IsRead(v.Split('=')[0], words[0]))
            .Select(v => $"nothing reads {v}")).Select(w => $"{line}: {w}");
    }

    /// <summary>The verb; words and keys are held by <see cref="DocumentedCommandTests"/>.</summary>
    private static IEnumerable<string> Program(string[] words)
    {
        if (words.Length > 1 && !words[1].StartsWith('-')
            && Tbrm.Cli.Program.CreateRoot().Subcommands.All(c => c.Name != words[1]))
        {
            yield return $"there is no verb '{words[1]}'";
        }
    }

    private static IEnumerable<string> Dotnet(string[] words)
    {
        int end = Array.IndexOf(words, "--");
        string[] own = end < 0 ? words : words[..end], rest = end < 0 ? [] : words[(end + 1)..];
        switch (own[1])
        {
            case "tool":
                // The same verb and package, from a folder of packages, with a place of its own.
                return s_checks.Value.Contains("dotnet tool install --tool-path", StringComparison.Ordinal)
                    && own is ["dotnet", "tool", "install", "--add-source", _, "--global", "tbrm-native"] ? []
                    : ["packaging/try.sh installs the tool in another way"];
            case "test":
                return s_checks.Value.Contains(string.Join(' ', own), StringComparison.Ordinal) ? []
                    : [".ci/run does not run it"];
            case "run" or "build":
                string project = own[1] == "run" ? own[Array.IndexOf(own, "--project") + 1] : own[2];
                string[] options = [.. own.Skip(2).Where(w => w.StartsWith('-'))];
                bool isProject = Directory.Exists(Repository.PathOf(project))
                    && Directory.GetFiles(Repository.PathOf(project), "*.csproj").Length == 1;
                string[] missing = isProject ? [] : [$"{project} is not the folder of one project"];
                return missing.Concat(options.Except(["--project", "-c"]).Select(o => $"{o} is not known to this test"))
                    .Concat(Arguments(project, rest));
            default:
                return [$"no rule knows dotnet {own[1]}"];
        }
    }

    /// <summary>What is given to a project's program behind <c>--</c>; <see cref="DocumentedProgramTests"/> run
    /// those that take seconds.</summary>
    private static IEnumerable<string> Arguments(string project, string[] rest)
    {
        string program = Repository.PathOf(project, "Program.cs");
        string source = File.Exists(program) ? File.ReadAllText(program) : "";
        switch (project)
        {
            case "examples/library":
                return Resolved(rest);
            case "bench/Tbrm.Bench.Torch":
                return rest.Select(w => w.Split('=')[0])
                    .Where(k => !source.Contains($"Of(\"{k}\"", StringComparison.Ordinal)).Select(k => $"no key {k}");
            case "tests/Tbrm.Fuzz" or "bench/Tbrm.Bench":
                return [];
            default:
                return rest.Length == 0 ? [] : [$"no rule knows what {project} takes"];
        }
    }

    private static string[] Resolved(string[] keys)
    {
        try
        {
            ConfigLoader.Load([], keys);
            return [];
        }
        catch (TbrmUserException e)
        {
            return [e.Message];
        }
    }

    /// <summary>The preset is there; but for a plain build's, a check builds and tests by it.</summary>
    private static IEnumerable<string> Presets(string[] words, string kind)
    {
        string preset = words[Array.IndexOf(words, "--preset") + 1];
        HashSet<string> names = [.. s_presets.Value[kind]!.AsArray().Select(p => (string)p!["name"]!)];
        if (!names.Contains(preset))
        {
            yield return $"native/CMakePresets.json has no preset '{preset}' for it";
        }

        if (preset != "cpu" && !s_checks.Value.Contains($"--preset {preset}", StringComparison.Ordinal))
        {
            yield return $".ci/run does not build by '{preset}'";
        }
    }

    private static IEnumerable<string> Podman(string[] words)
    {
        string file = words[Array.IndexOf(words, "-f") + 1];
        if (words is not ["podman", "build", "-f", _, "-t", "tbrm-native", "."]
            || !File.Exists(Repository.PathOf(file)))
        {
            yield return "the image is built from a file of this repository, with the repository as its context";
        }
    }

    /// <summary>A script of the repository that a check runs, or a program of the native build.</summary>
    private static IEnumerable<string> Path(string[] words)
    {
        string path = words[0].TrimStart('.', '/');
        path = words[0].StartsWith(".ci/", StringComparison.Ordinal) ? words[0] : path;
        if (BuiltProgram().Match(path) is { Success: true } built)
        {
            string folder = built.Groups[1].Value == "tests" ? "tests/native" : "bench/native";
            string name = built.Groups[2].Value;
            string source = Repository.PathOf(folder, name + "_bench.cpp");
            string text = File.Exists(source) ? File.ReadAllText(source) : "";
            return !Regex.IsMatch(File.ReadAllText(Repository.PathOf(folder, "CMakeLists.txt")), $@"[( ]{name}[ )]")
                ? [$"{folder} has no {name}"]
                : words.Skip(1).Where(w => w.Contains('=', StringComparison.Ordinal)).Select(w => w.Split('=')[0])
                    .Where(k => !text.Contains($"[{k}=", StringComparison.Ordinal)).Select(k => $"no key {k}");
        }

        if (!File.Exists(Repository.PathOf(path)))
        {
            return [$"there is no {path}"];
        }

        bool isRun = s_notRun.ContainsKey(path) || s_checks.Value.Contains(path, StringComparison.Ordinal)
            || path.StartsWith("examples/", StringComparison.Ordinal) || path == "packaging/try.sh";
        return isRun ? [] : [$"no check runs {path}, and ShellRules do not say why"];
    }

    /// <summary>A script's own variable, one of the guide's, or the emulator's.</summary>
    private static bool IsRead(string variable, string program)
    {
        string script = Repository.PathOf(program.TrimStart('.', '/'));
        return new[] { "environment.md", "emulator.md" }.Any(f =>
                File.ReadAllText(Repository.PathOf("docs", "guide", f))
                    .Contains($"`{variable}", StringComparison.Ordinal))
            || (File.Exists(script) && Regex.IsMatch(File.ReadAllText(script), $@"\$\{{?{variable}\b"))
            || (program.StartsWith("examples/", StringComparison.Ordinal) && Regex.IsMatch(
                File.ReadAllText(Repository.PathOf("examples", "gsm8k", "base.sh")), $@"\$\{{?{variable}\b"));
    }

    [GeneratedRegex(@"^artifacts/native/\w+/(tests|bench)/(?:test|bench)_(\w+)$")]
    private static partial Regex BuiltProgram();
}
