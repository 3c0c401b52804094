using System.Text.Json.Nodes;
using Tbrm.Core;

namespace Tbrm.Data;

/// <summary>Between rows and prompts, in the shape that was asked for.</summary>
public static class PromptRow
{
    private const string MessagesKey = "messages";

    /// <summary>The row as a prompt.</summary>
    /// <param name="row">A row, and where it stands.</param>
    /// <param name="path">The file; its name may tell which benchmark it is.</param>
    /// <param name="index">Becomes <see cref="Prompt.Index"/>.</param>
    /// <param name="options">Shape, keys and data source.</param>
    /// <exception cref="DataException">The row does not have the shape.</exception>
    public static Prompt ToPrompt(SourceRow row, string path, long index, PromptOptions options)
    {
        PromptKeys keys = options.Keys;
        if (!options.NeedsAnswer && (RowValues.Find(row.Row, keys.Prompt) ?? RowValues.Find(row.Row, MessagesKey)) is { } conversation)
        {
            return new()
            {
                DataSource = options.DataSource ?? (RowValues.Find(row.Row, keys.DataSource) is { } source ? RowValues.ToAnswerText(source) : ""),
                Messages = VerlRow.ToMessages(conversation, keys.Prompt, row.Where),
                GroundTruth = RowValues.Find(row.Row, keys.GroundTruth) is { } truth ? GroundTruth.Of(truth) : "",
                Index = index,
            };
        }

        bool hasKeys = RowValues.Find(row.Row, keys.Prompt) is not null && RowValues.Find(row.Row, keys.GroundTruth) is not null;
        Prompt prompt = options.Shape == PromptShape.Verl || hasKeys
            ? VerlRow.ToPrompt(row.Row, keys, options.DataSource ?? FallbackSource(row.Row, keys, path), index, row.Where)
            : BenchmarkShapes.TryMap(row.Row, options.DataSource, path, index, row.Where) ?? throw NoShape(row, keys);
        return options.Shape == PromptShape.Dapo ? DapoWrapper.Cut(prompt) : prompt;
    }

    /// <summary>The prompt as a row of verl's schema.</summary>
    public static JsonObject FromPrompt(Prompt prompt)
    {
        JsonArray messages = [];
        foreach (ChatMessage message in prompt.Messages)
        {
            messages.Add((JsonNode)new JsonObject { ["role"] = message.Role, ["content"] = message.Content });
        }

        JsonObject extra = prompt.ExtraInfo is null ? [] : (JsonObject)prompt.ExtraInfo.DeepClone();
        extra.TryAdd("index", prompt.Index);
        return new JsonObject
        {
            ["data_source"] = prompt.DataSource,
            ["prompt"] = messages,
            ["ability"] = prompt.Ability,
            ["reward_model"] = new JsonObject { ["style"] = "rule", ["ground_truth"] = prompt.GroundTruth.ToJson() },
            ["extra_info"] = extra,
        };
    }

    private static string? FallbackSource(JsonObject row, PromptKeys keys, string path)
    {
        return RowValues.Find(row, keys.DataSource) is null ? BenchmarkShapes.KnownName(path) : null;
    }

    private static DataException NoShape(SourceRow row, PromptKeys keys)
    {
        return new DataException($"{row.Where}: the row has neither verl's fields ('{keys.Prompt}' and '{keys.GroundTruth}') nor those of a known benchmark (problem or question, with answer, final_answer or a boxed solution); its keys: {RowValues.KeysOf(row.Row)}. Set data.prompt_key and data.reward_fn_key, or convert the file");
    }
}
