using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Core.Rewards;
using Tbrm.Data.Sources;

namespace Tbrm.Data.Prompts;

/// <summary>Between rows and prompts, in the shape that was asked for.</summary>
public static class PromptRow
{
    private const string MessagesKey = "messages";

    /// <summary>Columns of question and answer in shapes that are not verl's.</summary>
    private static readonly string[] s_questions = ["problem", "question", "prompt"],
        s_answers = ["answer", "solution", "ground_truth", "expected_answer"];

    /// <summary>The row as a prompt.</summary>
    /// <param name="row">A row, and where it stands.</param>
    /// <param name="path">The file; its name may tell which benchmark it is.</param>
    /// <param name="index">Becomes <see cref="Prompt.Index"/>.</param>
    /// <param name="options">Shape, keys and data source.</param>
    /// <exception cref="LeftOutException">The row has the shape, and a picture or no answer.</exception>
    /// <exception cref="DataException">The row does not have the shape.</exception>
    public static Prompt ToPrompt(SourceRow row, string path, long index, PromptOptions options)
    {
        if (MediaColumns.Problem(row.Row) is { } problem)
        {
            throw new LeftOutException(row.Where, problem);
        }

        PromptKeys keys = options.Keys;
        if (!options.NeedsAnswer
            && (RowValues.Find(row.Row, keys.Prompt) ?? RowValues.Find(row.Row, MessagesKey)) is { } conversation)
        {
            return new()
            {
                DataSource = options.DataSource
                    ?? (RowValues.Find(row.Row, keys.DataSource) is { } source ? RowValues.ToAnswerText(source) : ""),
                Messages = Conversation.Read(conversation, keys.Prompt, row.Where, row.IsColumnar),
                Variables = RowVariables.Read(row.Row, row.Where, row.IsColumnar),
                GroundTruth = RowValues.Find(row.Row, keys.GroundTruth) is { } truth ? GroundTruth.Of(truth) : "",
                Index = index,
            };
        }

        Prompt prompt = IsVerl(row.Row, options)
            ? VerlRow.ToPrompt(row, keys, options.DataSource ?? FallbackSource(row.Row, keys, path), index)
            : BenchmarkShapes.TryMap(row, options, path, index) ?? throw NoShape(row, keys);
        return options.Shape == PromptShape.Dapo ? DapoWrapper.Cut(prompt) : prompt;
    }

    /// <summary>Columns of a row in verl's schema that nothing reads: neither the schema's own, nor what a template
    /// sees, nor what a filter asks for.</summary>
    public static IEnumerable<string> UnreadColumns(JsonObject row, PromptOptions options)
    {
        PromptKeys keys = options.Keys;
        return !options.NeedsAnswer || !IsVerl(row, options) ? []
            : row.Where(column => IsSet(column.Value) && !IsRead(column.Key)).Select(column => column.Key);

        bool IsRead(string column) => RowVariables.Names.Contains(column)
            || new[] { keys.Prompt, keys.DataSource, keys.GroundTruth, keys.Ability, keys.ExtraInfo }
                .Concat(options.Filters.SelectMany(filter => filter.Fields))
                .Any(path => RowValues.IsUnder(path, column));
    }

    /// <summary>The prompt as a row of verl's schema.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="isColumnar">The file has one schema for all rows: what a template sees besides messages is JSON
    /// text there.</param>
    public static JsonObject FromPrompt(Prompt prompt, bool isColumnar = false)
    {
        JsonArray messages = [];
        foreach (ChatMessage message in prompt.Messages)
        {
            JsonObject item = new() { ["role"] = message.Role, ["content"] = message.Content };
            foreach ((string name, JsonNode? value) in message.Fields is null ? []
                : (JsonObject)JsonNode.Parse(message.Fields)!)
            {
                item[name] = value?.DeepClone();
            }

            messages.Add((JsonNode)item);
        }

        JsonObject extra = prompt.ExtraInfo is null ? [] : (JsonObject)prompt.ExtraInfo.DeepClone();
        extra.TryAdd("index", prompt.Index);
        JsonObject row = new()
        {
            ["data_source"] = prompt.DataSource,
            ["prompt"] = messages,
            ["ability"] = prompt.Ability,
            ["reward_model"] = new JsonObject { ["style"] = "rule", ["ground_truth"] = prompt.GroundTruth.ToJson() },
            ["extra_info"] = extra,
        };
        RowVariables.Write(prompt.Variables, row, isColumnar);
        return row;
    }

    private static bool IsVerl(JsonObject row, PromptOptions options) => options.Shape == PromptShape.Verl
        || (RowValues.Find(row, options.Keys.Prompt) is not null
            && RowValues.Find(row, options.Keys.GroundTruth) is not null);

    /// <summary>Neither null nor empty.</summary>
    internal static bool IsSet(JsonNode? value) =>
        value is not null and not JsonArray { Count: 0 } and not JsonObject { Count: 0 };

    private static string? FallbackSource(JsonObject row, PromptKeys keys, string path)
    {
        return RowValues.Find(row, keys.DataSource) is null ? BenchmarkSource.OfName(path) ?? BenchmarkSource.OfRow(row)
            ?? BenchmarkSource.OfFolders(path) : null;
    }

    /// <summary>A row whose answer is empty has the shape, and is no reason to refuse the file.</summary>
    private static DataException NoShape(SourceRow row, PromptKeys keys)
    {
        string? empty = s_questions.Any(key => IsSet(row.Row[key])) ? s_answers.FirstOrDefault(row.Row.ContainsKey)
            : null;
        return empty is not null
            ? new LeftOutException(row.Where, $"'{empty}' holds no answer")
            : new DataException(
                $"{row.Where}: the row has neither verl's fields ('{keys.Prompt}' and '{keys.GroundTruth}') nor those "
                    + $"of a known benchmark (problem or question, with answer, final_answer or a boxed solution); "
                    + $"its keys: {RowValues.KeysOf(row.Row)}. Set data.prompt_key and data.reward_fn_key, or convert "
                    + $"the file");
    }
}
