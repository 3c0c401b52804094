using System;
using System.Collections.Generic;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Core.Rollouts;
using Tbrm.Data.Json;
using Tbrm.Text.Tokenizers;
using Tbrm.Training.Prompts;
using Tbrm.Training.Steps;

namespace Tbrm.Training.Evaluation;

/// <summary>A row of a dump file: verl's keys (input, output, gts, score, step), and what is needed to compute the
/// metrics again.</summary>
public static class EvaluationRow
{
    /// <summary>The row of one response.</summary>
    public static JsonObject Of(long step, ITokenizer tokenizer, EncodedPrompt prompt, Trajectory trajectory,
        GradedResponse graded, int? sample)
    {
        JsonObject row = new()
        {
            ["input"] = tokenizer.Decode(prompt.Ids),
            ["output"] = graded.Text,
            ["gts"] = prompt.Prompt.GroundTruth.ToJson(),
            ["score"] = double.IsFinite(graded.Grade.Score) ? graded.Grade.Score : null,
            ["step"] = step,
            ["status"] = graded.Grade.Status.ToString(),
            ["extracted"] = graded.Grade.Extracted,
            ["data_source"] = prompt.Prompt.DataSource,
            ["index"] = prompt.Prompt.Index,
            ["finish"] = trajectory.End.ToString(),
            ["response_tokens"] = trajectory.ResponseIds.Length,
        };
        if (sample is not null)
        {
            row["sample"] = sample;
        }

        // Beside the row's own keys, as verl writes them.
        foreach ((string name, double value) in graded.Grade.Numbers ?? new Dictionary<string, double>())
        {
            row.TryAdd(name, double.IsFinite(value) ? value : null);
        }

        return row;
    }

    /// <summary>What the metrics need of a response.</summary>
    internal static ResponseScore ScoreOf(string problem, EncodedPrompt prompt, Trajectory trajectory,
        GradedResponse graded) => new(
        prompt.Prompt.DataSource, problem, graded.Grade.Score, graded.Grade.Extracted, graded.Grade.Status,
            trajectory.ResponseIds.Length, trajectory.End)
        {
            Numbers = graded.Grade.Numbers,
            Correct = graded.Grade.Numbers is { } numbers
            && numbers.TryGetValue(ValidationMetrics.Accuracy, out double accuracy) ? accuracy : null,
        };

    /// <summary>
    /// Reads saved rows. Only <c>score</c> must be there: without <c>index</c> responses with the same <c>input</c>
    /// belong to one problem (verl's
    /// dump files), without <c>extracted</c> a <c>pred</c> counts as the answer, and where there is an <c>acc</c> it
    /// says whether the answer is right.
    /// </summary>
    /// <exception cref="DataException">A row has no score, or a field of another kind; the message begins with
    /// <c>file:line</c>.</exception>
    public static IReadOnlyList<ResponseScore> Read(string path)
    {
        List<ResponseScore> scores = [];
        foreach (JsonLine line in JsonLines.ReadFile(path))
        {
            try
            {
                scores.Add(Read(line.Row));
            }
            catch (DataException e)
            {
                throw new DataException($"{path}:{line.LineNumber}: {e.Message}", e);
            }
        }

        return scores.Count > 0 ? scores
            : throw new DataException($"{path}: no rows; rows of an evaluation were expected");
    }

    private static ResponseScore Read(JsonObject row)
    {
        double score = Value<double>(row, "score", "a number")
            ?? throw new DataException("the row has no 'score'; rows that an evaluation wrote were expected");
        string problem = Text(row, "index") ?? Text(row, "input")
            ?? throw new DataException("the row has neither 'index' nor 'input', which tell problems apart");
        return new ResponseScore(
            Text(row, "data_source") ?? "unknown", problem, score, Text(row, "extracted") ?? Text(row, "pred"),
            Word<GradeStatus>(row, "status")
                ?? GradeStatus.Ok, Value<int>(row, "response_tokens", "a whole number"),
                Word<TrajectoryEnd>(row, "finish"))
        {
            Correct = row["acc"]?.GetValueKind() switch
            {
                JsonValueKind.True => 1,
                JsonValueKind.False => 0,
                _ => Value<double>(row, "acc", "a number, true or false"),
            },
        };
    }

    private static T? Value<T>(JsonObject row, string key, string expected) where T : struct => row[key] switch
    {
        null => null,
        JsonValue value when value.TryGetValue(out T number) => number,
        JsonNode other => throw new DataException($"'{key}': {expected} was expected, found {other.ToJsonString()}"),
    };

    private static string? Text(JsonObject row, string key) => row[key] switch
    {
        null => null,
        JsonValue value when value.TryGetValue(out string? text) => text,
        JsonNode other => other.ToJsonString(),
    };

    private static T? Word<T>(JsonObject row, string key) where T : struct, Enum => Text(row, key) switch
    {
        null => null,
        // "no_answer", as the scorer of files writes it, is "NoAnswer" here.
        string word when Enum.TryParse(word.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out T value)
            && Enum.IsDefined(value) => value,
        string word => throw new DataException(
            $"'{key}': one of {string.Join(", ", Enum.GetNames<T>())} was expected, found '{word}'"),
    };
}
