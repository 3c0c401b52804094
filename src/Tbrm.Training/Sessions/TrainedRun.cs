using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Checkpoint;
using Tbrm.Engine.Models;
using Tbrm.Training.Config;
using Tbrm.Training.Runs;
using YamlDotNet.RepresentationModel;

namespace Tbrm.Training.Sessions;

/// <summary>A checkpoint of a run as the model of another verb, with the configuration that it was trained
/// under.</summary>
/// <param name="Checkpoint">The global_step_N folder, verified.</param>
/// <param name="Entries">The run's resolved configuration, key by key.</param>
public sealed record TrainedRun(string Checkpoint, IReadOnlyList<ConfigEntry> Entries)
{
    /// <summary>What --checkpoint may say besides a number.</summary>
    public const string Best = "best", Newest = "latest";

    private const string ConfigFile = "config.resolved.yaml", ModelPath = "model.path";

    /// <summary>How a prompt is written and how long prompt and answer get: what a policy is used to.</summary>
    private static readonly string[] s_promptForm =
    [
        "data.template", "data.system_prompt", "data.append_instruction", "data.template_date",
            "data.apply_chat_template_kwargs", "data.prompt_key", "data.max_prompt_length", "data.max_response_length",
    ];

    private static readonly string[] s_sources = ["data.task", "data.tasks", "data.train_files", "data.val_files"];

    private static readonly string[] s_task = ["data.task", "data.tasks", "data.task_params", "data.task_holdout"];

    /// <summary>The run that a folder holds, or null: a run folder, its folder of checkpoints, or one
    /// checkpoint.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="which">A step, <see cref="Best"/>, <see cref="Newest"/>; null: the newest.</param>
    /// <param name="warn">Told of damaged checkpoints.</param>
    /// <exception cref="DataException">The folder holds a run, but not that checkpoint.</exception>
    public static TrainedRun? Find(string path, string? which, Action<string> warn)
    {
        if (!Directory.Exists(path) || File.Exists(Path.Combine(path, "config.json")))
        {
            return null;
        }

        string config = Path.Combine(path, ConfigFile);
        bool isCheckpoint = Directory.Exists(RunState.ModelFolderOf(path));
        if (isCheckpoint)
        {
            if (which is not null)
            {
                throw new ConfigException(
                    $"--checkpoint {which}: {path} is one checkpoint already; name the run's folder");
            }

            CheckpointStore.Verify(path);
            return new(Path.GetFullPath(path), ConfigEntry.FromYaml(File.ReadAllText(config), config));
        }

        bool isRun = File.Exists(config);
        if (!isRun && !Directory.EnumerateDirectories(path, "global_step_*").Any())
        {
            return null;
        }

        string root = isRun
            ? OpenRun.CheckpointRoot(ConfigLoader.FromYaml(File.ReadAllText(config), config).Trainer,
            RunFolder.OfRun(path)) : path;
        string checkpoint = Select(new(root, keep: 0), which ?? Newest, warn);
        string saved = Path.Combine(checkpoint, ConfigFile);
        return new(Path.GetFullPath(checkpoint), ConfigEntry.FromYaml(File.ReadAllText(saved), saved));
    }

    /// <summary>A checkpoint of a store by step, best or latest.</summary>
    /// <exception cref="DataException">There is none.</exception>
    /// <exception cref="ConfigException">The word is none of these.</exception>
    public static string Select(CheckpointStore store, string which, Action<string> warn)
    {
        string newest = store.Newest(warn) ?? throw new DataException($"{store.Root} holds no whole checkpoint");
        if (which == Newest)
        {
            return newest;
        }

        bool isStep = long.TryParse(which, NumberStyles.None, CultureInfo.InvariantCulture, out long step);
        if (!isStep && which != Best)
        {
            throw new ConfigException($"--checkpoint {which}: expected a step, {Best} or {Newest}");
        }

        RunState state = RunState.Read(newest);
        if (!isStep && state.BestAccuracy is null && state.BestLoss is null)
        {
            throw new DataException(
                $"--checkpoint {Best}: the run in {store.Root} was never evaluated, so none is the best; name a step, "
                    + $"or {Newest}");
        }

        string folder = store.FolderOf(isStep ? step : state.BestStep);
        if (!Directory.Exists(folder))
        {
            string all = string.Join(", ", store.Steps().Order());
            throw new DataException(isStep
                ? $"--checkpoint {which}: {store.Root} has no checkpoint of step {which}; it has {all}"
                : $"--checkpoint {Best}: the best evaluation was that of step {state.BestStep}, of which no "
                    + $"checkpoint was saved (trainer.save_best); there are {all}");
        }

        CheckpointStore.Verify(folder);
        return folder;
    }

