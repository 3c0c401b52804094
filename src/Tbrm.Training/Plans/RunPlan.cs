using System.Collections.Generic;
using System.IO;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Engine.Models;
using Tbrm.Objectives;
using Tbrm.Text.Tokenizers;
using Tbrm.Training.Prompts;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Plans;

/// <summary>What a run would do and what it would take, without doing it.</summary>
public sealed record RunPlan
{
    /// <summary>What an evaluation's plan calls itself.</summary>
    public const string Evaluation = "eval";

    /// <summary>Adapters are trained at 1e-5 to 1e-3; below, whoever set the rate had whole weights in mind.</summary>
    private const double SmallestAdapterRate = 1e-5;

    /// <summary><c>train</c>, <c>sft</c> or <c>eval</c>.</summary>
    public required string Verb { get; init; }

    /// <summary>The model and how its shape was found.</summary>
    public required string Model { get; init; }

    /// <summary>Parameters.</summary>
    public required long Parameters { get; init; }

    /// <summary>Parameters that are trained: all, or those of the adapter.</summary>
    public required long Trained { get; init; }

    /// <summary>bf16 or fp32.</summary>
    public required string Dtype { get; init; }

    /// <summary>Where it would run.</summary>
    public required string Device { get; init; }

    /// <summary>Batches.</summary>
    public required BatchPlan Batch { get; init; }

    /// <summary>Memory.</summary>
    public required MemoryPlan Memory { get; init; }

    /// <summary>What could not be found out, and why.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>
    /// Plans a run. Reads the model's config.json and counts the prompts where these are there; a published model that
    /// is not there is known by
    /// its name. Allocates nothing on the device.
    /// </summary>
    /// <param name="config">The configuration.</param>
    /// <param name="verb">train, sft or eval.</param>
    /// <param name="target">The machine; null: this one's device.</param>
    public static RunPlan Of(RunConfig config, string verb, PlanTarget? target = null)
    {
        List<string> notes = [];
        target ??= PlanTarget.OfRun(config.Trainer);
        (ModelArchitecture architecture, string model) = Shape(config, notes);
        bool bf16 = config.Model.Dtype == "bf16"
            || (config.Model.Dtype == "auto" && architecture.TorchDtype is "bfloat16" or "float16");
        config = HeadBudget.Resolve(config, target.IsCuda, target.Bytes);
        long available = target.Bytes;
        long longest = config.Model.MaxPositions > 0 ? config.Model.MaxPositions
            : config.Data.MaxPromptLength
                + System.Math.Max(config.Data.MaxResponseLength, config.Rollout.ValKwargs.MaxResponseLength);
        AdapterOptions? adapter = AdapterOptions.Of(config.Model);
        if (adapter is not null && config.Model.Path.Length == 0 && config.Sft.TotalTrainingSteps > 0)
        {
            notes.Add(
                "the warm start of a model that is made from scratch trains all its parameters: until it is over, the "
                    + "run takes what it would take without an adapter");
        }

        bool isSft = verb == RunState.Sft;
        double rate = isSft ? config.Sft.Optim.Lr : config.Actor.Optim.Lr;
        if (adapter is not null && verb != Evaluation)
        {
            NoteRate(isSft ? "sft" : "actor", rate, notes);
        }

        if (verb == RunState.Train && AdapterOptions.Of(config.Critic.Model) is not null
            && AlgorithmSelection.Of(config).Critic is not null)
        {
            NoteRate("critic", config.Critic.Optim.Lr, notes);
        }

        ModelMemory bytes = new(architecture, new()
        {
            Bf16 = bf16,
            MaxPositions = (int)longest,
            Trainable = true,
            Recompute = config.Model.EnableGradientCheckpointing,
            HeadBudgetBytes = config.Model.HeadBudgetMb * 1_000_000L,
            ValueHead = verb == RunState.Train && config.Critic.SharedTrunk,
            Ranks = verb == Evaluation ? 1 : target.Devices,
            ZeroStage = config.Trainer.ZeroStage,
        }, adapter, target.IsCuda, target.Threads)
        { IsTorch = target.IsTorch };
        long? prompts = CountPrompts(config, verb, notes);
        if (target.Devices > 1)
        {
            config = OfOne(config, target.Devices, isSft, notes);
        }

        (BatchPlan batch, MemoryPlan memory) = Parts();
        return new()
        {
            Verb = verb,
            Model = model,
            Parameters = architecture.ParameterCount,
            Trained = adapter?.ParameterCount(architecture) ?? architecture.ParameterCount,
            Dtype = bf16 ? "bf16" : "fp32",
            Device = target.Devices > 1 ? $"each of {target.Devices} devices: {target.Name}" : target.Name,
            Batch = batch,
            Memory = memory,
            Notes = notes,
        };

        (BatchPlan, MemoryPlan) Parts()
        {
            BatchPlan planned = verb switch
            {
                RunState.Sft => BatchPlan.Sft(config, prompts),
                Evaluation => BatchPlan.Evaluation(config, prompts),
                _ => BatchPlan.Train(config, prompts),
            };
            return (planned, verb switch
            {
                RunState.Sft => MemoryPlan.Sft(bytes, config, planned, available),
                Evaluation => MemoryPlan.Evaluation(bytes, config, available),
                _ => MemoryPlan.Train(bytes, config, planned, available),
            });
        }
    }

