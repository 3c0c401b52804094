using System;
using System.CommandLine;
using System.IO;
using Tbrm.Core.Errors;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;

namespace Tbrm.Cli.Verbs;

/// <summary><c>export adapter</c> and <c>export merge</c>: what becomes of a trained adapter. Both print the folder
/// that they wrote.</summary>
internal sealed class ExportAdapter
{
    private readonly Option<string?> _runDir = new("--run-dir")
    {
        Description = "A run: the adapter of its newest "
        + "checkpoint; the newest run under runs/ when nothing is named",
        HelpName = "DIR"
    };
    private readonly Option<string?> _checkpoint = new("--checkpoint")
    {
        Description = "A global_step_N folder "
        + "instead of a run; or, of a run, a step, best or latest",
        HelpName = "DIR|N|best"
    };
    private readonly Option<string?> _adapter =
        new("--adapter") { Description = "A PEFT adapter folder of any origin instead of a run", HelpName = "DIR" };
    private readonly Option<string?> _base =
        new("--base")
        {
            Description = "The base model's folder, when it is not where the adapter says",
            HelpName = "DIR"
        };
    private readonly Option<string> _output =
        new("--out")
        {
            Description = "The folder to write; it must not exist, or be empty",
            HelpName = "DIR",
            Required = true
        };
    private readonly Option<string> _dtype = new("--dtype")
    {
        Description = "Type of the merged weights: auto (the "
        + "base's; fp32 for a float16 base), fp32, bf16",
        DefaultValueFactory = _ => "auto"
    };

    private ExportAdapter() => _dtype.AcceptOnlyFromAmong("auto", "fp32", "bf16");

    /// <summary>The adapter alone, as a PEFT folder.</summary>
    public static Command CreateAdapter()
    {
        ExportAdapter export = new();
        Command command = new(
            "adapter", "Writes a run's adapter as a PEFT folder (adapter_config.json, adapter_model.safetensors)");
        export.AddTo(command);
        command.SetAction(parsed => (int)export.Run(parsed, (source, output) => source.WriteAdapter(output, Note)));
        return command;
    }

    /// <summary>Base and adapter in one ordinary model folder.</summary>
    public static Command CreateMerge()
    {
        ExportAdapter export = new();
        Command command = new("merge", "Adds an adapter to its base and writes an ordinary Hugging Face model folder");
        export.AddTo(command);
        command.Options.Add(export._dtype);
        command.SetAction(parsed =>
            (int)export.Run(parsed,
            (source, output) => source.WriteMerged(output, parsed.GetValue(export._dtype)!, Note)));
        return command;
    }

    private void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _runDir, _checkpoint, _adapter, _base, _output })
        {
            command.Options.Add(option);
        }
    }

    private ExitCode Run(ParseResult parsed, Action<AdapterSource, string> write)
    {
        string output = parsed.GetValue(_output)!;
        write(Source(parsed), output);
        Console.Out.WriteLine(Path.GetFullPath(output));
        return ExitCode.Ok;
    }

    private AdapterSource Source(ParseResult parsed)
    {
        string? run = parsed.GetValue(_runDir), checkpoint = parsed.GetValue(_checkpoint),
            adapter = parsed.GetValue(_adapter),
            baseFolder = parsed.GetValue(_base) is { } given ? RunModels.Folder("--base", given, Note) : null;
        bool isNamed = checkpoint is not null && !Directory.Exists(checkpoint)
            && !checkpoint.Contains('/', StringComparison.Ordinal);
        if ((run is null ? 0 : 1) + (checkpoint is null || isNamed ? 0 : 1) + (adapter is null ? 0 : 1) > 1)
        {
            throw new ConfigException("--run-dir, --checkpoint and --adapter name one adapter each; give one of them");
        }

        if (adapter is not null)
        {
            return AdapterSource.OfFolder(adapter, baseFolder);
        }

        return checkpoint is not null && !isNamed ? AdapterSource.OfCheckpoint(checkpoint, baseFolder)
            : AdapterSource.OfRun(
                RunFolder.OfRun(run ?? RunFolder.Newest()
                    ?? throw new ConfigException("there is no run under runs/; name one with --run-dir")),
                baseFolder, Note, isNamed ? checkpoint! : TrainedRun.Newest);
    }

    private static void Note(string message) => Console.Error.WriteLine("tbrm-native: " + message);
}