    /// <summary>Arguments with the checkpoint in place of the folder that they named.</summary>
    public IReadOnlyList<string> Arguments(IReadOnlyList<string> arguments)
    {
        IEnumerable<string> others = arguments.Where(a => Key(a) != ModelPath);
        if (!PeftFolder.IsAdapter(RunState.AdapterFolderOf(Checkpoint)))
        {
            return [.. others, $"{ModelPath}={RunState.ModelFolderOf(Checkpoint)}"];
        }

        AdapterSource source = AdapterSource.OfCheckpoint(Checkpoint);
        return [.. others, $"{ModelPath}={source.Base}", $"model.lora_adapter_path={source.Adapter}",
            $"model.tokenizer_path={source.Companions}"];
    }

    /// <summary>The run's keys for an evaluation: prompts, sampling, grader. What the arguments say of where prompts
    /// come from replaces all of that.</summary>
    public IReadOnlyList<ConfigEntry> ForEvaluation(IReadOnlyList<string> arguments)
    {
        string? task = arguments.Where(a => Key(a) == "data.task")
            .Select(a => ConfigEntry.FromArgument(a).Value.ToString()).LastOrDefault();
        bool otherSource = arguments.Any(
            a => s_sources.Contains(Key(a)) && !(Key(a) == "data.task" && task == Text(Entries, "data.task")));
        return [.. Entries.Where(e => e.Path.StartsWith("data.", StringComparison.Ordinal)
            || e.Path.StartsWith("rollout.", StringComparison.Ordinal)
                || e.Path.StartsWith("reward.", StringComparison.Ordinal) || e.Path == "model.dtype")
            .Where(e => !otherSource
                || !(s_sources.Contains(e.Path) || IsUnder(e.Path, "data.task_params")
                || e.Path is "data.filter" or "reward.grader"))];
    }

    /// <summary>The run's keys for other uses of its model: the prompt form and the lengths.</summary>
    public IReadOnlyList<ConfigEntry> ForUse() =>
        [.. Entries.Where(e => s_promptForm.Any(k => IsUnder(e.Path, k)) || e.Path == "model.dtype")];

    /// <summary>In what an evaluation differs from how the run was trained: the task's parameters, the prompt form, the
    /// lengths. Null when nothing.</summary>
    public string? Difference(RunConfig config)
    {
        IReadOnlyList<ConfigEntry> now = ConfigEntry.FromYaml(ConfigWriter.ToYaml(config), "the configuration");
        bool sameTask = s_task[..2].All(k => Text(now, k) == Text(Entries, k));
        IEnumerable<string> keys = s_promptForm.Where(k => k is not ("data.template_date" or "data.prompt_key"))
            .Concat(sameTask ? s_task : []);
        string[] differ = [.. keys.Where(k => Text(now, k) != Text(Entries, k))
            .Select(k => $"{k} is {Shown(Text(now, k))}, the run had {Shown(Text(Entries, k))}")];
        return differ.Length == 0 ? null : "differs from how the run was trained: " + string.Join("; ", differ);
    }

    private static string Key(string argument) => ConfigSchema.Canonical(argument.Split('=', 2)[0].TrimStart('-', '+'));

    private static bool IsUnder(string path, string key) => path == key
        || path.StartsWith(key + ".", StringComparison.Ordinal);

    private static string Shown(string text) => text.Length == 0 ? "empty" : text;

    /// <summary>A key's value as one text, a map's names in order.</summary>
    private static string Text(IReadOnlyList<ConfigEntry> entries, string key) =>
        string.Join(", ", entries.Where(e => IsUnder(e.Path, key))
        .SelectMany(e => Leaves(e.Value, e.Path[key.Length..].TrimStart('.'))).Order(StringComparer.Ordinal));

    private static IEnumerable<string> Leaves(YamlNode node, string name) => node switch
    {
        YamlMappingNode map =>
            map.Children.SelectMany(p => Leaves(p.Value, name.Length == 0 ? p.Key.ToString() : $"{name}.{p.Key}")),
        YamlSequenceNode list =>
            list.Children.SelectMany((item, i) =>
            Leaves(item, string.Create(CultureInfo.InvariantCulture, $"{name}[{i}]"))),
        YamlScalarNode { Value: null or "" } when name.Length == 0 => [],
        _ => [name.Length == 0 ? node.ToString() : $"{name}={node}"],
    };
}
