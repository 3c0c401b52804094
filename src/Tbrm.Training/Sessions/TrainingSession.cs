using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Data.Sources;
using Tbrm.Engine;
using Tbrm.Engine.Models;
using Tbrm.Engine.Ranks;
using Tbrm.Text.Tokenizers;
using Tbrm.Training.Plans;
using Tbrm.Training.Progress;
using Tbrm.Training.Prompts;
using Tbrm.Training.Runs;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Sessions;

/// <summary>Everything that a verb needs of a configuration: device, tokenizer, policy, prompts, grader. Made in this
/// order.</summary>
public sealed class TrainingSession : IDisposable
{
    private TrainingSession(RunConfig config, EngineDevice device, PromptEncoder encoder, Policy policy,
        PromptSources prompts)
    {
        Config = config;
        Device = device;
        Policy = policy;
        Train = prompts.Train;
        Validation = prompts.Validation;
        Encoder = encoder;
        Reward = new(prompts.Grader, encoder.Tokenizer, config.Reward);
        Demonstrations = new(config, prompts.Task);
        Notes = prompts.Notes;
    }

    /// <summary>The resolved configuration.</summary>
    public RunConfig Config { get; }

    /// <summary>Where the run computes.</summary>
    public EngineDevice Device { get; }

    /// <summary>The policy's tokenizer.</summary>
    public ITokenizer Tokenizer => Encoder.Tokenizer;

    /// <summary>The tokenizer's folder; null for a model made from scratch.</summary>
    public string? TokenizerFolder { get; private init; }

    /// <summary>The policy that is trained.</summary>
    public Policy Policy { get; }

    /// <summary>Training prompts; null for verbs that do not train.</summary>
    public IPromptSource? Train { get; }

    /// <summary>Evaluation prompts; null when there are none.</summary>
    public IPromptSource? Validation { get; }

    /// <summary>The token stage.</summary>
    public PromptEncoder Encoder { get; }

    /// <summary>The verify and reward stages.</summary>
    public RewardStage Reward { get; }

    /// <summary>What a supervised step shows as the response.</summary>
    public Demonstrations Demonstrations { get; }

    /// <summary>What a user has to know of the data files: rows that were left out, columns that nothing
    /// reads.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>Whether the training prompts come from a task or a mixture of tasks.</summary>
    public bool TrainsOnTask { get; private init; }

    /// <summary>Whether the model was made from scratch and has learned nothing yet.</summary>
    public bool IsScratch => Config.Model.Path.Length == 0;

    /// <summary>Ids that end a response: the tokenizer's end token, and those of generation_config.json (without one,
    /// of config.json).</summary>
    public required IReadOnlyList<int> StopIds { get; init; }

    /// <summary>What a person should know about the model: sentences.</summary>
    public IReadOnlyList<string> ModelNotes { get; private init; } = [];

    /// <summary>generation_config.json of the model folder, or null.</summary>
    public JsonObject? GenerationConfig { get; private init; }

    /// <summary>Opens a session. <paramref name="checkpoint"/>: a checkpoint's folder, whose policy takes the place of
    /// the configured one.</summary>
    public static TrainingSession Open(RunConfig config, bool trainable, string? checkpoint = null)
    {
        ModelSource source = ModelSource.Of(config, checkpoint);
        string folder = source.Companions;
        if (source.Weights.Length > 0)
        {
            // Before the tokenizer: a folder that is not there should be called a model folder.
            if (source.Weights == config.Model.Path && !Directory.Exists(source.Weights))
            {
                throw new DataException($"model.path={source.Weights}: there is no such folder; expected a folder with "
                    + "config.json and *.safetensors, a run, or one of its checkpoints");
            }

            _ = ModelFolder.ReadArchitecture(source.Weights);
        }

        EngineDevice device =
            EngineDevice.Open(config.Trainer.Device,
                RankGroup.ThreadsOfRank(config.Trainer.Threads, config.Trainer.NGpusPerNode),
                config.Trainer.BatchInvariant);
        Policy? policy = null;
        try
        {
            config = HeadBudget.Resolve(config, device);
            PromptSources prompts = new(config);
            string? tokenizerFolder = folder.Length == 0 ? null
                : config.Model.TokenizerPath.Length > 0 && checkpoint is null ? config.Model.TokenizerPath : folder;
            Tokenizer tokenizer = tokenizerFolder is not null
                ? Tbrm.Text.Tokenizers.Tokenizer.Load(tokenizerFolder)
                : ScratchModel.TrainTokenizer(config, prompts.Train);
            policy = CreatePolicy(config, device, tokenizer, source, trainable);
            if (tokenizer.VocabularySize > policy.Architecture.VocabSize)
            {
                throw new DataException(
                    $"the tokenizer has {tokenizer.VocabularySize} tokens but the model only "
                        + $"{policy.Architecture.VocabSize} rows; they do not belong together");
            }

            PromptEncoder encoder = new(tokenizer, tokenizerFolder, config.Data);
            prompts.LoadFiles(encoder);
            JsonObject? generation = folder.Length == 0 ? ScratchModel.GenerationConfig(tokenizer)
                : GenerationFile.Read(folder);
            GenerationFile.CheckEndIds(generation, policy.Architecture.VocabSize, GenerationFile.PathIn(folder));
            IReadOnlyList<int> ends = generation is not null
                ? GenerationFile.EndIds(generation, GenerationFile.PathIn(folder))
                : GenerationFile.EndIds(policy.Architecture.Raw, Path.Combine(folder, "config.json"));
            int[] stops = [.. tokenizer.EosId is int eos ? ends.Prepend(eos) : ends];
            return new(config, device, encoder, policy, prompts)
            {
                StopIds = [.. stops.Distinct()],
                ModelNotes = AboutModel(policy, source.Weights),
                GenerationConfig = generation,
                TokenizerFolder = tokenizerFolder,
                TrainsOnTask = prompts.Task is not null,
            };
        }
        catch
        {
            policy?.Dispose();
            device.Dispose();
            throw;
        }
    }

