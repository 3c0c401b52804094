using System;
using System.CommandLine;
using System.IO;
using Tbrm.Core;
using Tbrm.Engine;
using Tbrm.Training;

namespace Tbrm.Cli.Verbs;

/// <summary><c>train</c>: the main job.</summary>
internal sealed class TrainVerb : IVerb
{
    private readonly RunOptions _run = new();
    private readonly Option<bool> _resume = new("--resume") { Description = "Goes on with the run in --run-dir, or with the newest run" };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Prints configuration, batch arithmetic and memory plan, and leaves" };
    private readonly Option<bool> _json = new("--json") { Description = "With --dry-run: one JSON object instead of YAML" };

    public Command Create()
    {
        Command command = new("train", "Trains a policy; without arguments a small model learns sums, on the CPU, in minutes");
        _run.AddTo(command);
        command.Options.Add(_resume);
        command.Options.Add(_dryRun);
        command.Options.Add(_json);
        command.SetAction(parsed => (int)Run(parsed));
        return command;
    }

    private ExitCode Run(ParseResult parsed)
    {
        RunConfig config = LoadConfig(parsed);
        if (parsed.GetValue(_dryRun))
        {
            return PlanOutput.Print(config, isSft: false, parsed.GetValue(_json));
        }

        using StopSignals signals = new();
        TerminalProgress progress = new(Console.Error, !Console.IsErrorRedirected);
        RunFolder folder = RunFolder.Open(config.Trainer);
        string? resumeFrom = ResumeFrom(config, folder, progress);
        progress.Say($"run folder: {folder.Root}");
        using TrainingSession session = TrainingSession.Open(config, trainable: true, resumeFrom);
        RunFolder.WriteText(folder.ConfigPath, ConfigWriter.ToYaml(config));
        long? resumedStep = resumeFrom is null ? null : RunState.Read(resumeFrom).Step;
        folder.RewindTo(resumedStep ?? -1);
        using MetricSinks sinks = MetricSinks.Open(config.Trainer.Logger, folder, Console.Out, resumedStep);
        using TrainLoop loop = new(session, folder, sinks, progress, resumeFrom);
        TrainEnd end = loop.Run(signals.Token);
        if (end.Message.Length > 0)
        {
            progress.Say("tbrm-native: " + end.Message);
        }

        return end.ExitCode;
    }

    /// <summary>A resumed run keeps the configuration that it resolved to, unless a file is given; overrides count in either case.</summary>
    private RunConfig LoadConfig(ParseResult parsed)
    {
        string? saved = null;
        if (parsed.GetValue(_resume))
        {
            string folder = parsed.GetValue(_run.RunDir) ?? RunFolder.Newest()
                ?? throw new ConfigException("--resume: there is no run under runs/; name one with --run-dir");
            saved = Path.Combine(folder, "config.resolved.yaml");
            if (!File.Exists(saved))
            {
                throw new DataException($"--resume: {folder} holds no run (there is no config.resolved.yaml in it)");
            }
        }

        RunConfig config = _run.Load(parsed, saved);
        return saved is null || config.Trainer.RunDir.Length > 0 ? config
            : config with { Trainer = config.Trainer with { RunDir = Path.GetDirectoryName(saved)! } };
    }

    private static string? ResumeFrom(RunConfig config, RunFolder folder, TerminalProgress progress)
    {
        switch (config.Trainer.ResumeMode)
        {
            case "disable":
                return null;
            case "resume_path":
                CheckpointStore.Verify(config.Trainer.ResumeFromPath);
                return Path.GetFullPath(config.Trainer.ResumeFromPath);
            default:
                string root = config.Trainer.DefaultLocalDir.Length > 0 ? config.Trainer.DefaultLocalDir : folder.CheckpointPath;
                return new CheckpointStore(root, keep: 0).Latest(problem => progress.Say("tbrm-native: " + problem));
        }
    }
}
