using System.IO;
using System.Text.Json.Nodes;
using Tbrm.Core;
using Tbrm.Data;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>
/// What a checkpoint holds besides the model: everything that decides how the run goes on. Random streams are keyed by seed, step and
/// trajectory, so the step is their whole state.
/// </summary>
/// <param name="Step">Steps done.</param>
/// <param name="Sampler">Where the prompts stand.</param>
/// <param name="ValBefore">Accuracy before the first step, when it was measured.</param>
/// <param name="BestAccuracy">Best accuracy so far, and at which step.</param>
/// <param name="BestStep">See <paramref name="BestAccuracy"/>.</param>
/// <param name="SecondsBefore">Wall time spent up to here by earlier processes.</param>
public sealed record RunState(long Step, SamplerState Sampler, double? ValBefore, double? BestAccuracy, long BestStep, double SecondsBefore)
{
    private const string ActorFolder = "actor", HuggingFaceFolder = "huggingface", ReferenceFolder = "ref";

    /// <summary>The model folder inside a checkpoint.</summary>
    public static string ModelFolderOf(string checkpoint) => Path.Combine(checkpoint, ActorFolder, HuggingFaceFolder);

    /// <summary>The PEFT folder of an adapter inside a checkpoint, where verl has it.</summary>
    public static string AdapterFolderOf(string checkpoint) => Path.Combine(checkpoint, ActorFolder, PeftFolder.FolderName);

    /// <summary>What says which base an adapter belongs to.</summary>
    public static string BaseRecordPathOf(string checkpoint) => Path.Combine(checkpoint, ActorFolder, "base_model.json");

    /// <summary>The reference policy's folder inside a checkpoint.</summary>
    public static string ReferenceFolderOf(string checkpoint) => Path.Combine(checkpoint, ReferenceFolder, HuggingFaceFolder);

    /// <summary>The optimizer's file inside a checkpoint.</summary>
    public static string OptimizerPathOf(string checkpoint) => Path.Combine(checkpoint, ActorFolder, "optim.safetensors");

    /// <summary>Writes extra_state.json and data.json into a checkpoint that is being made.</summary>
    public void Write(string checkpoint)
    {
        JsonObject extra = new()
        {
            ["step"] = Step,
            ["val_before"] = ValBefore,
            ["best_accuracy"] = BestAccuracy,
            ["best_step"] = BestStep,
            ["seconds_before"] = SecondsBefore,
        };
        File.WriteAllText(Path.Combine(checkpoint, ActorFolder, "extra_state.json"), extra.ToJsonString() + "\n");
        File.WriteAllText(Path.Combine(checkpoint, "data.json"), Sampler.ToJson().ToJsonString() + "\n");
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static RunState Read(string checkpoint)
    {
        JsonObject extra = Parse(Path.Combine(checkpoint, ActorFolder, "extra_state.json"));
        JsonObject data = Parse(Path.Combine(checkpoint, "data.json"));
        return new(
            extra["step"]!.GetValue<long>(), SamplerState.FromJson(data), extra["val_before"]?.GetValue<double>(),
            extra["best_accuracy"]?.GetValue<double>(), extra["best_step"]!.GetValue<long>(), extra["seconds_before"]!.GetValue<double>());
    }

    private static JsonObject Parse(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new DataException($"{path}: expected a JSON object");
        }
        catch (System.Exception e) when (e is System.Text.Json.JsonException or IOException)
        {
            throw new DataException($"{path}: {e.Message}", e);
        }
    }
}
