using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using Tbrm.Cli.Display;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Ranks;
using Tbrm.Training.Config;
using Tbrm.Training.Loops;
using Tbrm.Training.Progress;
using Tbrm.Training.Ranks;
using Tbrm.Training.Runs;
using Tbrm.Training.Sessions;

namespace Tbrm.Cli;

/// <summary>What the verbs that train take besides a configuration, and how they start: --resume, --dry-run,
/// --json.</summary>
internal sealed class TrainingOptions
{
    private readonly RunOptions _run = new();
    private readonly Option<bool> _resume =
        new("--resume") { Description = "Goes on with the run in --run-dir, or with the newest run" };
    private readonly Option<bool> _dryRun =
        new("--dry-run") { Description = "Prints configuration, batch arithmetic and memory plan, and leaves" };
    private readonly Option<bool> _json =
        new("--json") { Description = "With --dry-run: one JSON object instead of YAML" };

    public void AddTo(Command command)
    {
        _run.AddTo(command);
        command.Options.Add(_run.Checkpoint);
        command.Options.Add(_resume);
        command.Options.Add(_dryRun);
        command.Options.Add(_json);
    }

    /// <summary>The configuration that a group of runs shares; null for a dry run, whose plan is printed.</summary>
    /// <param name="parsed">The command line.</param>
    /// <exception cref="ConfigException">--resume: a group goes on by itself.</exception>
    public RunConfig? LoadShared(ParseResult parsed)
    {
        if (parsed.GetValue(_resume))
        {
            throw new ConfigException("--resume with --seeds: the same command without it goes on with the group");
        }

        RunConfig config = Load(parsed, RunState.Train, []);
        CheckSampled(config);
        if (parsed.GetValue(_dryRun))
        {
            PlanOutput.Print(config, RunState.Train, parsed.GetValue(_json));
            return null;
        }

        return config;
    }

    /// <summary>Loads the configuration and runs, or prints the plan.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="verb"><see cref="RunState.Train"/> or <see cref="RunState.Sft"/>.</param>
    /// <param name="defaults">Keys between the preset and the command line when neither a file nor a model is
    /// named.</param>
    /// <param name="check">Refuses a configuration before anything is made.</param>
    /// <param name="run">Trains.</param>
    public ExitCode Run(ParseResult parsed, string verb, IReadOnlyList<ConfigEntry> defaults, Action<RunConfig> check,
        Func<StartedRun, TrainEnd> run)
    {
        RunConfig config = Load(parsed, verb, defaults);
        check(config);
        CheckSampled(config);
        if (parsed.GetValue(_dryRun))
        {
            return PlanOutput.Print(config, verb, parsed.GetValue(_json));
        }

        using StopSignals signals = new(saves: true);
        return RunProcesses.PlaceOf(config.Trainer, Environment.GetEnvironmentVariable) is { } place
            ? RunningProcess.Run(place, config, signals,
                processes => Run(parsed, verb, config, signals, processes, run))
            : Run(parsed, verb, config, signals, null, run);
    }

    private ExitCode Run(ParseResult parsed, string verb, RunConfig config, StopSignals signals,
        ProcessGroup? processes, Func<StartedRun, TrainEnd> run)
    {
        using RunDisplay display = RunDisplay.Of(config.Trainer);
        using OpenRun opened = OpenRun.Open(config, verb, display.Progress);
        try
        {
            return Run(parsed, verb, opened, display, signals, processes, run);
        }
        catch (Exception e) when (e is ConfigException or DataException)
        {
            opened.Folder.AbandonUnused();
            throw;
        }
    }

    /// <summary>Training learns from what the policy itself samples; its log-probs are those of the rollout.</summary>
    private static void CheckSampled(RunConfig config)
    {
        if (config.Rollout.BetaScale != 1)
        {
            throw new ConfigException(string.Create(CultureInfo.InvariantCulture,
                $"rollout.beta_scale={config.Rollout.BetaScale}: eval and generate mix policy and reference; training "
                    + $"samples from the policy itself"));
        }
    }

    private ExitCode Run(ParseResult parsed, string verb, OpenRun opened, RunDisplay display, StopSignals signals,
        ProcessGroup? processes, Func<StartedRun, TrainEnd> run)
    {
        RunConfig config = opened.Session.Config;
        IProgressDisplay progress = display.Progress;
        using MetricSinks sinks =
            MetricSinks.Open(config.Trainer.Logger, opened.Folder, display.Lines, opened.RecordedStep, display.Sink);
        if (parsed.GetValue(_resume) && opened.ResumedFrom is null && opened.WarmStart is null)
        {
            progress.Say(
                $"tbrm-native: --resume: {opened.Folder.Root} holds no whole checkpoint, so the run begins at step 0");
        }

        TrainEnd end = run(new(opened, sinks, progress, processes, signals.Token));
        display.Block?.Dispose();
        if (end.Message.Length > 0)
        {
            progress.Say(end.ExitCode == ExitCode.Ok ? end.Message : "tbrm-native: " + end.Message);
        }

        if (end.ExitCode == ExitCode.Ok)
        {
            foreach (string line in RunEnding.Lines(opened.Folder, verb))
            {
                progress.Say(line);
            }
        }

        return end.ExitCode;
    }

    /// <summary>A resumed run keeps the configuration that it resolved to, unless a file is given; overrides count in
    /// either case.</summary>
    private RunConfig Load(ParseResult parsed, string verb, IReadOnlyList<ConfigEntry> defaults)
    {
        if (!parsed.GetValue(_resume))
        {
            return _run.Load(parsed, verb, defaults: defaults);
        }

        // How the run was once started must not decide how it goes on.
        ConfigEntry[] resume =
            [ConfigEntry.FromArgument("trainer.resume_mode=auto"),
            ConfigEntry.FromArgument("trainer.resume_from_path=")];
        RunConfig? own = _run.Files(parsed).Count == 0 ? null : _run.Load(parsed, verb, above: resume);
        string folder = (own is null ? _run.NamedFolder(parsed) : own.Trainer.RunDir) is { Length: > 0 } named ? named
            : RunFolder.Newest()
                ?? throw new ConfigException("--resume: there is no run under runs/; name one with --run-dir");
        string saved = Path.Combine(folder, "config.resolved.yaml");
        if (!File.Exists(saved))
        {
            throw new DataException($"--resume: {folder} holds no run (there is no config.resolved.yaml in it)");
        }

        // The folder may have moved since the run wrote its own name.
        RunConfig config = own ?? _run.Load(parsed, verb, saved, above: resume);
        return config with { Trainer = config.Trainer with { RunDir = folder } };
    }
}
