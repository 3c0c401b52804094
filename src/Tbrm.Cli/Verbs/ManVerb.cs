using System;
using System.CommandLine;
using System.Reflection;
using Tbrm.Cli.Manual;
using Tbrm.Core.Errors;

namespace Tbrm.Cli.Verbs;

/// <summary><c>man</c>: the manual page, written from the commands that the help shows.</summary>
internal sealed class ManVerb : IVerb
{
    public Command Create()
    {
        Command command = new("man", "Prints the manual page in roff; tbrm-native man | man -l - shows it");
        command.SetAction(parsed =>
        {
            Console.Out.Write(ManPage.Of(parsed.RootCommandResult.Command, Version));
            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static string Version =>
        typeof(ManVerb).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0];
}
