using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Completions;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Tbrm.Cli.Comparing;
using Tbrm.Cli.Completion;
using Tbrm.Cli.Display;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Objectives;
using Tbrm.Training.Comparisons;
using Tbrm.Training.Config;
using Tbrm.Training.Runs;

namespace Tbrm.Cli.Verbs;

/// <summary><c>compare</c>: algorithms, configurations or runs side by side, under equal budgets, over paired
/// seeds.</summary>
internal sealed class CompareVerb : IVerb
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    private readonly Argument<string[]> _words = new("arm|key=value")
    {
        HelpName = "ARM|key=value",
        Description =
            "Arms: run folders, algorithms, presets, files, or 'NAME: WORDS key=value ...'; and keys for all of them",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string[]> _config =
        new("--config", "-c") { Description = "A YAML file, or a preset, for all arms", HelpName = "FILE" };
    private readonly Option<string?> _runDir =
        new("--run-dir")
        {
            Description = "Folder of the comparison; the same command goes on with it",
            HelpName = "DIR"
        };
    private readonly Option<string> _seeds =
        new("--seeds")
        {
            Description = "Seeds whose results are reported",
            HelpName = "SEEDS",
            DefaultValueFactory = _ => "1,2,3,4,5"
        };
    private readonly Option<double?> _tokens =
        new("--tokens")
        {
            Description = "The budget in tokens generated; without it the most that every run spent",
            HelpName = "N"
        };
    private readonly Option<double?> _seconds =
        new("--seconds") { Description = "The budget in seconds of training steps; likewise", HelpName = "SECONDS" };
    private readonly Option<string> _clock =
        new("--clock")
        {
            Description = "Seconds that count: wall, or cpu (of all threads; where other programs share the machine)",
            DefaultValueFactory = _ => "wall"
        };
    private readonly Option<int> _parallel =
        new("--parallel") { Description = "Runs at the same time", HelpName = "N", DefaultValueFactory = _ => 1 };
    private readonly Option<string[]> _grid =
        new("--grid")
        {
            Description = "Tunes over values of keys, for all arms or for one: \"[ARM:] key=v1,v2\"",
            HelpName = "KEY=V1,V2"
        };
    private readonly Option<int?> _trials =
        new("--trials") { Description = "Trials of each arm, out of its grid; all of it without", HelpName = "N" };
    private readonly Option<string> _tuningSeeds =
        new("--tuning-seeds")
        {
            Description = "Seeds of the trials, none of those reported",
            HelpName = "SEEDS",
            DefaultValueFactory = _ => "1001"
        };
    private readonly Option<string?> _sweep =
        new("--sweep")
        {
            Description = "Runs each arm with every value of a key, and draws the end against it",
            HelpName = "KEY=V1,V2"
        };
    private readonly Option<bool> _controls =
        new("--controls") { Description = "Also runs each arm with rewards of 0, and with random ones" };
    private readonly Option<int?> _samples =
        new("--samples")
        {
            Description = "Answers to each held-out problem for pass@k and KL (8; 0: neither; of existing runs 0)",
            HelpName = "N",
        };
    private readonly Option<bool> _json = new("--json") { Description = "Prints one JSON object instead of a table" };

    public Command Create()
    {
        Command command = new(
            "compare",
            "Compares algorithms, configurations or existing runs: the same seeds, prompts and first weights, equal "
                + "budgets") { _words };
        _config.CompletionSources.Add(_ => ConfigLoader.Presets.Select(p => new CompletionItem(p)));
        _words.CompletionSources.Add(context => AlgorithmTable.Names.Select(n => new CompletionItem(n))
            .Concat(KeyCompletion.Of(context.WordToComplete).Select(c => new CompletionItem(c))));
        foreach (Option option in new Option[] { _config, _runDir, _seeds, _tokens, _seconds, _clock, _parallel, _grid,
            _trials,
            _tuningSeeds, _sweep, _controls, _samples, _json })
        {
            command.Options.Add(option);
        }

        _clock.AcceptOnlyFromAmong("wall", "cpu");
        command.SetAction(parsed => (int)Run(parsed));
        return command;
    }

    private ExitCode Run(ParseResult parsed)
    {
        string[] words = parsed.GetValue(_words) ?? [];
        ArmSpec[] arms = [.. words.Where(ArmSpec.IsArm).Select(ArmSpec.Parse)];
        if (arms.Length == 0)
        {
            throw new ConfigException("compare needs arms: run folders, algorithms (tbrm ppo grpo), presets or files");
        }

        if (parsed.GetValue(_tokens) is <= 0 || parsed.GetValue(_seconds) is <= 0 || parsed.GetValue(_parallel) < 1
            || parsed.GetValue(_trials) is < 1 || parsed.GetValue(_samples) is < 0)
        {
            throw new ConfigException(
                "--tokens, --seconds, --parallel and --trials must be positive, --samples not negative");
        }

        string[] existing = [.. arms.Select(a => a.Folder).OfType<string>()];
        return existing.Length == arms.Length ? Existing(parsed, existing, words)
            : existing.Length == 0 ? Made(parsed, arms, [.. words.Where(w => !ArmSpec.IsArm(w))])
            : throw new ConfigException(
                $"{existing[0]} is a run that is there already, {arms.First(a => a.Folder is null).Name} one to be "
                    + $"made; compare the made ones with it afterwards: tbrm-native compare FOLDER FOLDER");
    }

    private ExitCode Existing(ParseResult parsed, string[] folders, string[] words)
    {
        if (words.FirstOrDefault(w => !ArmSpec.IsArm(w)) is { } key)
        {
            throw new ConfigException($"{key}: runs that are there already take no keys");
        }

        IReadOnlyList<ComparedArm> arms = ComparedArm.Of(folders);
        using StopSignals signals = new(saves: false);
        TerminalProgress progress = new(Terminal.RawError, !Console.IsErrorRedirected);
        if (parsed.GetValue(_samples) is > 0 and int samples)
        {
            foreach (ComparedRun run in arms.SelectMany(a => a.Runs))
            {
                FinalMeasures.Measure(run, FirstModelOf(run), samples, progress, signals.Token);
            }
        }

        string folder = parsed.GetValue(_runDir) is { } named ? Path.GetFullPath(named)
            : RunFolder.PathOf(new TrainerConfig { ExperimentName = "compare" });
        Comparison comparison = new(arms, parsed.GetValue(_tokens), parsed.GetValue(_seconds), Clock(parsed));
        ComparisonPage.WriteInto(folder, comparison);
        Print(parsed, folder, comparison);
        return ExitCode.Ok;
    }

    private ExitCode Made(ParseResult parsed, ArmSpec[] specs, string[] overrides)
    {
        (string Key, string[] Values)? sweep = Sweep(parsed.GetValue(_sweep));
        IReadOnlyList<PlannedArm> arms =
            PlannedArm.Of(specs, parsed.GetValue(_config) ?? [], overrides, sweep, parsed.GetValue(_controls));
        TuningGrid grid = new(parsed.GetValue(_grid) ?? [], [.. specs.Select(s => s.Name)]);
        string folder = parsed.GetValue(_runDir) is { } named ? Path.GetFullPath(named)
            : RunFolder.PathOf(new TrainerConfig { ExperimentName = "compare" });
        ComparisonPlan plan =
            new(folder, arms, SeedList.Of("--seeds", parsed.GetValue(_seeds)!),
            SeedList.Of("--tuning-seeds", parsed.GetValue(_tuningSeeds)!), grid, parsed.GetValue(_trials));
        using StopSignals signals = new(saves: true);
        TerminalProgress progress = new(Terminal.RawError, isTerminal: false);
        progress.Say($"comparison: {folder}");
        RunQueue queue = new(parsed.GetValue(_parallel), progress.Say);
        Comparison Of(IReadOnlyList<ComparedArm> all, IReadOnlyList<TuningTrial> trials) =>
            new(all, parsed.GetValue(_tokens), parsed.GetValue(_seconds), Clock(parsed))
            {
                Sweep = sweep?.Key,
                Parallel = parsed.GetValue(_parallel),
                Trials = trials,
                Failures = queue.Failures,
            };
        IReadOnlyList<TuningTrial> made = [];
        ComparisonRunner runner = new(plan, parsed.GetValue(_samples) ?? 8, (all, trials) =>
        {
            made = trials;
            ComparisonPage.WriteInto(folder, Of(all, trials));
        }, queue, progress);
        ExitCode code = runner.Run(signals.Token);
        if (code == ExitCode.Interrupted)
        {
            progress.Say($"tbrm-native: interrupted; the same command with --run-dir {folder} goes on");
            return code;
        }

        Print(parsed, folder, Of(runner.Arms(), made));
        return code;
    }

    private static (string Key, string[] Values)? Sweep(string? text)
    {
        string[] parts = text?.Split('=', 2) ?? [];
        string[] values = parts.Length == 2 ? parts[1].Split(',', StringSplitOptions.RemoveEmptyEntries) : [];
        return text is null ? null : values.Length > 0 ? (parts[0], values)
            : throw new ConfigException($"--sweep '{text}': expected key=value,value,...");
    }

    /// <summary>Where the policy is that a run began with; null when it is not there any more.</summary>
    private static string? FirstModelOf(ComparedRun run)
    {
        string first = RunState.ModelFolderOf(Path.Combine(run.Folder.CheckpointPath, "global_step_0"));
        return run.Config?.Model.Path is { Length: > 0 } path && Directory.Exists(path) ? path : Directory.Exists(first)
            ? first : null;
    }

    private CostClock Clock(ParseResult parsed) =>
        parsed.GetValue(_clock) == "cpu" ? CostClock.Processor : CostClock.Wall;

    private void Print(ParseResult parsed, string folder, Comparison comparison)
    {
        if (parsed.GetValue(_json))
        {
            Console.Out.WriteLine(ComparisonJson.Of(comparison).ToJsonString(s_indented));
        }
        else
        {
            (IReadOnlyList<string> columns, IReadOnlyList<IReadOnlyList<string>> rows) =
                ComparisonTables.Budgets(comparison);
            Console.Out.Write(PlainTable.Of(columns, rows));
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"held-out accuracy within {comparison.Tokens:0} tokens and {comparison.Seconds:0.#} "
                    + $"{comparison.SecondsName} of steps, 95% bootstrap intervals over seeds; differences in points "
                    + $"against {comparison.Arms[0].Name}"));
        }

        Console.Error.WriteLine($"tbrm-native: {Path.Combine(folder, ComparisonPage.FileName)}");
    }
}