    /// <summary>The part of a step that one of several devices has.</summary>
    private static RunConfig OfOne(RunConfig config, int devices, bool isSft, List<string> notes)
    {
        int prompts = isSft ? config.Sft.TrainBatchSize : config.Data.TrainBatchSize;
        int own = (prompts + devices - 1) / devices;
        notes.Add(
            $"planned for {devices} devices {SharedMemory.Sharing(config.Trainer.ZeroStage)} and each take {own} of "
            + $"the {prompts} prompts of a step; trainer.n_gpus_per_node={devices} (or trainer.nnodes) trains so on "
            + "a CPU's contexts, not yet on several GPUs");
        if (!isSft && TrajectoryMemory.ReplayBytes(config) is > 0 and long buffer)
        {
            notes.Add($"the replay buffer takes {buffer / 1_000_000} MB of the host's memory");
        }

        return isSft ? config with { Sft = config.Sft with { TrainBatchSize = own } }
            : config with { Data = config.Data with { TrainBatchSize = own } };
    }

    private static void NoteRate(string section, double rate, List<string> notes)
    {
        if (rate < SmallestAdapterRate)
        {
            notes.Add(System.FormattableString.Invariant(
                $"{section}.optim.lr={rate} suits whole weights; an adapter takes ten to a hundred times as much"));
        }
    }

    private static (ModelArchitecture Architecture, string Model) Shape(RunConfig config, List<string> notes)
    {
        string path = config.Model.Path;
        if (path.Length == 0)
        {
            PromptSources sources = new(config);
            ITokenizer tokenizer = ScratchModel.TrainTokenizer(config, sources.Train);
            return (ScratchModel.Architecture(
                config.Model.Scratch, tokenizer, config.Data.MaxPromptLength + config.Data.MaxResponseLength),
                "made from scratch (model.scratch)");
        }

        if (Directory.Exists(path))
        {
            return (ModelFolder.ReadArchitecture(path), path);
        }

        if (KnownShapes.Find(path) is { } known)
        {
            notes.Add($"model.path {path} is not here; planned by the published shape of that name");
            return (known, path);
        }

        throw new DataException(
            $"model folder {path} does not exist, and its name is none of the published shapes that can be planned "
                + $"without it ({string.Join(", ", KnownShapes.Names)})");
    }

    /// <summary>Prompts before those that are too long are dropped: that takes the tokenizer.</summary>
    private static long? CountPrompts(RunConfig config, string verb, List<string> notes)
    {
        bool isSft = verb == RunState.Sft, isEvaluation = verb == Evaluation;
        List<string> files = isEvaluation ? config.Data.ValFiles : isSft && config.Sft.TrainFiles.Count > 0
            ? config.Sft.TrainFiles : config.Data.TrainFiles;
        if (files.Count == 0)
        {
            bool isTask = config.Data.Task.Length > 0 || config.Data.Tasks.Count > 0;
            return !isTask ? null : isEvaluation ? PromptSources.EvaluationSize(config.Data)
                : config.Data.TrainMaxSamples < 0 ? null : config.Data.TrainMaxSamples;
        }

        List<string> missing = [.. files.Where(f => !File.Exists(f))];
        if (missing.Count > 0)
        {
            notes.Add(
                $"{string.Join(", ", missing)} {(missing.Count == 1 ? "is" : "are")} not here: the number of prompts "
                    + "is not known");
            return null;
        }

        if (config.Data.FilterOverlongPrompts)
        {
            notes.Add(
                $"prompts over data.max_prompt_length={config.Data.MaxPromptLength} tokens are still counted; the run "
                    + "drops them");
        }

        if (!isSft || config.Sft.TrainFiles.Count == 0)
        {
            return PromptSources.Count(config, files,
                isEvaluation ? config.Data.ValMaxSamples : config.Data.TrainMaxSamples);
        }

        long rows = SupervisedFiles.Texts(config).LongCount();
        rows = config.Data.TrainMaxSamples < 0 ? rows : System.Math.Min(rows, config.Data.TrainMaxSamples);
        return config.Sft.ValFiles.Count > 0 ? rows : rows - (long)System.Math.Ceiling(config.Sft.ValShare * rows);
    }
}
