using System;
using System.CommandLine;
using System.IO;
using System.Linq;
using Tbrm.Core.Errors;
using Tbrm.Engine.Models;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;

namespace Tbrm.Cli.Verbs;

/// <summary><c>export gguf</c>: a model and its tokenizer as one file for llama.cpp. Prints the file that it
/// wrote.</summary>
internal sealed class ExportGguf
{
    private readonly Option<string?> _model =
        new("--model")
        {
            Description = "A Hugging Face model folder, a PEFT adapter's (then its base is needed), or a run",
            HelpName = "DIR"
        };
    private readonly Option<string?> _runDir = new("--run-dir")
    {
        Description = "A run: the model of its newest checkpoint; the newest run under runs/ when nothing is named",
        HelpName = "DIR",
    };
    private readonly Option<string?> _checkpoint = new("--checkpoint")
    {
        Description = "A global_step_N folder instead of a run; or, of a run, a step, best or latest",
        HelpName = "DIR|N|best",
    };
    private readonly Option<string?> _base = new("--base")
    {
        Description = "An adapter's base, when it is not where the adapter says; the two are merged",
        HelpName = "DIR",
    };
    private readonly Option<string?> _output = new("--out") { Description = "The file to write", HelpName = "FILE" };
    private readonly Option<string> _dtype = new("--dtype")
    {
        Description = "Type of the matrices: auto (the checkpoint's), f32, f16, bf16; vectors are f32 always",
        DefaultValueFactory = _ => "auto",
    };

    public ExportGguf() => _dtype.AcceptOnlyFromAmong([.. GgufExport.Types]);

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _model, _runDir, _checkpoint, _base, _output, _dtype })
        {
            command.Options.Add(option);
        }
    }

    public ExitCode Run(ParseResult parsed)
    {
        string output = parsed.GetValue(_output)
            ?? throw new ConfigException("export gguf: --out names the file to write, model.gguf for one");
        string type = parsed.GetValue(_dtype)!;
        (string folder, AdapterSource? adapter) = Source(parsed);
        if (adapter is not null)
        {
            GgufExport.WriteMerged(adapter, output, type, Note);
        }
        else if (parsed.GetValue(_base) is { } unused)
        {
            throw new ConfigException($"--base {unused}: {folder} is a whole model, not an adapter");
        }
        else
        {
            GgufExport.WriteFolder(folder, output, type, Note);
        }

        Console.Out.WriteLine(Path.GetFullPath(output));
        return ExitCode.Ok;
    }

    private (string Folder, AdapterSource? Adapter) Source(ParseResult parsed)
    {
        string? model = parsed.GetValue(_model), run = parsed.GetValue(_runDir),
            checkpoint = parsed.GetValue(_checkpoint),
            baseFolder = parsed.GetValue(_base) is { } given ? RunModels.Folder("--base", given, Note) : null;
        bool isFolder = checkpoint is not null
            && (Directory.Exists(checkpoint) || checkpoint.Contains('/', StringComparison.Ordinal));
        if (new[] { model is not null, run is not null, isFolder }.Count(named => named) > 1
            || (model is not null && checkpoint is not null))
        {
            throw new ConfigException("--model, --run-dir and --checkpoint name one model each; give one of them");
        }

        if (model is not null && !Directory.Exists(model))
        {
            throw new DataException($"--model {model}: there is no such folder");
        }

        // A run in the place of a model is the model in it.
        if (model is not null && TrainedRun.Find(model, null, Note) is null)
        {
            return PeftFolder.IsAdapter(model) ? (model, AdapterSource.OfFolder(model, baseFolder)) : (model, null);
        }

        string folder = isFolder ? checkpoint! : model ?? run ?? RunFolder.Newest()
            ?? throw new ConfigException(
                "there is no run under runs/; name one with --run-dir, or a model with --model");
        string step = TrainedRun.Find(folder, isFolder ? null : checkpoint, Note)?.Checkpoint
            ?? throw new DataException($"{folder} holds no run and no checkpoint; --model names a model folder");
        return PeftFolder.IsAdapter(RunState.AdapterFolderOf(step))
            ? (step, AdapterSource.OfCheckpoint(step, baseFolder)) : (RunState.ModelFolderOf(step), null);
    }

    private static void Note(string message) => Console.Error.WriteLine("tbrm-native: " + message);
}
