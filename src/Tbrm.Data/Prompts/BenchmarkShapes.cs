using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core;

namespace Tbrm.Data;

/// <summary>
/// Benchmark files as they are in circulation. The fields of a row decide the shape; the file's name (or its folder's, for
/// <c>aime24/test.jsonl</c>) decides the data source where the shape leaves it open.
/// Source of the shapes: QwenLM/Qwen2.5-Math evaluation data, openai/prm800k's MATH split, the AIME 2025 files.
/// </summary>
internal static class BenchmarkShapes
{
    private static readonly string[] s_questionKeys = ["problem", "question", "prompt", "input"];

    private static readonly BenchmarkShape[] s_shapes =
    [
        new("olympiadbench", ["question", "final_answer"], OlympiadAnswer),
        new("gsm8k", ["question", "answer"], AfterHashes),
        new("math", ["problem", "answer"], PlainAnswer),
        new("math", ["question", "answer"], PlainAnswer),
        new("math", ["prompt", "answer"], PlainAnswer),
        new("math", ["problem", "solution"], BoxedAnswer),
        new("math", ["question", "solution"], BoxedAnswer),
        new("math", ["prompt", "solution"], ShortSolution),
    ];

    // Longer names first: "minerva" is part of "minerva_math".
    private static readonly (string InName, string DataSource)[] s_knownNames =
    [
        ("minerva", "minerva_math"), ("olympiad", "olympiadbench"), ("gsm8k", "gsm8k"), ("dapo", "math_dapo"),
        ("aime24", "aime24"), ("aime2024", "aime24"), ("aime25", "aime25"), ("aime2025", "aime25"), ("aime", "aime"),
        ("amc23", "amc23"), ("amc2023", "amc23"), ("amc", "amc"), ("math500", "math500"),
    ];

    /// <summary>The row as a prompt; null when it has none of the shapes.</summary>
    /// <exception cref="DataException">The shape is known and the row has no answer in it.</exception>
    public static Prompt? TryMap(JsonObject row, string? dataSource, string path, long index, string where)
    {
        return TryMapAsIs(row, dataSource, path, index, where)
            ?? (row.Any(pair => pair.Key.Any(char.IsAsciiLetterUpper)) ? TryMapAsIs(InLowerCase(row), dataSource, path, index, where) : null);
    }

    private static Prompt? TryMapAsIs(JsonObject row, string? dataSource, string path, long index, string where)
    {
        foreach (BenchmarkShape shape in s_shapes)
        {
            if (!shape.Keys.All(key => row[key] is not null) || shape.Answer(row) is not { } answer)
            {
                continue;
            }

            string questionKey = s_questionKeys.First(key => row[key] is not null);
            string source = dataSource ?? (row["data_source"] is JsonNode named ? RowValues.ToAnswerText(named) : KnownName(path) ?? shape.Name);
            return new Prompt
            {
                DataSource = source,
                Messages = Question(row, questionKey, where),
                GroundTruth = source.StartsWith("aime", StringComparison.Ordinal) ? answer.WithTexts(WithoutLeadingZeros) : answer,
                Ability = "MATH",
                Index = index,
                ExtraInfo = Extras(row, shape, questionKey),
            };
        }

        return null;
    }

    /// <summary>The benchmark that a file's or its folder's name speaks of; null when neither does.</summary>
    public static string? KnownName(string path)
    {
        string[] parts = path.Split('/', '\\');
        foreach (string part in parts.Reverse().Take(2))
        {
            string plain = string.Concat(part.Where(char.IsAsciiLetterOrDigit)).ToLowerInvariant();
            foreach ((string inName, string source) in s_knownNames)
            {
                if (plain.Contains(inName, StringComparison.Ordinal))
                {
                    return source;
                }
            }
        }

        return null;
    }

    /// <summary>"025" is 25: competition answers are integers, and graders compare them as text.</summary>
    public static string WithoutLeadingZeros(string answer)
    {
        return answer.Length > 1 && answer.All(char.IsAsciiDigit) ? answer.TrimStart('0') is { Length: > 0 } digits ? digits : "0" : answer;
    }

    /// <summary>Some copies write "Problem" and "Answer".</summary>
    private static JsonObject InLowerCase(JsonObject row)
    {
        JsonObject lower = [];
        foreach ((string key, JsonNode? value) in row)
        {
            lower[key.ToLowerInvariant()] = value?.DeepClone();
        }

        return lower;
    }

    private static IReadOnlyList<ChatMessage> Question(JsonObject row, string key, string where)
    {
        IReadOnlyList<ChatMessage> messages = VerlRow.ToMessages(row[key]!, key, where);
        string context = row["context"] is JsonValue value && value.TryGetValue(out string? text) && text.Length > 0 ? text + "\n" : "";
        return [.. messages.Select(message => message with { Content = context + LatexRepair.Apply(message.Content) })];
    }

    /// <summary>Several final answers are all asked for, so they make one.</summary>
    private static GroundTruth? OlympiadAnswer(JsonObject row)
    {
        JsonNode answers = row["final_answer"]!;
        return answers is JsonArray list
            ? list.Count == 0 ? null : GroundTruth.Of(string.Join(", ", list.Where(answer => answer is not null).Select(answer => WithoutDollars(RowValues.ToAnswerText(answer!)))))
            : GroundTruth.Of(WithoutDollars(RowValues.ToAnswerText(answers)));
    }

    private static string WithoutDollars(string answer) => answer.Trim().Trim('$').Trim();

    private static GroundTruth? AfterHashes(JsonObject row)
    {
        const string Mark = "####";
        string answer = RowValues.ToAnswerText(row["answer"]!);
        int mark = answer.LastIndexOf(Mark, StringComparison.Ordinal);
        return mark < 0 ? null : GroundTruth.Of(answer[(mark + Mark.Length)..].Trim().Replace(",", "", StringComparison.Ordinal));
    }

    /// <summary>Text, or a list of right answers; a number as text, which is what verl's schema has.</summary>
    private static GroundTruth? PlainAnswer(JsonObject row) => row["answer"] switch
    {
        JsonArray list => list.Count == 0 || list.Any(answer => answer is null) ? null : GroundTruth.Of(list).WithTexts(LatexRepair.Apply),
        { } value => LatexRepair.Apply(RowValues.ToAnswerText(value)),
        null => null,
    };

    private static GroundTruth? BoxedAnswer(JsonObject row) => LastBoxed.Find(RowValues.ToAnswerText(row["solution"]!)) is { } answer ? GroundTruth.Of(answer) : null;

    /// <summary>Some training sets hold the bare answer in <c>solution</c> (open-r1/DAPO-Math-17k-Processed).</summary>
    private static GroundTruth? ShortSolution(JsonObject row) => BoxedAnswer(row) ?? RowValues.ToAnswerText(row["solution"]!);

    /// <summary>What the grader or a reader may want besides: identities, subjects, units, tolerances; not the worked solution.</summary>
    private static JsonObject? Extras(JsonObject row, BenchmarkShape shape, string questionKey)
    {
        JsonObject extras = [];
        foreach ((string key, JsonNode? value) in row)
        {
            bool told = key == questionKey || shape.Keys.Contains(key) || s_questionKeys.Contains(key) || key is "solution" or "data_source" or "context";
            if (!told && value is JsonValue)
            {
                extras[key] = value.DeepClone();
            }
        }

        return extras.Count == 0 ? null : extras;
    }

    /// <summary>A shape: the data source it stands for when nothing says more, the fields it is known by, where the answer is.</summary>
    private sealed record BenchmarkShape(string Name, string[] Keys, Func<JsonObject, GroundTruth?> Answer);
}
