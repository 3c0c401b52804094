using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Tbrm.Core.Rollouts;
using Tbrm.Data.Trajectories;
using Tbrm.Text.Tokenizers;
using Tbrm.Training.Evaluation;
using Tbrm.Training.Prompts;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Trajectories;

/// <summary>
/// A trajectory as a line of a file, without loss: verl's keys for people, and beside them token ids, log-probs as the
/// shortest text that reads
/// back as the same fp32 number, and what the reference policy says. <see cref="TrajectoryRows"/> reads it.
/// </summary>
public static class TrajectoryRow
{
    /// <summary>What is not finite is a text, as in metrics.jsonl.</summary>
    private static readonly JsonSerializerOptions s_numbers =
        new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>The row of a graded trajectory.</summary>
    /// <param name="step">The step that sampled it.</param>
    /// <param name="temperature">What logits were divided by.</param>
    /// <param name="tokenizer">Writes the text.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="trajectory">The trajectory.</param>
    /// <param name="graded">Its grade.</param>
    public static JsonObject Of(long step, float temperature, ITokenizer tokenizer, EncodedPrompt prompt,
        Trajectory trajectory, GradedResponse graded)
    {
        JsonObject row = EvaluationRow.Of(step, tokenizer, prompt, trajectory, graded, sample: null);
        if (graded.Grade.Detail is { } detail)
        {
            row[TrajectoryKeys.Detail] = detail;
        }

        row[TrajectoryKeys.Id] = trajectory.Id;
        row[TrajectoryKeys.Group] = trajectory.Group;
        row[TrajectoryKeys.WeightVersion] = trajectory.WeightVersion;
        row[TrajectoryKeys.Temperature] = temperature;
        row[TrajectoryKeys.PromptIds] = Node(trajectory.PromptIds);
        row[TrajectoryKeys.ResponseIds] = Node(trajectory.ResponseIds);
        if (trajectory.Logp.Length == trajectory.ResponseIds.Length)
        {
            row[TrajectoryKeys.Logp] = Node(trajectory.Logp);
        }

        if (!trajectory.ProcessedLogp.SequenceEqual(trajectory.Logp))
        {
            row[TrajectoryKeys.ProcessedLogp] = Node(trajectory.ProcessedLogp);
        }

        if (trajectory.Reference is { } reference)
        {
            AddReference(row, reference);
        }

        return row;
    }

    /// <summary>A row of any file with ids and the reference's numbers.</summary>
    /// <param name="row">The row as it was read.</param>
    /// <param name="trajectory">What it holds, with the reference's numbers.</param>
    /// <param name="temperature">What logits were divided by.</param>
    internal static JsonObject Completed(JsonObject row, Trajectory trajectory, float temperature)
    {
        JsonObject completed = (JsonObject)row.DeepClone();
        completed[TrajectoryKeys.PromptIds] = Node(trajectory.PromptIds);
        completed[TrajectoryKeys.ResponseIds] = Node(trajectory.ResponseIds);
        completed[TrajectoryKeys.Finish] = trajectory.End.ToString();
        completed[TrajectoryKeys.Temperature] = temperature;
        AddReference(completed, trajectory.Reference!);
        return completed;
    }

    /// <summary>Writes the reference's numbers into a row.</summary>
    public static void AddReference(JsonObject row, ReferenceScores reference)
    {
        row[TrajectoryKeys.RefLogp] = Node(reference.Logp.ToArray());
        row[TrajectoryKeys.RefV1] = Node(reference.V1);
        row.Remove(TrajectoryKeys.RefVEnd);
        if (reference.VEnd is { } end)
        {
            row[TrajectoryKeys.RefVEnd] = Node(end);
        }
    }

    private static JsonNode? Node<T>(T value) => JsonSerializer.SerializeToNode(value, s_numbers);
}
