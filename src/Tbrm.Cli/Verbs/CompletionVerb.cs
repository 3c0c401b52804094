using System;
using System.CommandLine;
using System.IO;
using Tbrm.Core.Errors;

namespace Tbrm.Cli.Verbs;

/// <summary><c>completion</c>: the script that lets a shell complete verbs, options, keys and their values. The script
/// asks the program itself.</summary>
internal sealed class CompletionVerb : IVerb
{
    private static readonly string[] s_shells = ["bash", "zsh", "fish", "pwsh"];

    private readonly Argument<string> _shell =
        new("shell") { Description = string.Join(", ", s_shells), HelpName = "SHELL" };

    public Command Create()
    {
        Command command = new(
            "completion", "Prints a shell's completion script: verbs, options, keys, presets, tasks, graders");
        _shell.AcceptOnlyFromAmong(s_shells);
        command.Arguments.Add(_shell);
        command.SetAction(parsed =>
        {
            Console.Out.Write(Script(parsed.GetValue(_shell)!));
            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static string Script(string shell)
    {
        using Stream stream = typeof(CompletionVerb).Assembly.GetManifestResourceStream("completion/" + shell)!;
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