    /// <summary>Puts the configured adapter on a policy that has none yet: one that was made from scratch, after its
    /// warm start.</summary>
    public void AttachAdapter()
    {
        if (Policy.Adapter is null && AdapterOptions.Of(Config.Model) is { } adapter)
        {
            Policy.AttachAdapter(adapter, trainable: true, (ulong)Config.Trainer.Seed);
        }
    }

    /// <summary>
    /// Writes the policy as a Hugging Face model folder. Of a policy with an adapter, the folder gets configuration and
    /// tokenizer, and the
    /// folder lora_adapter beside it the adapter.
    /// </summary>
    public void SaveModel(string folder)
    {
        Directory.CreateDirectory(folder);
        Tokenizer.Save(folder);
        if (Policy.Adapter is null)
        {
            ModelFolder.Save(Policy, folder, GenerationConfig);
            return;
        }

        ModelFolder.SaveConfig(Policy, folder, GenerationConfig);
        string adapter = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(folder))!, PeftFolder.FolderName);
        Directory.CreateDirectory(adapter);
        PeftFolder.Save(Policy, adapter, Config.Model.Path.Length > 0 ? Path.GetFullPath(Config.Model.Path) : "");
    }

    /// <summary>Says what a person should know about the model: which of its tensors are left out, and so on.</summary>
    public void TellAboutModel(IProgressDisplay progress)
    {
        foreach (string note in ModelNotes)
        {
            progress.Say("note: " + note);
        }
    }

    private static IReadOnlyList<string> AboutModel(Policy policy, string folder)
    {
        const int shown = 5;
        IReadOnlyList<string> unused = folder.Length == 0 ? [] : ModelFolder.UnusedTensors(policy, folder);
        return unused.Count == 0 ? policy.Architecture.Notes
            : [.. policy.Architecture.Notes,
                $"{folder} holds {unused.Count} tensors that are no part of the language model; they are not used, "
                    + "and not in what is saved: "
                    + $"{string.Join(", ", unused.Take(shown))}{(unused.Count > shown ? ", ..." : "")}"];
    }

    /// <summary>Says so when sequences of <paramref name="longest"/> tokens go past what the model was made
    /// for.</summary>
    public void WarnBeyondContext(int longest, IProgressDisplay progress)
    {
        if (longest > Policy.Architecture.ContextLength)
        {
            progress.Warn(
                $"prompt and response get up to {longest} tokens long, but the model is made for "
                    + $"{Policy.Architecture.ContextLength} (config.json: max_position_embeddings, RoPE scaling "
                    + "included); "
                + "what it generates beyond is not to be trusted. Lower data.max_prompt_length or "
                + "data.max_response_length");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Policy.Dispose();
        Device.Dispose();
    }

    private static Policy CreatePolicy(RunConfig config, EngineDevice device, ITokenizer tokenizer, ModelSource source,
        bool trainable)
    {
        // What has an adapter to be trained is loaded frozen; what is made from scratch needs its warm start first.
        bool trainsWeights = trainable && (source.Adapter is null || source.Weights.Length == 0);

        PolicyOptions Options(ModelArchitecture architecture) => new()
        {
            Bf16 = config.Model.Dtype == "bf16"
                || (config.Model.Dtype == "auto" && architecture.TorchDtype is "bfloat16" or "float16"),
            MaxPositions = config.Model.MaxPositions > 0 ? config.Model.MaxPositions : LongestSequence(config),
            Trainable = trainsWeights,
            Recompute = config.Model.EnableGradientCheckpointing,
            HeadBudgetBytes = HeadBudget.Bytes(config),
            ValueHead = trainable && config.Critic.SharedTrunk,
            Ranks = trainable ? PlanTarget.RanksOf(config.Trainer) : 1,
            ZeroStage = config.Trainer.ZeroStage,
        };
        if (source.Weights.Length > 0)
        {
            return WithAdapter(ModelFolder.Load(device, source.Weights, Options), source, trainable,
                (ulong)config.Trainer.Seed);
        }

        ModelArchitecture scratch = ScratchModel.Architecture(config.Model.Scratch, tokenizer, LongestSequence(config));
        return Policy.CreateRandom(device, scratch, Options(scratch), (ulong)config.Trainer.Seed,
            (float)config.Model.Scratch.InitializerRange);
    }

    private static Policy WithAdapter(Policy policy, ModelSource source, bool trainable, ulong seed)
    {
        // A new adapter adds nothing: a policy that is not trained does without.
        if (source.Adapter is null || (!trainable && source.AdapterFolder.Length == 0))
        {
            return policy;
        }

        try
        {
            policy.AttachAdapter(source.Adapter, trainable, seed);
            if (source.AdapterFolder.Length > 0)
            {
                PeftFolder.LoadWeights(policy, source.AdapterFolder);
            }

            return policy;
        }
        catch
        {
            policy.Dispose();
            throw;
        }
    }

    private static int LongestSequence(RunConfig config) =>
        config.Data.MaxPromptLength
            + Math.Max(config.Data.MaxResponseLength, config.Rollout.ValKwargs.MaxResponseLength);
}
