using System;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Linq;
using Tbrm.Cli.Verbs;
using Tbrm.Core.Errors;

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
        new ObjectiveVerb(),
        new PlanVerb(),
        new CompareVerb(),
        new ProfileVerb(),
        new BenchVerb(),
        new TheoryVerb(),
        new WatchVerb(),
        new ExportVerb(),
        new DoctorVerb(),
        new ConfigVerb(),
        new CompletionVerb(),
        new ManVerb(),
    ];

    private static int Main(string[] args)
    {
        CarriedLibraries.Load();
        Terminal.Guard();
        RootCommand root = CreateRoot();
        try
        {
            OpenFileLimit.Check();
            using IDisposable fileSize = FileSizeSignal.AsError();
            ParseResult parsed = root.Parse(args);
            return parsed.Errors.Count > 0 ? UsageError(parsed)
                : parsed.Invoke(new() { EnableDefaultExceptionHandler = false });
        }
        catch (Exception e)
        {
            return (int)FailureReport.Write(e);
        }
    }

    /// <summary>The whole command line.</summary>
    internal static RootCommand CreateRoot()
    {
        RootCommand root = new("Post-trains language models by Trajectory Bellman Residual Minimization");
        foreach (IVerb verb in s_verbs)
        {
            root.Subcommands.Add(verb.Create());
        }

        return root;
    }

    private static int UsageError(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        bool isGroup = command.Subcommands.Count > 0;
        foreach (string message in isGroup && parsed.UnmatchedTokens.Count > 0
            ? [Unknown(parsed.UnmatchedTokens[0], command)]
            : isGroup && command.Action is null ? [Missing(command)]
            : parsed.Errors.Select(e => Readable(e.Message)).Distinct())
        {
            Console.Error.WriteLine($"tbrm-native: {message}");
        }

        Console.Error.WriteLine("tbrm-native: " + (command is RootCommand
            ? "--help lists the verbs and their options" : $"{Path(parsed)} --help lists what it takes"));
        return (int)ExitCode.Config;
    }

    private static string Missing(Command command) => "a verb is missing; there are "
        + string.Join(", ", command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name));

    private static string Unknown(string word, Command command) => word.StartsWith('-')
        ? $"there is no option '{word}' here{NearestName.Hint(word, command.Options.Select(o => o.Name))}"
        : $"there is no verb '{word}'{NearestName.Hint(word, command.Subcommands.Select(c => c.Name))}";

    private static string Path(ParseResult parsed)
    {
        string path = parsed.CommandResult.Command.Name;
        for (
            SymbolResult? outer =
            parsed.CommandResult.Parent; outer is CommandResult { Command: not RootCommand } group; outer =
            outer.Parent)
        {
            path = $"{group.Command.Name} {path}";
        }

        return path;
    }

    /// <summary>The parser's message with types in the user's words.</summary>
    private static string Readable(string message)
    {
        int type = message.IndexOf(" as expected type ", StringComparison.Ordinal);
        return type < 0 ? message
            : message[..type]
            + (message.Contains("Int", StringComparison.Ordinal) ? ": a whole number within bounds was expected"
            : ": a number was expected");
    }
}
