using System.Collections.Generic;
using System.CommandLine;
using Tbrm.Cli.Comparing;
using Tbrm.Cli.Display;
using Tbrm.Core.Errors;
using Tbrm.Training.Loops;
using Tbrm.Training.Runs;

namespace Tbrm.Cli.Verbs;

/// <summary><c>train</c>: the main job.</summary>
internal sealed class TrainVerb : IVerb
{
    private readonly TrainingOptions _options = new();
    private readonly Option<string?> _seeds = new("--seeds")
    {
        Description =
            "Runs the configuration with several seeds (1,2,3 or 1-5), a folder for each, and a page of all of them",
        HelpName = "SEEDS",
    };

    public Command Create()
    {
        Command command = new(
            "train", "Trains a policy; without arguments a small model learns sums, on the CPU, in minutes");
        _options.AddTo(command);
        command.Options.Add(_seeds);
        command.SetAction(parsed => (int)(parsed.GetValue(_seeds) is { } seeds
            ? OfSeeds(parsed, SeedList.Of("--seeds", seeds))
            : _options.Run(parsed, RunState.Train, [], _ => { }, started =>
                TrainingRuns.TrainOn(started.Processes, started.Run, started.Sinks, started.Progress, started.Stop))));
        return command;
    }

    private ExitCode OfSeeds(ParseResult parsed, IReadOnlyList<long> seeds)
    {
        if (_options.LoadShared(parsed) is not { } config)
        {
            return ExitCode.Ok;
        }

        if (config.Trainer.Nnodes > 1)
        {
            throw new ConfigException(
                $"--seeds with trainer.nnodes={config.Trainer.Nnodes}: a group of runs is made on one node");
        }

        using StopSignals signals = new(saves: true);
        return SeedRuns.Run(config, seeds, new TerminalProgress(Terminal.RawError, isTerminal: false), signals.Token);
    }
}
