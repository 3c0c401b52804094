using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Text.Json;
using Tbrm.Core.Errors;
using Tbrm.Theory;
using Tbrm.Training.Reports.Pages;

namespace Tbrm.Cli.Verbs;

/// <summary><c>theory</c>: what the papers claim, computed where everything can be summed over.</summary>
internal sealed class TheoryVerb : IVerb
{
    private const int Width = 100;

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    public Command Create()
    {
        Option<bool> json = new("--json") { Description = "Prints one JSON object instead of text" };
        Option<string?> html = new("--html") { Description = "Writes a page with charts too", HelpName = "FILE" };
        Command command = new("theory",
            "Computes what the papers claim on all sequences of a small vocabulary; seconds, no model") { json, html };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(html) is { } taken && Directory.Exists(taken))
            {
                throw new ConfigException($"--html {taken} is a folder; name a file");
            }

            TheoryResults results = TheoryResults.Run();
            if (parsed.GetValue(html) is { } path)
            {
                TheoryPage.Write(Path.GetFullPath(path), results);
            }

            Console.Out.Write(parsed.GetValue(json) ? results.ToJson().ToJsonString(s_indented) + "\n" : Text(results));
            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static string Text(TheoryResults results) => string.Join("\n",
        TheoryPart.Of(results).Select(p => $"{p.Title}\n{Wrapped(p.Text)}\n{PlainTable.Of(p.Columns, p.Rows)}"));

    private static string Wrapped(string text)
    {
        List<string> lines = [""];
        foreach (string word in text.Split(' '))
        {
            if (lines[^1].Length + word.Length > Width)
            {
                lines.Add("");
            }

            lines[^1] += lines[^1].Length == 0 ? word : " " + word;
        }

        return string.Join("\n", lines) + "\n";
    }
}
