using System.CommandLine;
using Tbrm.Core;
using Tbrm.Training;

namespace Tbrm.Cli.Verbs;

/// <summary><c>sft</c>: supervised fine-tuning on prompts and their answers, a run like train's.</summary>
internal sealed class SftVerb : IVerb
{
    private readonly TrainingOptions _options = new();

    public Command Create()
    {
        Command command = new("sft", "Supervised fine-tuning on sft.train_files, or on a task's problems and answers: section sft of the configuration");
        _options.AddTo(command);
        command.SetAction(parsed => (int)_options.Run(parsed, RunState.Sft, EmbeddedPresets.SftDefaults.Entries, Check, (run, sinks, progress, signals) =>
        {
            using SftLoop loop = new(run, sinks, progress);
            return loop.Run(signals.Token);
        }));
        return command;
    }

    private static void Check(RunConfig config)
    {
        if (config.Model.LoraRank > 0 && config.Model.Path.Length == 0)
        {
            throw new ConfigException("model.lora_rank needs model.path here: an adapter on random weights learns nothing");
        }

        if (config.Sft.TotalTrainingSteps == 0 && config.Sft.TrainFiles.Count == 0 && config.Data.TrainFiles.Count == 0)
        {
            throw new ConfigException(config.Data.Task.Length > 0 || config.Data.Tasks.Count > 0
                ? "sft.total_training_steps is 0, and a task has no epochs; say how many steps to make"
                : "there is nothing to train on: set sft.train_files (messages, or prompt and response), data.task or data.train_files");
        }
    }
}
