using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Core.Rewards;
using Tbrm.Data.Sources;

namespace Tbrm.Data.Prompts;

/// <summary>
/// Benchmark files as they are in circulation. The fields of a row decide the shape; the file's name (or its folder's,
/// for
/// <c>aime24/test.jsonl</c>) decides the data source where the shape leaves it open.
/// Source of the shapes: QwenLM/Qwen2.5-Math evaluation data, openai/prm800k's MATH split, the AIME 2025 files.
/// </summary>
internal static class BenchmarkShapes
{
    private const string Math = "math", Gsm8k = "gsm8k";

    /// <summary>What verl's preprocessing of GSM8K appends to the question.</summary>
    private const string Gsm8kInstruction = "Let's think step by step and output the final answer after \"####\".";

    private static readonly string[] s_questionKeys = ["problem", "question", "prompt", "input"];

    private static readonly string[] s_answerKeys = ["answer", "ground_truth", "expected_answer", "reference_answer"];

    /// <summary>Besides the question and the answer: what a grader has no use for.</summary>
    private static readonly string[] s_noExtras =
        ["solution", "data_source", "context", "messages", "conversations", "completion"];

    private static readonly BenchmarkShape[] s_shapes =
    [
        new("olympiadbench", ["question", "final_answer"], OlympiadAnswer),
        new(Gsm8k, ["question", "answer"], AfterHashes),
        .. s_questionKeys[..3]
            .SelectMany(question =>
            s_answerKeys.Select(answer =>
            new BenchmarkShape(Math, [question, answer], row => PlainAnswer(row, answer)))),
        new(Math, ["problem", "solution"], BoxedAnswer),
        new(Math, ["question", "solution"], BoxedAnswer),
        new(Math, ["prompt", "solution"], ShortSolution),
    ];

    /// <summary>The row as a prompt; null when it has none of the shapes.</summary>
    /// <exception cref="LeftOutException">The shape is known, and the row has a picture or no answer.</exception>
    /// <exception cref="DataException">The shape is known, and the question is none.</exception>
    public static Prompt? TryMap(SourceRow row, PromptOptions options, string path, long index)
    {
        return TryMapAsIs(row, options, path, index)
            ?? (row.Row.Any(pair => pair.Key.Any(char.IsAsciiLetterUpper))
                ? TryMapAsIs(row with { Row = InLowerCase(row.Row) }, options, path, index) : null);
    }

    /// <summary>A row of GSM8K's own files as an example: the question as training asks it, and the whole answer,
    /// working
    /// included; null when it is none.</summary>
    public static SupervisedExample? WorkedGsm8k(SourceRow row, bool asksForm)
    {
        if (row.Row["question"] is null || row.Row["answer"] is not JsonValue value
            || !value.TryGetValue(out string? answer) || !answer.Contains("####", StringComparison.Ordinal))
        {
            return null;
        }

        IReadOnlyList<ChatMessage> question = Question(row, "question");
        return new(asksForm ? Asking(question) : question, answer, row.Where);
    }

    private static Prompt? TryMapAsIs(SourceRow source, PromptOptions options, string path, long index)
    {
        JsonObject row = source.Row;
        foreach (BenchmarkShape shape in s_shapes)
        {
            if (!shape.Keys.All(key => row[key] is not null) || shape.Answer(row) is not { } answer)
            {
                continue;
            }

            string questionKey = s_questionKeys.First(key => row[key] is not null);
            string name = options.DataSource
                ?? (row["data_source"] is JsonNode named ? RowValues.ToAnswerText(named) : NameOf(shape, row, path));
            return new Prompt
            {
                DataSource = name,
                Messages = options.AsksGsm8kForm && shape.Name == Gsm8k ? Asking(Question(source, questionKey))
                    : Question(source, questionKey),
                Variables = RowVariables.Read(row, source.Where, source.IsColumnar),
                GroundTruth = AnswerRules.Apply(answer, name, shape.Keys[^1], source.Where),
                Ability = "MATH",
                Index = index,
                ExtraInfo = Extras(row, shape, questionKey),
            };
        }

        return null;
    }

