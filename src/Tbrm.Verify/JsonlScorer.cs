using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;
using Tbrm.Core.Rewards;

namespace Tbrm.Verify;

/// <summary>What a scored file came to.</summary>
/// <param name="Rows">Rows scored.</param>
/// <param name="MeanScore">The mean of the scores; 0 for no rows.</param>
/// <param name="Counts">How the grades came about.</param>
/// <param name="Grading">Wall-clock time spent in the grader, all threads at work.</param>
/// <param name="FirstFailure">The first grade that is a time-out or an error, in words; null when there is
/// none.</param>
public sealed record ScoreSummary(long Rows, double MeanScore, GradeCounts Counts, TimeSpan Grading,
    string? FirstFailure)
{
    /// <summary>One line for people.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Rows} answers, mean score {MeanScore:F4}, {Counts}, " +
        $"{Rows / Math.Max(Grading.TotalSeconds, 1e-9):F0} answers/s");
}

/// <summary>Scores a JSONL file: each row plus <c>score</c>, <c>status</c> and <c>extracted</c>, in the same
/// order.</summary>
public sealed class JsonlScorer(RewardManager manager)
{
    private const int BatchRows = 4096;
    private const string StandardStream = "-";

    private static readonly JsonSerializerOptions s_json =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonDocumentOptions s_unique = new() { AllowDuplicateProperties = false };

    /// <summary>Scores <paramref name="input"/> into <paramref name="output"/>, which appears under its name only when
    /// it is complete; - is stdin, stdout.</summary>
    /// <exception cref="DataException">The input is missing or a row is malformed; the message names file and
    /// line.</exception>
    public ScoreSummary Score(string input, string output, CancellationToken stop = default)
    {
        if (input != StandardStream && !File.Exists(input))
        {
            string found = Directory.Exists(input) ? "is a folder; give the file inside it" : "there is no such file";
            throw new DataException($"{input}: {found}");
        }

        using AtomicFile? file = output == StandardStream ? null : new(output);
        ScoreSummary summary;
        using (StreamWriter writer = new(
            file?.Stream ?? Console.OpenStandardOutput(), new UTF8Encoding(false), leaveOpen: true))
        {
            summary = ScoreRows(input, writer, stop);
        }

        file?.Commit();
        return summary;
    }

    private ScoreSummary ScoreRows(string input, StreamWriter writer, CancellationToken stop)
    {
        long rows = 0;
        double total = 0;
        GradeCounts counts = new(0, 0, 0, 0);
        TimeSpan grading = TimeSpan.Zero;
        string? failure = null;
        foreach ((JsonObject Row, GradeRequest Request)[] batch in ReadRows(input).Chunk(BatchRows))
        {
            long started = Stopwatch.GetTimestamp();
            GradeResult[] grades = manager.Grade([.. batch.Select(b => b.Request)], stop);
            grading += Stopwatch.GetElapsedTime(started);
            for (int i = 0; i < batch.Length; i++)
            {
                (JsonObject row, GradeResult grade) = (batch[i].Row, grades[i]);
                row["score"] = grade.Score;
                row["status"] = grade.Status.Word();
                row["extracted"] = grade.Extracted;
                if (grade.Numbers is { } numbers)
                {
                    row["numbers"] = new JsonObject(
                        numbers.Select(n => KeyValuePair.Create(n.Key, (JsonNode?)n.Value)));
                }

                writer.Write(row.ToJsonString(s_json));
                writer.Write('\n');
                rows++;
                total += grade.Score;
                counts = counts.Plus(grade.Status);
                failure ??= grade.Status is GradeStatus.Error or GradeStatus.Timeout
                    ? $"row {rows}: {grade.Detail}" : null;
            }
        }

        return new ScoreSummary(rows, rows == 0 ? 0 : total / rows, counts, grading, failure);
    }

    private static IEnumerable<(JsonObject Row, GradeRequest Request)> ReadRows(string input)
    {
        int line = 0;
        foreach (string text in ReadLines(input))
        {
            line++;
            if (!string.IsNullOrWhiteSpace(text))
            {
                JsonObject row = ParseRow(text, input, line);
                yield return (row, ToRequest(row, input, line));
            }
        }
    }

    private static IEnumerable<string> ReadLines(string input)
    {
        UTF8Encoding strict = new(false, throwOnInvalidBytes: true);
        using StreamReader reader = input == StandardStream ? new(Console.OpenStandardInput(), strict)
            : new(input, strict);
        while (Next(reader, input) is { } line)
        {
            yield return line;
        }
    }

    private static string? Next(StreamReader reader, string input)
    {
        try
        {
            return reader.ReadLine();
        }
        catch (DecoderFallbackException e)
        {
            throw new DataException($"{input}: the text is not UTF-8: {e.Message}", e);
        }
    }

    private static JsonObject ParseRow(string text, string input, int line)
    {
        try
        {
            return JsonNode.Parse(LoneSurrogates.Replace(text), documentOptions: s_unique) as JsonObject
                ?? throw new DataException($"{input}:{line}: a JSON object was expected");
        }
        catch (JsonException e)
        {
            throw new DataException($"{input}:{line}: this is not a JSON object: {e.Message}", e);
        }
    }

    private static GradeRequest ToRequest(JsonObject row, string input, int line)
    {
        // The row's own keys are options too, and win over those in extra_info.
        JsonObject extra = Extra(row["extra_info"]);
        foreach ((string key, JsonNode? value) in row)
        {
            if (key is not ("solution_str" or "ground_truth" or "data_source" or "extra_info"))
            {
                extra[key] = value?.DeepClone();
            }
        }

        // A null response is one that holds no answer; a null gold is a fault of the file.
        string? noResponse = row.ContainsKey("solution_str") ? "" : null;
        string source = Text(row, "data_source", "", input, line),
            solution = Text(row, "solution_str", noResponse, input, line);
        return row.TryGetPropertyValue("ground_truth", out JsonNode? truth)
            ? new(source, solution, GroundTruth.Read(truth, "ground_truth", $"{input}:{line}"), extra)
            : throw new DataException($"{input}:{line}: the key \"ground_truth\" is missing");
    }

    /// <summary>As in training's rows: an object, or one as JSON text; whatever else stands there under one
    /// name.</summary>
    private static JsonObject Extra(JsonNode? extra) => extra switch
    {
        null => [],
        JsonObject nested => (JsonObject)nested.DeepClone(),
        JsonValue text when text.TryGetValue(out string? json) && ObjectIn(json) is { } nested => nested,
        _ => new JsonObject { ["value"] = extra.DeepClone() },
    };

    private static JsonObject? ObjectIn(string text)
    {
        try
        {
            return text.AsSpan().TrimStart().StartsWith('{')
                ? JsonNode.Parse(LoneSurrogates.Replace(text), documentOptions: s_unique) as JsonObject : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string Text(JsonObject row, string key, string? fallback, string input, int line) => row[key] switch
    {
        null when fallback is not null => fallback,
        null when !row.ContainsKey(key) => throw new DataException($"{input}:{line}: the key \"{key}\" is missing"),
        JsonNode found => Text(found, key, input, line),
        null => Text(null, key, input, line),
    };

    private static string Text(JsonNode? value, string key, string input, int line) => value switch
    {
        JsonValue text when text.TryGetValue(out string? found) => found,
        JsonValue number when number.GetValueKind() == JsonValueKind.Number => number.ToJsonString(),
        null => throw new DataException($"{input}:{line}: \"{key}\" must be a string, found null"),
        { } other => throw new DataException(
            $"{input}:{line}: \"{key}\" must be a string, found {other.GetValueKind()}"),
    };
}
