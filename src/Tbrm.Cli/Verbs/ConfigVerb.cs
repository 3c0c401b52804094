using System;
using System.CommandLine;
using System.Linq;
using Tbrm.Core;
using Tbrm.Training;

namespace Tbrm.Cli.Verbs;

/// <summary><c>config</c>: the configuration that a run would have.</summary>
internal sealed class ConfigVerb : IVerb
{
    private readonly RunOptions _run = new();
    private readonly Option<bool> _list = new("--list") { Description = "Lists the presets: name, kind, what it is" };

    public Command Create()
    {
        Command command = new("config", "Prints the resolved configuration as YAML");
        _run.AddTo(command);
        command.Options.Add(_list);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(_list))
            {
                List();
                return (int)ExitCode.Ok;
            }

            Console.Out.Write(ConfigWriter.ToYaml(_run.Load(parsed)));
            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static void List()
    {
        foreach ((string use, EmbeddedPreset preset) in EmbeddedPresets.Runs.Select(p => ("-c", p)).Concat(EmbeddedPresets.Benchmarks.Select(p => ("eval --preset", p))))
        {
            Console.Out.WriteLine($"{use} {preset.Name}\t{preset.Summary}");
        }
    }
}
