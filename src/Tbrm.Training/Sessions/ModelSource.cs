using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Models;
using Tbrm.Training.Config;
using Tbrm.Training.Runs;
using YamlDotNet.RepresentationModel;

namespace Tbrm.Training.Sessions;

/// <summary>Where the parts of a session's policy come from: a model folder, or a checkpoint of a run.</summary>
/// <param name="Weights">Folder with config.json and weights; empty for a model that is made from scratch.</param>
/// <param name="Companions">Folder with tokenizer and generation_config.json; as <paramref name="Weights"/> but for a
/// checkpoint.</param>
/// <param name="AdapterFolder">A PEFT folder; empty when there is none to load.</param>
/// <param name="Adapter">The adapter that the policy is to have; null for none.</param>
internal sealed record ModelSource(string Weights, string Companions, string AdapterFolder, AdapterOptions? Adapter)
{
    /// <summary>What a configuration names, or, resumed, what the checkpoint holds.</summary>
    public static ModelSource Of(RunConfig config, string? checkpoint)
    {
        ModelConfig model = config.Model;
        if (checkpoint is null)
        {
            return new(model.Path, model.Path, model.LoraAdapterPath, AdapterOptions.Of(model));
        }

        CheckOrigin(config, checkpoint);
        CriticSource.Check(config, checkpoint);
        string companions = RunState.ModelFolderOf(checkpoint), adapter = RunState.AdapterFolderOf(checkpoint);
        if (RunState.Read(checkpoint).Verb == RunState.WarmStart)
        {
            // The adapter comes after the warm start, which trains the weights themselves.
            return new(companions, companions, "", null);
        }

        bool isAdapter = PeftFolder.IsAdapter(adapter);
        if (isAdapter != (model.LoraRank > 0 || model.LoraAdapterPath.Length > 0))
        {
            throw new DataException(isAdapter
                ? $"checkpoint {checkpoint} holds an adapter; model.lora_rank=0 cannot go on with it"
                : $"checkpoint {checkpoint} was made without an adapter; set model.lora_rank=0 to go on with it, or "
                    + $"begin a new run with model.path={companions}");
        }

        if (!isAdapter)
        {
            return new(companions, companions, "", null);
        }

        AdapterOptions stored = PeftFolder.Read(adapter);
        // A run that began with an adapter's folder took its shape from there; the folder is not needed any more.
        AdapterOptions wanted = model.LoraAdapterPath.Length > 0 ? stored : AdapterOptions.Of(model)!;
        if (stored != wanted)
        {
            throw new DataException(
                $"checkpoint {checkpoint} holds an adapter {Describe(stored)}; the configuration says "
                    + $"{Describe(wanted)}");
        }

        string reference = RunState.ReferenceFolderOf(checkpoint);
        if (Directory.Exists(reference))
        {
            return new(reference, companions, adapter, stored);
        }

        BaseModelRecord.Check(RunState.BaseRecordPathOf(checkpoint), model.Path);
        return new(model.Path, companions, adapter, stored);
    }

    /// <summary>A checkpoint's policy goes on as it is: a configuration that says it was made otherwise would not be
    /// told the truth.</summary>
    private static void CheckOrigin(RunConfig config, string checkpoint)
    {
        string path = Path.Combine(checkpoint, "config.resolved.yaml");
        if (!File.Exists(path))
        {
            return;
        }

        const string modelPath = "model.path";
        Dictionary<string, string> made = Shape(File.ReadAllText(path), path),
            wanted = Shape(ConfigWriter.ToYaml(config), "the configuration");
        bool wasScratch = made.GetValueOrDefault(modelPath, "").Length == 0;
        foreach ((string key, string value) in wanted)
        {
            // A model's folder may have moved; one that was made from scratch has a shape instead.
            bool differs = key == modelPath ? wasScratch != (value.Length == 0) : wasScratch
                && made.GetValueOrDefault(key, value) != value;
            if (differs)
            {
                throw new ConfigException(
                    $"checkpoint {checkpoint} was made with {key}={made.GetValueOrDefault(key, "")}, the "
                        + $"configuration says {key}={value}, which cannot change on the way. "
                    + "Leave it as it was, or begin a new run in another --run-dir");
            }
        }
    }

    private static Dictionary<string, string> Shape(string yaml, string name) => ConfigEntry.FromYaml(yaml, name)
        .Where(e => e.Path == "model.path" || e.Path.StartsWith("model.scratch.", StringComparison.Ordinal))
        .ToDictionary(e => e.Path, e => (e.Value as YamlScalarNode)?.Value ?? "");

    internal static string Describe(AdapterOptions adapter) =>
        FormattableString.Invariant(
            $"of rank {adapter.RankText}, scale {adapter.Scale} in {string.Join(", ", adapter.TargetNames)}");
}
