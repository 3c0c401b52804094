using System;
using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Completions;
using System.Linq;
using Tbrm.Cli.Completion;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Training.Config;
using Tbrm.Training.Evaluation;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;

namespace Tbrm.Cli;

/// <summary>What every verb over a configuration takes: -c, --run-dir, and key=value overrides.</summary>
internal sealed class RunOptions
{
    public Option<string[]> Config { get; } = new("--config", "-c")
    {
        Description =
            $"A YAML file, or a preset; of several the later counts more. Presets: "
                + $"{string.Join(", ", ConfigLoader.Presets)}",
        HelpName = "FILE",
    };

    public Option<string?> RunDir { get; } =
        new("--run-dir") { Description = "Folder of the run (trainer.run_dir)", HelpName = "DIR" };

    public Argument<string[]> Overrides { get; } = new("key=value")
    {
        HelpName = "key=value", // else the keys that completion offers stand in the usage line, all of them
        Description = "Configuration keys, such as trainer.seed=2 (tbrm-native config lists them)",
        Arity = ArgumentArity.ZeroOrMore,
    };

    /// <summary>For verbs that sample from a trained model.</summary>
    public Option<double?> BetaScale { get; } = new("--beta-scale")
    {
        Description =
            "Samples from pi_ref^(1-x) pi^x (rollout.beta_scale); the reference is the run's, or ref.path=DIR",
        HelpName = "X",
    };

    /// <summary>The configuration with the run's reference where one is mixed in and none is named.</summary>
    public static RunConfig WithReference(RunConfig config, TrainedRun? run) =>
        run is null || config.Rollout.BetaScale == 1 || config.Ref.Path.Length > 0 ? config
            : config with { Ref = config.Ref with { Path = ReferenceMixture.FolderOf(run) } };

    public void AddTo(Command command)
    {
        Config.CompletionSources.Add(_ => ConfigLoader.Presets.Select(p => new CompletionItem(p)));
        Overrides.CompletionSources.Add(context => KeyCompletion.Of(context.WordToComplete)
            .Select(c => new CompletionItem(c)));
        command.Options.Add(Config);
        command.Options.Add(RunDir);
        command.Arguments.Add(Overrides);
    }

    /// <summary>Which checkpoint of a run; for verbs that take a run for a model.</summary>
    public Option<string?> Checkpoint { get; } = new("--checkpoint")
    {
        Description = "Of a run named by model.path "
        + "(or --run-dir): a step, best, or latest (the default)",
        HelpName = "N|best"
    };

    /// <summary>The run that is named as the model: by model.path on the command line; where
    /// <paramref name="byFolder"/>, by --run-dir; or by a file's model.path. Null when it is none.</summary>
    public TrainedRun? Trained(ParseResult parsed, bool byFolder)
    {
        string[] named = [Last(parsed, "model.path"), byFolder ? NamedFolder(parsed) : ""];
        string folder = named.FirstOrDefault(n => n.Length > 0) ?? RunModels.PathIn(Files(parsed), []);
        TrainedRun? run = folder.Length == 0 ? null : TrainedRun.Find(folder, parsed.GetValue(Checkpoint), Say);
        return run is null && parsed.GetValue(Checkpoint) is { } which
            ? throw new ConfigException(
                $"--checkpoint {which}: {(folder.Length == 0 ? "no run is named" : $"{folder} holds no run")}; name "
                    + $"its folder with model.path{(byFolder ? " or --run-dir" : "")}")
            : run;
    }

    /// <summary>A run's prompt form and lengths &lt; defaults &lt; file or preset &lt; above &lt; command
    /// line.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="verb">Decides what short names mean.</param>
    /// <param name="fallbackFile">Read where the command line names no file.</param>
    /// <param name="defaults">The verb's own keys.</param>
    /// <param name="above">Keys above the file.</param>
    /// <param name="run">The run that is the model; null: the one that model.path names, if it names one.</param>
    public RunConfig Load(ParseResult parsed, string verb = RunState.Train, string? fallbackFile = null,
        IReadOnlyList<ConfigEntry>? defaults = null,
        IReadOnlyList<ConfigEntry>? above = null, TrainedRun? run = null)
    {
        run ??= Trained(parsed, byFolder: false);
        List<string> arguments = Arguments(parsed);
        IReadOnlyList<string> files = Files(parsed) is { Count: > 0 } named ? named
            : fallbackFile is null ? [] : [fallbackFile];
        string[] overrides = [.. (run?.Arguments(arguments) ?? arguments)
            .Select(a => verb == RunState.Sft ? OfSft(a) : a)];
        return RunModels.Resolve(
            ConfigLoader.Load(files, overrides, above, [.. run?.ForUse() ?? [], .. defaults ?? []], Say), Say);
    }

    private static void Say(string text) => Console.Error.WriteLine($"tbrm-native: {text}");

    /// <summary>What -c names, in the order given.</summary>
    public IReadOnlyList<string> Files(ParseResult parsed) => parsed.GetValue(Config) ?? [];

    /// <summary>The run's folder as the command line names it, by --run-dir or by its key; empty when it does
    /// not.</summary>
    public string NamedFolder(ParseResult parsed) => Last(parsed, "trainer.run_dir");

    private string Last(ParseResult parsed, string key) =>
        Arguments(parsed).Select(ConfigEntry.FromArgument)
            .LastOrDefault(e => ConfigSchema.Canonical(e.Path) == key)?.Value.ToString() ?? "";

    /// <summary>The short names that mean a supervised run's own keys there.</summary>
    private static string OfSft(string argument) =>
        argument.StartsWith("lr=", StringComparison.Ordinal) ? "sft.optim." + argument
        : argument.StartsWith("steps=", StringComparison.Ordinal) ? "sft.total_training_" + argument
        : argument;

    /// <summary>A benchmark's preset between the file and the command line.</summary>
    public Benchmark LoadBenchmark(ParseResult parsed, EmbeddedPreset preset, string? data,
        IReadOnlyList<string> arguments, IReadOnlyList<ConfigEntry> defaults) =>
        Benchmark.Of(preset, data, Files(parsed), arguments, defaults);

    /// <summary>The overrides and --run-dir as key=value.</summary>
    public List<string> Arguments(ParseResult parsed)
    {
        List<string> arguments = [.. parsed.GetValue(Overrides) ?? []];
        if (arguments.Find(a => a.StartsWith('-') && !a.Contains('=', StringComparison.Ordinal)) is { } option)
        {
            throw new ConfigException(
                $"there is no option "
                    + $"'{option}'{NearestName.Hint(option, parsed.CommandResult.Command.Options.Select(o => o.Name))} "
                    + $"(keys are given as key=value)");
        }

        if (parsed.CommandResult.Command.Options.Contains(BetaScale) && parsed.GetValue(BetaScale) is { } scale)
        {
            arguments.Add(FormattableString.Invariant($"rollout.beta_scale={scale}"));
        }

        if (parsed.GetValue(RunDir) is { Length: > 0 } folder)
        {
            string? other = arguments.Find(
                a => ConfigSchema.Canonical(a.Split('=', 2)[0].TrimStart('-', '+')) == "trainer.run_dir");
            if (other is not null && other.Split('=', 2)[1] != folder)
            {
                throw new ConfigException(
                    $"command line: --run-dir {folder} and {other} are both given, and name the same key; give one of "
                        + $"them");
            }

            arguments.Add("trainer.run_dir=" + folder);
        }

        return arguments;
    }
}
