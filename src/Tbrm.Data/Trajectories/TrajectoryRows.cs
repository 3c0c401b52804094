using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Data.Json;
using Tbrm.Data.Prompts;
using Tbrm.Data.Sources;

namespace Tbrm.Data.Trajectories;

/// <summary>
/// Reads files of trajectories: the engine's own dumps, verl's, and rows that others made,
/// {prompt | messages | input | prompt_ids, response | output | response_ids, reward | score, ...}.
/// </summary>
public static class TrajectoryRows
{
    private static readonly JsonSerializerOptions s_numbers =
        new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>Keys of a row that have a meaning; a number under another key belongs to the grade, as verl writes
    /// them.</summary>
    private static readonly HashSet<string> s_known = new(StringComparer.Ordinal)
    {
        TrajectoryKeys.Input, TrajectoryKeys.Output, TrajectoryKeys.GroundTruths, TrajectoryKeys.Score,
            TrajectoryKeys.Step, TrajectoryKeys.PromptIds,
        TrajectoryKeys.ResponseIds, TrajectoryKeys.Logp, TrajectoryKeys.ProcessedLogp, TrajectoryKeys.Temperature,
            TrajectoryKeys.WeightVersion, TrajectoryKeys.Id,
        TrajectoryKeys.Group, TrajectoryKeys.RefLogp, TrajectoryKeys.RefV1, TrajectoryKeys.RefVEnd,
            TrajectoryKeys.Finish, TrajectoryKeys.Status, TrajectoryKeys.Extracted,
        TrajectoryKeys.Detail, TrajectoryKeys.DataSource, TrajectoryKeys.Index, "response_tokens", "reward", "ids",
            "behaviour_logp", "behavior_logp", "response", "completion",
        "prompt", "messages", "ground_truth", "answer", "sample",
    };

    /// <summary>Streams the rows of a file in order.</summary>
    /// <param name="path">A jsonl, json or parquet file.</param>
    /// <param name="keys">Columns that the configuration names.</param>
    /// <exception cref="DataException">The file is missing or damaged, or a row has no prompt or no response, or a
    /// value of another kind.</exception>
    public static IEnumerable<StoredTrajectory> Read(string path, PromptKeys keys)
    {
        foreach (SourceRow row in RowFile.Read(path))
        {
            yield return Read(row, keys);
        }
    }

    private static StoredTrajectory Read(SourceRow source, PromptKeys keys)
    {
        (JsonObject row, string where, bool isColumnar) = source;
        if (MediaColumns.Problem(row) is { } problem)
        {
            throw new DataException($"{where}: {problem}");
        }

        JsonNode? conversation = RowValues.Find(row, "messages") ?? RowValues.Find(row, keys.Prompt);
        int[]? promptIds = Numbers<int>(source, TrajectoryKeys.PromptIds),
            responseIds = Numbers<int>(source, TrajectoryKeys.ResponseIds, "ids");
        string? response = Text(source, "response", "completion", TrajectoryKeys.Output),
            input = Text(source, TrajectoryKeys.Input);
        Require(promptIds is not null || conversation is not null || input is not null, source,
            "prompt (or messages, input, prompt_ids)");
        Require(responseIds is not null || response is not null, source,
            "response (or output, completion, response_ids)");
        JsonNode? truth = RowValues.Find(row, keys.GroundTruth) ?? RowValues.Find(row, "ground_truth")
            ?? RowValues.Find(row, TrajectoryKeys.GroundTruths) ?? RowValues.Find(row, "answer");
        string dataSource = RowValues.Find(row, keys.DataSource) is { } name ? RowValues.ToAnswerText(name) : "";
        float[]? refLogp = Numbers<float>(source, TrajectoryKeys.RefLogp);
        return new()
        {
            Where = where,
            Row = row,
            PromptIds = promptIds,
            Messages = conversation is null ? null : Conversation.Read(conversation, keys.Prompt, where, isColumnar),
            Variables = RowVariables.Read(row, where, isColumnar),
            PromptText = input,
            ResponseIds = responseIds,
            Response = response,
            Grade = Grade(source),
            GroundTruth = truth is null ? null
                : AnswerRules.Apply(GroundTruth.Read(truth, "ground_truth", where), dataSource, "ground_truth", where),
            DataSource = dataSource,
            ExtraInfo = VerlRow.ToExtraInfo(RowValues.Find(row, keys.ExtraInfo)),
            Index = Whole(source, TrajectoryKeys.Index),
            Step = Whole(source, TrajectoryKeys.Step),
            Group = Text(source, TrajectoryKeys.Group),
            Id = Whole(source, TrajectoryKeys.Id),
            WeightVersion = Whole(source, TrajectoryKeys.WeightVersion),
            Temperature = Number(source, TrajectoryKeys.Temperature),
            End = End(source),
            Logp = Numbers<float>(source, TrajectoryKeys.Logp, "behaviour_logp", "behavior_logp") ?? [],
            ProcessedLogp = Numbers<float>(source, TrajectoryKeys.ProcessedLogp) ?? [],
            Reference = refLogp is null ? null
                : new(refLogp, Value<float>(source, TrajectoryKeys.RefV1, "a number"),
                    Value<float>(source, TrajectoryKeys.RefVEnd, "a number"), Version: 0),
        };
    }

