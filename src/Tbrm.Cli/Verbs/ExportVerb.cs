using System;
using System.CommandLine;
using Tbrm.Core.Errors;
using Tbrm.Training.Reports;
using Tbrm.Training.Runs;

namespace Tbrm.Cli.Verbs;

/// <summary><c>export</c>: makes something else of what a run left.</summary>
internal sealed class ExportVerb : IVerb
{
    private readonly Option<string?> _runDir =
        new("--run-dir") { Description = "Folder of the run; the newest under runs/ when not given", HelpName = "DIR" };

    public Command Create()
    {
        Command report = new(
            "report", "Renders report.html of a run anew from its metrics, summary and dumps, and prints its path");
        report.Options.Add(_runDir);
        report.SetAction(parsed => (int)Report(parsed.GetValue(_runDir)));
        Command command = new("export", "Makes something else of what a run left");
        command.Subcommands.Add(report);
        command.Subcommands.Add(ExportAdapter.CreateAdapter());
        command.Subcommands.Add(ExportAdapter.CreateMerge());
        ExportGguf gguf = new();
        Command toGguf = new("gguf", "Writes a model and its tokenizer as one GGUF file, for llama.cpp and its like");
        gguf.AddTo(toGguf);
        toGguf.SetAction(parsed => (int)gguf.Run(parsed));
        command.Subcommands.Add(toGguf);
        AddFormat(command);
        return command;
    }

    /// <summary><c>export --format gguf</c> is <c>export gguf</c>.</summary>
    private static void AddFormat(Command command)
    {
        Option<string?> format =
            new("--format") { Description = "With gguf the same as export gguf", HelpName = "gguf" };
        format.AcceptOnlyFromAmong("gguf");
        ExportGguf gguf = new();
        command.Options.Add(format);
        gguf.AddTo(command);
        command.SetAction(parsed => parsed.GetValue(format) is not null ? (int)gguf.Run(parsed)
            : throw new ConfigException("export: name what to make: report, adapter, merge or gguf"));
    }

    private static ExitCode Report(string? runDir)
    {
        RunFolder folder = RunFolder.OfRun(runDir ?? RunFolder.Newest()
            ?? throw new ConfigException("there is no run under runs/; name one with --run-dir"));
        RunReport.Write(folder);
        Console.Out.WriteLine(folder.ReportPath);
        return ExitCode.Ok;
    }
}
