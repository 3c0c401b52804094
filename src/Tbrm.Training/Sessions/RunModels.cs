using System;
using System.Collections.Generic;
using System.IO;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Models;
using Tbrm.Training.Config;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Sessions;

/// <summary>
/// Wherever a configuration or a command line names a model's folder, a run or one of its checkpoints may stand there:
/// the model in it is meant.
/// </summary>
public static class RunModels
{
    private const string ModelPath = "model.path";

    /// <summary>What model.path is: the command line's, or else that of the last file which has one; empty for
    /// none.</summary>
    public static string PathIn(IReadOnlyList<string> filesOrPresets, IReadOnlyList<string> arguments) =>
        ConfigLoader.Value([], arguments, ModelPath) is { Length: > 0 } named ? named
            : ConfigLoader.Value(filesOrPresets, [], ModelPath);

    /// <summary>Loads a configuration in which model.path may be a run, whose prompt form and lengths then hold below
    /// the files.</summary>
    /// <param name="filesOrPresets">YAML files, or names of presets.</param>
    /// <param name="arguments">Overrides.</param>
    /// <param name="warn">Told of damaged checkpoints.</param>
    public static RunConfig Load(IReadOnlyList<string> filesOrPresets, IReadOnlyList<string> arguments,
        Action<string> warn)
    {
        string folder = PathIn(filesOrPresets, arguments);
        TrainedRun? run = folder.Length == 0 ? null : TrainedRun.Find(folder, null, warn);
        return Resolve(ConfigLoader.Load(filesOrPresets, run?.Arguments(arguments) ?? arguments,
            verbDefaults: run?.ForUse()), warn);
    }

    /// <summary>The configuration with folders of models in place of the runs that its other keys name.</summary>
    /// <exception cref="ConfigException">A run's model cannot be used there.</exception>
    public static RunConfig Resolve(RunConfig config, Action<string> warn)
    {
        ArgumentNullException.ThrowIfNull(config);
        return config with
        {
            Model = config.Model with
            {
                TokenizerPath = Companions(config.Model.TokenizerPath, warn),
                LoraAdapterPath = Adapter("model.lora_adapter_path", config.Model.LoraAdapterPath, RunState.Actor,
                    warn),
            },
            Ref = config.Ref with { Path = Folder("ref.path", config.Ref.Path, warn) },
            Critic = config.Critic with
            {
                Model = config.Critic.Model with
                {
                    Path = Critic(config.Critic.Model.Path, warn),
                    LoraAdapterPath = Adapter("critic.model.lora_adapter_path", config.Critic.Model.LoraAdapterPath,
                        RunState.Critic, warn),
                },
            },
        };
    }

    /// <summary>The model folder that a path means: its own, or the newest checkpoint's where it is a run.</summary>
    /// <param name="name">The key or option, for messages.</param>
    /// <param name="path">A folder; empty stays empty.</param>
    /// <param name="warn">Told of damaged checkpoints.</param>
    /// <exception cref="ConfigException">The run holds an adapter, which is no model by itself.</exception>
    public static string Folder(string name, string path, Action<string> warn)
    {
        if (Find(path, warn) is not { } run)
        {
            return path;
        }

        return PeftFolder.IsAdapter(RunState.AdapterFolderOf(run.Checkpoint))
            ? throw new ConfigException(
                $"{name}: {path} holds an adapter, which is no model by itself; make one of it: "
                + $"tbrm-native export merge --run-dir {path} --out DIR, and name DIR")
            : RunState.ModelFolderOf(run.Checkpoint);
    }

    /// <summary>The folder with the tokenizer that a path means.</summary>
    public static string Companions(string path, Action<string> warn) =>
        Find(path, warn) is { } run ? RunState.ModelFolderOf(run.Checkpoint) : path;

    /// <summary>A run's own critic where it trained one, else its policy.</summary>
    private static string Critic(string path, Action<string> warn)
    {
        const string key = "critic.model.path";
        if (Find(path, warn) is not { } run)
        {
            return path;
        }

        string critic = RunState.ModelFolderOf(run.Checkpoint, RunState.Critic);
        if (!Directory.Exists(critic))
        {
            return Folder(key, path, warn);
        }

        return PeftFolder.IsAdapter(RunState.AdapterFolderOf(run.Checkpoint, RunState.Critic))
            ? throw new ConfigException($"{key}: the critic in {path} is an adapter; name its base, and "
                + $"critic.model.lora_adapter_path={path}")
            : critic;
    }

    private static string Adapter(string name, string path, string model, Action<string> warn)
    {
        if (Find(path, warn) is not { } run)
        {
            return path;
        }

        string adapter = RunState.AdapterFolderOf(run.Checkpoint, model);
        return PeftFolder.IsAdapter(adapter) ? adapter
            : throw new ConfigException($"{name}: the newest checkpoint of {path} holds no adapter of the {model}");
    }

    private static TrainedRun? Find(string path, Action<string> warn) =>
        path.Length == 0 || PeftFolder.IsAdapter(path) ? null : TrainedRun.Find(path, null, warn);
}
