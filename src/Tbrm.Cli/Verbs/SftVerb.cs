using System.CommandLine;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Config;
using Tbrm.Training.Loops;
using Tbrm.Training.Runs;

namespace Tbrm.Cli.Verbs;

/// <summary><c>sft</c>: supervised fine-tuning on prompts and their answers, a run like train's.</summary>
internal sealed class SftVerb : IVerb
{
    private readonly TrainingOptions _options = new();

    public Command Create()
    {
        Command command = new(
            "sft",
            "Supervised fine-tuning on sft.train_files, or on a task's problems and answers: section sft of the "
                + "configuration");
        _options.AddTo(command);
        command.SetAction(parsed =>
            (int)_options.Run(parsed, RunState.Sft, EmbeddedPresets.SftDefaults.Entries, Check,
            started =>
        {
            if (parsed.GetValue<bool>("--resume") && started.Run.ResumedFrom is null)
            {
                started.Progress.Say(
                    $"--resume: {started.Run.Folder.Root} has no checkpoint, so the run begins at its first step; "
                        + $"trainer.save_freq says how often one is saved");
            }

            return TrainingRuns.SftOn(started.Processes, started.Run, started.Sinks, started.Progress,
                started.Stop);
        }));
        return command;
    }

    private static void Check(RunConfig config)
    {
        if (config.Model.LoraRank > 0 && config.Model.Path.Length == 0)
        {
            throw new ConfigException(
                "model.lora_rank needs model.path here: an adapter on random weights learns nothing");
        }

        if (config.Sft.TrainFiles.Count > 0 && config.Model.Path.Length == 0
            && (config.Data.Task.Length > 0 || config.Data.Tasks.Count > 0 || config.Data.TrainFiles.Count > 0))
        {
            throw new ConfigException(
                "sft.train_files need model.path: the small model of a run without one has its vocabulary and its "
                    + "lengths from section data, not from these files; "
                + "name a model, or set data.task= and data.train_files=[] to have one built from sft.train_files "
                + "(and data.max_prompt_length, data.max_response_length for their lengths)");
        }

        if (config.Sft.TotalTrainingSteps == 0 && config.Sft.TrainFiles.Count == 0 && config.Data.TrainFiles.Count == 0)
        {
            throw new ConfigException(config.Data.Task.Length > 0 || config.Data.Tasks.Count > 0
                ? "sft.total_training_steps is 0, and a task has no epochs; say how many steps to make"
                : "there is nothing to train on: set sft.train_files (messages, or prompt and response), data.task or "
                    + "data.train_files");
        }
    }
}
