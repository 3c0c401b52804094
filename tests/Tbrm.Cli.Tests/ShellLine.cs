using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Tbrm.Testing;

namespace Tbrm.Cli.Tests;

/// <summary>A line that a document gives its reader to type, whichever program it starts: of the blocks of code, and
/// what in a sentence is a command with its arguments.</summary>
/// <param name="Where">File and line.</param>
/// <param name="Text">The line, continued ones joined, without its comment.</param>
public sealed partial record ShellLine(string Where, string Text)
{
    /// <summary>How a command begins, behind variables and a change of folder.</summary>
    private static readonly string[] s_programs =
        ["tbrm-native", "dotnet", "cmake", "ctest", "torchrun", "srun", "mpirun", "podman"];

    /// <summary>Blocks of code that are no commands: pages of them, and how the others begin.</summary>
    private static readonly string[] s_pagesOfFormulas = ["docs/math/", "docs/adr/", "bench/results/model-"];

    private static readonly (string Begins, string What)[] s_notShell =
    [
        ("prompt -> token", "the stages"), ("Tbrm.Cli --+-", "the projects"), ("global_step_N/", "folders"),
        ("filter = ", "a grammar"), ("{\"", "JSON"), ("protected override", "C#"), ("BpeTrainer ", "C#"),
        ("Microsoft.ML.Tokenizers.", "C#"), ("AMD EPYC,", "what bench prints"), ("head_forward ", "what bench prints"),
    ];

    private static readonly Lazy<(List<ShellLine> Lines, List<string> Unknown, HashSet<string> NotShell)> s_read =
        new(ReadAll);

    public static IReadOnlyList<ShellLine> All => s_read.Value.Lines;

    /// <summary>Lines that are neither a command nor in a block known to hold none.</summary>
    public static IReadOnlyList<string> Unknown => s_read.Value.Unknown;

    /// <summary>Beginnings of blocks without commands that no document has any more.</summary>
    public static IEnumerable<string> Past => s_notShell.Select(n => n.Begins).Except(s_read.Value.NotShell);

    /// <summary>NAME=VALUE in front of the program.</summary>
    public string[] Variables => [.. Words.TakeWhile(w => Assignment().IsMatch(w))];

    /// <summary>The program and its arguments.</summary>
    public string[] Command => [.. Words.SkipWhile(w => Assignment().IsMatch(w))];

    private string[] Words => [.. Quoted().Matches(Text).Select(m => m.Value.Trim('\'', '"'))];

    public override string ToString() => $"{Where}: {Text}";

    /// <summary>The commands of a line: <c>cd native &amp;&amp; cmake --build X</c> has one.</summary>
    private static IEnumerable<string> Parts(string line) => line.Split(" && ")
        .Where(p => !p.StartsWith("cd ", StringComparison.Ordinal));

    private static bool IsCommand(string line)
    {
        string first = Leading().Replace(Parts(line).FirstOrDefault(line), "").Split(' ')[0];
        return s_programs.Contains(first) || Script().IsMatch(first);
    }

    private static (List<ShellLine> Lines, List<string> Unknown, HashSet<string> NotShell) ReadAll()
    {
        List<ShellLine> lines = [];
        List<string> unknown = [];
        HashSet<string> notShell = [];
        foreach (string file in DocumentedCommand.Documents()
            .Concat(Directory.EnumerateFiles(Repository.PathOf("bench", "results"), "*.md")))
        {
            string name = Path.GetRelativePath(Repository.Root, file);
            string[] text = File.ReadAllLines(file);
            foreach ((int number, string[] block) in Blocks(text))
            {
                string[] whole = [.. Joined(block)];
                string? known = s_notShell.Select(n => n.Begins)
                    .FirstOrDefault(b => whole[0].StartsWith(b, StringComparison.Ordinal));
                if (s_pagesOfFormulas.Any(p => name.StartsWith(p, StringComparison.Ordinal)))
                {
                    continue;
                }

                if (known is not null && !whole.Any(IsCommand))
                {
                    notShell.Add(known);
                    continue;
                }

                foreach (string line in whole)
                {
                    if (!IsCommand(line))
                    {
                        unknown.Add($"{name}:{number}: {line}");
                    }

                    lines.AddRange(Parts(line).Select(p => new ShellLine($"{name}:{number}", p)));
                }
            }

            lines.AddRange(text.SelectMany((line, i) => line.StartsWith("    ", StringComparison.Ordinal) ? []
                : Inline().Matches(line).Select(m => m.Groups[1].Value).Where(IsCommand)
                    .SelectMany(Parts).Select(p => new ShellLine($"{name}:{i + 1}", p))));
        }

        return (lines, unknown, notShell);
    }

    /// <summary>Indented and fenced blocks; those of a language other than the shell's are their own tests'.</summary>
    private static IEnumerable<(int Number, string[] Lines)> Blocks(string[] text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            int start = i;
            if (text[i].StartsWith("```", StringComparison.Ordinal))
            {
                i = Array.FindIndex(text, i + 1, l => l.StartsWith("```", StringComparison.Ordinal));
                if (text[start][3..].Trim() is "" or "sh" or "bash")
                {
                    yield return (start + 2, text[(start + 1)..i]);
                }
            }
            else if (text[i].StartsWith("    ", StringComparison.Ordinal))
            {
                i = Array.FindIndex(text, i, l => !l.StartsWith("    ", StringComparison.Ordinal));
                i = i < 0 ? text.Length : i;
                yield return (start + 1, text[start..i]);
            }
        }
    }

    private static IEnumerable<string> Joined(string[] block)
    {
        string front = "";
        foreach (string line in block.Select(l => l.Trim()).Where(l => l.Length > 0))
        {
            if (line.EndsWith('\\'))
            {
                front += line[..^1].TrimEnd() + " ";
                continue;
            }

            yield return Comment().Replace(front + line, "").TrimEnd();
            front = "";
        }
    }

    [GeneratedRegex(@"^(?:[A-Z_]+=\S* )+")]
    private static partial Regex Leading();

    [GeneratedRegex(@"^[A-Z_]+=")]
    private static partial Regex Assignment();

    /// <summary>A path to a file of the repository or of its build.</summary>
    [GeneratedRegex(@"^(?:\./|\.\./|\.ci/|artifacts/|bench/|cmake/|examples/|packaging/|tests/)[\w./*-]*[\w*]$")]
    private static partial Regex Script();

    [GeneratedRegex(@"(?:\s#|\s{4,})\s*.*$")]
    private static partial Regex Comment();

    [GeneratedRegex(@"`([^`]+ [^`]+)`")]
    private static partial Regex Inline();

    [GeneratedRegex(@"(?:[^\s'""]|'[^']*'|""[^""]*"")+")]
    private static partial Regex Quoted();
}
