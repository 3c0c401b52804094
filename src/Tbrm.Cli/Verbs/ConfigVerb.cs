using System;
using System.CommandLine;
using System.Linq;
using Tbrm.Core.Errors;
using Tbrm.Training.Config;
using Tbrm.Training.Config.Verl;

namespace Tbrm.Cli.Verbs;

/// <summary><c>config</c>: the configuration that a run would have.</summary>
internal sealed class ConfigVerb : IVerb
{
    private readonly RunOptions _run = new();
    private readonly Option<bool> _list = new("--list") { Description = "Lists the presets: name, kind, what it is" };

    private readonly Option<string?> _fromVerl = new("--from-verl")
    {
        Description = "A run script (bash) or configuration (YAML) of verl's: prints what becomes of each of its keys, and the configuration that results",
        HelpName = "FILE",
    };

    public Command Create()
    {
        Command command = new("config", "Prints the resolved configuration as YAML");
        _run.AddTo(command);
        command.Options.Add(_list);
        command.Options.Add(_fromVerl);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(_list))
            {
                List();
                return (int)ExitCode.Ok;
            }

            Console.Out.Write(parsed.GetValue(_fromVerl) is { } file ? FromVerl(file, parsed) : ConfigWriter.ToYaml(_run.Load(parsed)));
            return (int)ExitCode.Ok;
        });
        return command;
    }

    /// <summary>The report as comments above the configuration, so that the output is a file for -c.</summary>
    private string FromVerl(string file, ParseResult parsed)
    {
        if (parsed.GetValue(_run.Config) is not null)
        {
            throw new ConfigException("-c and --from-verl are both given; keys on the command line go above those of the script");
        }

        VerlImport import = VerlImport.Read(file);
        return import.Report() + ConfigWriter.ToYaml(import.Resolve([.. _run.Arguments(parsed).Select(ConfigEntry.FromArgument)]));
    }

    private static void List()
    {
        foreach ((string use, EmbeddedPreset preset) in EmbeddedPresets.Runs.Select(p => ("-c", p)).Concat(EmbeddedPresets.Benchmarks.Select(p => ("eval --preset", p))))
        {
            Console.Out.WriteLine($"{use} {preset.Name}\t{preset.Summary}");
        }
    }
}
