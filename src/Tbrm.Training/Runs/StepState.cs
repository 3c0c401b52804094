using System.IO;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;

namespace Tbrm.Training.Runs;

/// <summary>What a step carries from one to the next besides weights and moments: the coefficient of an adaptive KL penalty, in a file of the checkpoint.</summary>
internal static class StepState
{
    private const string Key = "kl_coef";

    /// <summary>Writes it; nothing when there is none.</summary>
    public static void Write(string checkpoint, double? klCoefficient)
    {
        if (klCoefficient is { } coefficient)
        {
            File.WriteAllText(PathIn(checkpoint), new JsonObject { [Key] = coefficient }.ToJsonString() + "\n");
        }
    }

    /// <summary>Reads it; null when the checkpoint has none.</summary>
    /// <exception cref="DataException">The file is damaged.</exception>
    public static double? Read(string checkpoint)
    {
        string path = PathIn(checkpoint);
        try
        {
            return File.Exists(path) ? (double?)(JsonNode.Parse(File.ReadAllText(path)) as JsonObject)?[Key] ?? throw new DataException($"{path}: expected a number at {Key}") : null;
        }
        catch (JsonException e)
        {
            throw new DataException($"{path}: {e.Message}", e);
        }
    }

    private static string PathIn(string checkpoint) => Path.Combine(checkpoint, "algorithm_state.json");
}
