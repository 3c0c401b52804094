using System;
using System.IO;
using Tbrm.Core;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>Where the parts of a session's policy come from: a model folder, or a checkpoint of a run.</summary>
/// <param name="Weights">Folder with config.json and weights; empty for a model that is built on the spot.</param>
/// <param name="Companions">Folder with tokenizer and generation_config.json; as <paramref name="Weights"/> but for a checkpoint.</param>
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
                : $"checkpoint {checkpoint} was made without an adapter; set model.lora_rank=0 to go on with it, or begin a new run with model.path={companions}");
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
            throw new DataException($"checkpoint {checkpoint} holds an adapter {Describe(stored)}; the configuration says {Describe(wanted)}");
        }

        string reference = RunState.ReferenceFolderOf(checkpoint);
        if (Directory.Exists(reference))
        {
            return new(reference, companions, adapter, stored);
        }

        BaseModelRecord.Check(RunState.BaseRecordPathOf(checkpoint), model.Path);
        return new(model.Path, companions, adapter, stored);
    }

    private static string Describe(AdapterOptions adapter) =>
        FormattableString.Invariant($"of rank {adapter.Rank}, scale {adapter.Scale} in {string.Join(", ", adapter.TargetNames)}");
}
