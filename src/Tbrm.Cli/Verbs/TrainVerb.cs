using System.CommandLine;
using Tbrm.Training.Loops;
using Tbrm.Training.Runs;

namespace Tbrm.Cli.Verbs;

/// <summary><c>train</c>: the main job.</summary>
internal sealed class TrainVerb : IVerb
{
    private readonly TrainingOptions _options = new();

    public Command Create()
    {
        Command command = new(
            "train", "Trains a policy; without arguments a small model learns sums, on the CPU, in minutes");
        _options.AddTo(command);
        command.SetAction(parsed =>
            (int)_options.Run(parsed, RunState.Train, [], _ => { }, (run, sinks, progress, signals) =>
            TrainingRuns.Train(run, sinks, progress, signals.Token)));
        return command;
    }
}
