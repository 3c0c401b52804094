using System;
using System.CommandLine;
using Tbrm.Cli.Verbs;
using Tbrm.Core;

namespace Tbrm.Cli;

internal static class Program
{
    /// <summary>Every verb, in the order in which the help shows them.</summary>
    private static readonly IVerb[] s_verbs =
    [
        new TrainVerb(),
        new SftVerb(),
        new EvalVerb(),
        new GenerateVerb(),
        new ScoreVerb(),
        new TokenizeVerb(),
        new TemplateVerb(),
        new TaskVerb(),
        new DataVerb(),
        new PlanVerb(),
        new ExportVerb(),
        new DoctorVerb(),
        new ConfigVerb(),
    ];

    private static int Main(string[] args)
    {
        RootCommand root = new("Post-trains language models by Trajectory Bellman Residual Minimization.");
        foreach (IVerb verb in s_verbs)
        {
            root.Subcommands.Add(verb.Create());
        }

        try
        {
            ParseResult parsed = root.Parse(args);
            return parsed.Errors.Count > 0 ? UsageError(parsed) : parsed.Invoke(new() { EnableDefaultExceptionHandler = false });
        }
        catch (Exception e)
        {
            return (int)FailureReport.Write(e);
        }
    }

    private static int UsageError(ParseResult parsed)
    {
        foreach (System.CommandLine.Parsing.ParseError error in parsed.Errors)
        {
            Console.Error.WriteLine($"tbrm-native: {error.Message}");
        }

        Console.Error.WriteLine("tbrm-native: --help lists the verbs and their options");
        return (int)ExitCode.Config;
    }
}