    /// <summary>A reward that somebody gave, or the grade of a dump with all that came with it.</summary>
    private static GradeResult? Grade(SourceRow source)
    {
        GradeStatus status = GradeStatus.Ok;
        if (Text(source, TrajectoryKeys.Status) is { } word
            && !(Enum.TryParse(word.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out status)
                && Enum.IsDefined(status)))
        {
            throw new DataException(
                $"{source.Where}: '{TrajectoryKeys.Status}': one of "
                    + $"{string.Join(", ", Enum.GetNames<GradeStatus>())} was expected, found '{word}'");
        }

        bool isFailure = status is GradeStatus.Error or GradeStatus.Timeout;
        double? score = Number(source, "reward") ?? Number(source, TrajectoryKeys.Score)
            ?? (isFailure ? double.NaN : null);
        if (score is null)
        {
            return null;
        }

        if (!double.IsFinite(score.Value) && !isFailure)
        {
            throw new DataException(
                $"{source.Where}: the reward is {score.Value.ToString(CultureInfo.InvariantCulture)}; a finite number "
                    + $"was expected, or no reward at all, to have the row graded");
        }

        Dictionary<string, double> numbers =
            source.Row.Where(p => !s_known.Contains(p.Key) && p.Value is JsonValue value
            && value.GetValueKind() == JsonValueKind.Number)
            .ToDictionary(p => p.Key, p => Number(source, p.Key)!.Value, StringComparer.Ordinal);
        return new(score.Value, status, Text(source, TrajectoryKeys.Extracted, "pred"),
            Text(source, TrajectoryKeys.Detail))
        { Numbers = numbers.Count > 0 ? numbers : null };
    }

    private static TrajectoryEnd? End(SourceRow source) => Text(source, TrajectoryKeys.Finish) switch
    {
        null => null,
        // The words of other engines' interfaces.
        "stop" or "eos" => TrajectoryEnd.Stop,
        "length" or "truncated" => TrajectoryEnd.Length,
        string word when Enum.TryParse(word, ignoreCase: true, out TrajectoryEnd end) && Enum.IsDefined(end) => end,
        string word => throw new DataException(
            $"{source.Where}: '{TrajectoryKeys.Finish}': one of {string.Join(", ", Enum.GetNames<TrajectoryEnd>())} "
                + $"was expected, found '{word}'"),
    };

    private static void Require(bool condition, SourceRow source, string what)
    {
        if (!condition)
        {
            throw new DataException(
                $"{source.Where}: a trajectory needs a {what}; the row's keys: {RowValues.KeysOf(source.Row)}");
        }
    }

    private static string? Text(SourceRow source, params string[] keys) => keys.Select(key => source.Row[key])
        .FirstOrDefault(v => v is not null) switch
    {
        null => null,
        JsonValue value when value.TryGetValue(out string? text) => text,
        JsonNode other => other.ToJsonString(),
    };

    private static T[]? Numbers<T>(SourceRow source, params string[] keys)
    {
        string? key = keys.FirstOrDefault(k => source.Row[k] is not null);
        try
        {
            return key is null ? null : source.Row[key].Deserialize<T[]>(s_numbers);
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            throw new DataException(
                $"{source.Where}: '{key}': a list of {(typeof(T) == typeof(int) ? "token ids" : "numbers")} was "
                    + $"expected, found {StrictJson.Describe(source.Row[key!])}", e);
        }
    }

    private static double? Number(SourceRow source, string key) => Value<double>(source, key, "a number");

    private static long? Whole(SourceRow source, string key) => Value<long>(source, key, "a whole number");

    private static T? Value<T>(SourceRow source, string key, string expected) where T : struct
    {
        try
        {
            return source.Row[key] is { } node ? node.Deserialize<T>(s_numbers) : null;
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            throw new DataException(
                $"{source.Where}: '{key}': {expected} was expected, found {source.Row[key]!.ToJsonString()}", e);
        }
    }
}
