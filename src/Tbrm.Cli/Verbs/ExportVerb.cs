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
        return command;
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