    /// <summary>The nearest says most: name and folder, the rows, folders further up where the shape is many
    /// benchmarks'.</summary>
    private static string NameOf(BenchmarkShape shape, JsonObject row, string path) =>
        BenchmarkSource.OfName(path)
            ?? (shape.Name == Math ? BenchmarkSource.OfRow(row) ?? BenchmarkSource.OfFolders(path) : null)
            ?? shape.Name;

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

    private static IReadOnlyList<ChatMessage> Question(SourceRow source, string key)
    {
        IReadOnlyList<ChatMessage> messages = Conversation.Read(source.Row[key]!, key, source.Where, source.IsColumnar);
        string context = source.Row["context"] is JsonValue value && value.TryGetValue(out string? text)
            && text.Length > 0 ? text + "\n" : "";
        return [.. messages.Select(message => message with { Content = context + LatexRepair.Apply(message.Content) })];
    }

    private static IReadOnlyList<ChatMessage> Asking(IReadOnlyList<ChatMessage> messages) =>
        messages[^1].Content.Contains("####", StringComparison.Ordinal) ? messages
        : [.. messages.Take(messages.Count - 1),
            messages[^1] with { Content = messages[^1].Content + " " + Gsm8kInstruction }];

    /// <summary>Several final answers are all asked for, so they make one.</summary>
    private static GroundTruth? OlympiadAnswer(JsonObject row)
    {
        JsonNode answers = row["final_answer"]!;
        return answers is JsonArray list
            ? list.Count == 0 ? null
                : GroundTruth.Of(string.Join(
                ", ", list.Where(answer => answer is not null)
                .Select(answer => AnswerRules.WithoutDollars(RowValues.ToAnswerText(answer!)))))
            : GroundTruth.Of(AnswerRules.WithoutDollars(RowValues.ToAnswerText(answers)));
    }

    private static GroundTruth? AfterHashes(JsonObject row)
    {
        string answer = RowValues.ToAnswerText(row["answer"]!);
        return answer.Contains("####", StringComparison.Ordinal) ? GroundTruth.Of(AnswerRules.Gsm8kNumber(answer))
            : null;
    }

    /// <summary>Text, or a list of right answers; a number as text, which is what verl's schema has.</summary>
    private static GroundTruth? PlainAnswer(JsonObject row, string key) => row[key] switch
    {
        JsonArray list => list.Count == 0 || list.Any(answer => answer is null) ? null
            : GroundTruth.Of(list).WithTexts(LatexRepair.Apply),
        JsonObject structure => GroundTruth.Of(structure),
        { } value => RowValues.ToAnswerText(value) is { } text && string.IsNullOrWhiteSpace(text) ? null
            : GroundTruth.Of(LatexRepair.Apply(RowValues.ToAnswerText(value))),
        null => null,
    };

    private static GroundTruth? BoxedAnswer(JsonObject row) =>
        LastBoxed.Find(RowValues.ToAnswerText(row["solution"]!)) is { } answer ? GroundTruth.Of(answer) : null;

    /// <summary>Some training sets hold the bare answer in <c>solution</c> (open-r1/DAPO-Math-17k-Processed).</summary>
    private static GroundTruth? ShortSolution(JsonObject row) => BoxedAnswer(row) ?? PlainAnswer(row, "solution");

    /// <summary>What the grader or a reader may want besides: identities, subjects, units, tolerances; not the worked
    /// solution.</summary>
    private static JsonObject? Extras(JsonObject row, BenchmarkShape shape, string questionKey)
    {
        JsonObject extras = [];
        foreach ((string key, JsonNode? value) in row)
        {
            bool isRead = key == questionKey || shape.Keys.Contains(key) || s_questionKeys.Contains(key)
                || s_noExtras.Contains(key)
                || key is RowVariables.Kwargs or RowVariables.Tools or RowVariables.Documents;
            if (!isRead && value is not null and not JsonArray { Count: 0 } and not JsonObject { Count: 0 })
            {
                extras[key] = value.DeepClone();
            }
        }

        return extras.Count == 0 ? null : extras;
    }

    /// <summary>A shape: the data source it stands for when nothing says more, the fields it is known by (the answer's
    /// last), where the answer is.</summary>
    private sealed record BenchmarkShape(string Name, string[] Keys, Func<JsonObject, GroundTruth?> Answer);
}
