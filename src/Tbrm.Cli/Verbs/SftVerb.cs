using System;
using System.CommandLine;
using System.IO;
using Tbrm.Core;
using Tbrm.Data;
using Tbrm.Engine;
using Tbrm.Training;

namespace Tbrm.Cli.Verbs;

/// <summary><c>sft</c>: supervised fine-tuning on prompts and their answers; writes a model folder.</summary>
internal sealed class SftVerb : IVerb
{
    private readonly RunOptions _run = new();
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Prints configuration, batch arithmetic and memory plan, and leaves" };
    private readonly Option<bool> _json = new("--json") { Description = "With --dry-run: one JSON object instead of YAML" };

    public Command Create()
    {
        Command command = new("sft", "Supervised fine-tuning: section sft of the configuration; writes a Hugging Face model folder");
        _run.AddTo(command);
        command.Options.Add(_dryRun);
        command.Options.Add(_json);
        command.SetAction(parsed => (int)Run(parsed));
        return command;
    }

    private ExitCode Run(ParseResult parsed)
    {
        RunConfig config = _run.Load(parsed);
        if (config.Sft.TotalTrainingSteps == 0)
        {
            throw new ConfigException("sft.total_training_steps is 0; say how many steps to make");
        }

        if (config.Model.LoraRank > 0 && config.Model.Path.Length == 0)
        {
            throw new ConfigException("model.lora_rank needs model.path here: an adapter on random weights learns nothing");
        }

        if (parsed.GetValue(_dryRun))
        {
            return PlanOutput.Print(config, isSft: true, parsed.GetValue(_json));
        }

        using StopSignals signals = new();
        TerminalProgress progress = new(Console.Error, !Console.IsErrorRedirected);
        RunFolder folder = RunFolder.Open(config.Trainer);
        using TrainingSession session = TrainingSession.Open(config, trainable: true);
        RunFolder.WriteText(folder.ConfigPath, ConfigWriter.ToYaml(config));
        using MetricSinks sinks = MetricSinks.Open(config.Trainer.Logger, folder, Console.Out);
        IPromptSource source = session.Train ?? throw new ConfigException("there is nothing to train on: set data.task or data.train_files");
        try
        {
            new SftLoop(session, progress).Run(source, session.Demonstrations.Of, sinks.Write, signals.Token);
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            progress.Say("tbrm-native: interrupted; the model as it is now is saved");
            Save(session, folder);
            return ExitCode.Interrupted;
        }

        progress.Say($"model: {Save(session, folder)}");
        return ExitCode.Ok;
    }

    private static string Save(TrainingSession session, RunFolder folder)
    {
        string target = Path.Combine(folder.Root, "huggingface");
        DiskErrors.Translated($"saving {target}", () => session.SaveModel(target));
        return target;
    }
}
