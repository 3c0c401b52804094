using System;
using System.IO;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Training.Runs;

/// <summary>
/// What a step carries from one to the next besides weights and moments, in algorithm_state.json of a checkpoint: the
/// coefficient of an adaptive KL
/// penalty, updates of the policy, resets of the reference, where files of trajectories stand.
/// </summary>
/// <param name="KlCoefficient">Null without one.</param>
/// <param name="WeightVersion">Updates that the policy has behind it; null in checkpoints of older versions.</param>
/// <param name="ReferenceVersion">Resets of the reference.</param>
/// <param name="Sources">What the sources of trajectories keep.</param>
internal sealed record StepState(double? KlCoefficient, long? WeightVersion, long ReferenceVersion, JsonObject Sources)
{
    private const string KlKey = "kl_coef", VersionKey = "weight_version", ReferenceKey = "reference_version",
        SourcesKey = "sources";

    /// <summary>Writes it.</summary>
    public void Write(string checkpoint)
    {
        JsonObject state = new() { [VersionKey] = WeightVersion, [ReferenceKey] = ReferenceVersion };
        if (KlCoefficient is { } coefficient)
        {
            state[KlKey] = coefficient;
        }

        if (Sources.Count > 0)
        {
            state[SourcesKey] = Sources.DeepClone();
        }

        File.WriteAllText(PathIn(checkpoint), state.ToJsonString() + "\n");
    }

    /// <summary>Reads it; what is not there is as at the beginning.</summary>
    /// <exception cref="DataException">The file is damaged.</exception>
    public static StepState Read(string checkpoint)
    {
        string path = PathIn(checkpoint);
        try
        {
            JsonObject state = !File.Exists(path) ? [] : JsonNode.Parse(File.ReadAllText(path)) as JsonObject
                ?? throw new DataException($"{path}: expected an object");
            return new((double?)state[KlKey], (long?)state[VersionKey], (long?)state[ReferenceKey] ?? 0,
                state[SourcesKey] as JsonObject ?? []);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new DataException($"{path}: {e.Message}", e);
        }
    }

    private static string PathIn(string checkpoint) => Path.Combine(checkpoint, "algorithm_state.json");
}
