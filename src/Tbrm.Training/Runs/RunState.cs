using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Data.Sampling;
using Tbrm.Engine.Models;
using Tbrm.Training.Metrics;

namespace Tbrm.Training.Runs;

/// <summary>
/// What a checkpoint holds besides the model: everything that decides how the run goes on. Random streams are keyed by
/// seed, step and
/// trajectory, so the step is their whole state.
/// </summary>
/// <param name="Verb">What made it: train, sft, or the warm start of train.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Sampler">Where the prompts or examples stand.</param>
public sealed record RunState(string Verb, long Step, SamplerState Sampler)
{
    /// <summary>The verb of reinforcement runs.</summary>
    public const string Train = "train";

    /// <summary>The verb of supervised runs.</summary>
    public const string Sft = "sft";

    /// <summary>Supervised steps before the first step of a train run.</summary>
    public const string WarmStart = "warm_start";

    /// <summary>The name of the policy, and of its folder.</summary>
    public const string Actor = "actor";

    /// <summary>The name of the value model, and of its folder.</summary>
    public const string Critic = "critic";

    private const string HuggingFaceFolder = "huggingface", ReferenceFolder = "ref";

    /// <summary>Accuracy before the first step, when it was measured.</summary>
    public double? ValBefore { get; init; }

    /// <summary>Best accuracy so far.</summary>
    public double? BestAccuracy { get; init; }

    /// <summary>Accuracy of the newest evaluation; null before the first.</summary>
    public double? LastAccuracy { get; init; }

    /// <summary>Loss on held-out examples at the newest measurement; null before the first.</summary>
    public double? LastLoss { get; init; }

    /// <summary>Loss on held-out examples before the first step, nats per token.</summary>
    public double? LossBefore { get; init; }

    /// <summary>Smallest loss on held-out examples so far.</summary>
    public double? BestLoss { get; init; }

    /// <summary>Where the best accuracy was found; without accuracies, the smallest loss.</summary>
    public long BestStep { get; init; }

    /// <summary>The day that the run's chat template writes.</summary>
    public string TemplateDate { get; init; } = "";

    /// <summary>Updates of the weights that were made so far: a step whose gradient was not finite makes
    /// none.</summary>
    public long Updates { get; init; }

    /// <summary>What the run was computed on, in order.</summary>
    public IReadOnlyList<ComputedOn> ComputedOn { get; init; } = [];

    /// <summary>Wall time spent up to here by earlier processes.</summary>
    public double SecondsBefore { get; init; }

    /// <summary>The same by phase.</summary>
    public IReadOnlyDictionary<string, double> PhaseSeconds { get; init; } = new Dictionary<string, double>();

    /// <summary>Metrics of the step, whose test was stopped before its end; null when nothing is left to do of
    /// it.</summary>
    public MetricSet? Pending { get; init; }

    /// <summary>The folder of a trained model inside a checkpoint: the policy's, unless another is named.</summary>
    public static string ModelFolderOf(string checkpoint, string model = Actor) =>
        Path.Combine(checkpoint, model, HuggingFaceFolder);

    /// <summary>The PEFT folder of a model's adapter inside a checkpoint, where verl has it: the policy's, unless
    /// another is
    /// named.</summary>
    public static string AdapterFolderOf(string checkpoint, string model = Actor) =>
        Path.Combine(checkpoint, model, PeftFolder.FolderName);

    /// <summary>What says which base a model's adapter belongs to.</summary>
    public static string BaseRecordPathOf(string checkpoint, string model = Actor) =>
        Path.Combine(checkpoint, model, "base_model.json");

    /// <summary>The file of the value head of a policy that is its own critic.</summary>
    public static string ValueHeadPathOf(string checkpoint) =>
        Path.Combine(checkpoint, Critic, "value_head.safetensors");

    /// <summary>The reference policy's folder inside a checkpoint.</summary>
    public static string ReferenceFolderOf(string checkpoint) =>
        Path.Combine(checkpoint, ReferenceFolder, HuggingFaceFolder);

    /// <summary>The file of a trained model's optimizer inside a checkpoint: the policy's, unless another is
    /// named.</summary>
    public static string OptimizerPathOf(string checkpoint, string model = Actor) =>
        Path.Combine(checkpoint, model, "optim.safetensors");

    /// <summary>Writes extra_state.json and data.json into a checkpoint that is being made.</summary>
    public void Write(string checkpoint)
    {
        JsonObject extra = new()
        {
            ["verb"] = Verb,
            ["step"] = Step,
            ["val_before"] = ValBefore,
            ["best_accuracy"] = BestAccuracy,
            ["last_accuracy"] = LastAccuracy,
            ["last_loss"] = LastLoss is { } last && double.IsFinite(last) ? last : null,
            ["loss_before"] = LossBefore is { } before && double.IsFinite(before) ? before : null,
            ["best_loss"] = BestLoss is { } loss && double.IsFinite(loss) ? loss : null,
            ["best_step"] = BestStep,
            ["updates"] = Updates,
            ["computed_on"] = new JsonArray([.. ComputedOn.Select(c => (JsonNode)c.ToJson())]),
            ["seconds_before"] = SecondsBefore,
            ["phase_seconds"] = new JsonObject(
                PhaseSeconds.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value))),
            ["template_date"] = TemplateDate,
            ["pending"] = Pending?.ToJson(),
        };
        File.WriteAllText(ExtraPath(checkpoint), extra.ToJsonString() + "\n");
        File.WriteAllText(DataPath(checkpoint), Sampler.ToJson().ToJsonString() + "\n");
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="DataException">A file is missing or damaged.</exception>
    public static RunState Read(string checkpoint)
    {
        JsonObject extra = Parse(ExtraPath(checkpoint));
        try
        {
            return new((string?)extra["verb"] ?? Train,
                (long?)extra["step"]
                ?? throw new FormatException("there is no step"), SamplerState.FromJson(Parse(DataPath(checkpoint))))
            {
                ValBefore = (double?)extra["val_before"],
                BestAccuracy = (double?)extra["best_accuracy"],
                LastAccuracy = (double?)extra["last_accuracy"],
                LastLoss = (double?)extra["last_loss"],
                LossBefore = (double?)extra["loss_before"],
                BestLoss = (double?)extra["best_loss"],
                BestStep = (long?)extra["best_step"] ?? 0,
                // Older versions counted none: their steps are taken for updates.
                Updates = (long?)extra["updates"] ?? (long?)extra["step"] ?? 0,
                ComputedOn = Runs.ComputedOn.FromJson(extra["computed_on"]),
                SecondsBefore = (double?)extra["seconds_before"] ?? 0,
                PhaseSeconds = (extra["phase_seconds"] as JsonObject ?? [])
                    .ToDictionary(p => p.Key, p => (double?)p.Value ?? 0),
                TemplateDate = (string?)extra["template_date"] ?? "",
                Pending = extra["pending"] is JsonObject pending ? MetricSet.FromJson(pending) : null,
            };
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException)
        {
            throw new DataException($"{ExtraPath(checkpoint)}: {e.Message}", e);
        }
    }

    private static string ExtraPath(string checkpoint) => Path.Combine(checkpoint, Actor, "extra_state.json");

    private static string DataPath(string checkpoint) => Path.Combine(checkpoint, "data.json");

    private static JsonObject Parse(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) as JsonObject
                ?? throw new DataException($"{path}: expected a JSON object");
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            throw new DataException($"{path}: {e.Message}", e);
        }
    }
}
