using System;
using System.CommandLine;
using Tbrm.Core;
using Tbrm.Training;

namespace Tbrm.Cli.Verbs;

/// <summary><c>config</c>: the configuration that a run would have.</summary>
internal sealed class ConfigVerb : IVerb
{
    private readonly RunOptions _run = new();

    public Command Create()
    {
        Command command = new("config", "Prints the resolved configuration as YAML");
        _run.AddTo(command);
        command.SetAction(parsed =>
        {
            Console.Out.Write(ConfigWriter.ToYaml(_run.Load(parsed)));
            return (int)ExitCode.Ok;
        });
        return command;
    }
}
