using System.Collections.Generic;
using System.Text.Json.Nodes;
using Tbrm.Core;

namespace Tbrm.Data;

/// <summary>
/// verl's row schema: <c>data_source</c>, <c>prompt</c> (list of {role, content}), <c>ability</c>,
/// <c>reward_model</c> {style, ground_truth}, <c>extra_info</c>.
/// </summary>
internal static class VerlRow
{
    /// <summary>The row as a prompt.</summary>
    /// <exception cref="DataException">A field is missing or of another kind; the message begins with <paramref name="where"/>.</exception>
    public static Prompt ToPrompt(JsonObject row, PromptKeys keys, string? dataSource, long index, string where)
    {
        JsonNode conversation = Required(row, keys.Prompt, "data.prompt_key", where);
        JsonNode? source = RowValues.Find(row, keys.DataSource);
        if (dataSource is null && source is null)
        {
            throw new DataException($"{where}: the row has no '{keys.DataSource}' (its keys: {RowValues.KeysOf(row)}); set data.reward_fn_key, or give the data source a name");
        }

        JsonNode? ability = RowValues.Find(row, keys.Ability);
        return new Prompt
        {
            DataSource = dataSource ?? RowValues.ToAnswerText(source!),
            Messages = ToMessages(conversation, keys.Prompt, where),
            GroundTruth = GroundTruth.Read(Required(row, keys.GroundTruth, "the ground truth's key", where), keys.GroundTruth, where),
            Ability = ability is null ? "" : RowValues.ToAnswerText(ability),
            Index = index,
            ExtraInfo = ToExtraInfo(RowValues.Find(row, keys.ExtraInfo)),
        };
    }

    /// <summary>A conversation from a list of {role, content}, or from plain text (one message of the user).</summary>
    public static IReadOnlyList<ChatMessage> ToMessages(JsonNode conversation, string key, string where)
    {
        if (conversation is JsonValue value && value.TryGetValue(out string? text))
        {
            return [new ChatMessage("user", text)];
        }

        if (conversation is not JsonArray list)
        {
            throw new DataException($"{where}: '{key}' must be a list of {{role, content}} or a string, found {StrictJson.Describe(conversation)}");
        }

        if (list.Count == 0)
        {
            throw new DataException($"{where}: '{key}' is an empty conversation");
        }

        ChatMessage[] messages = new ChatMessage[list.Count];
        for (int i = 0; i < messages.Length; i++)
        {
            messages[i] = new ChatMessage(Text(list[i], "role", key, i, where), Text(list[i], "content", key, i, where));
        }

        return messages;
    }

    private static string Text(JsonNode? message, string field, string key, int position, string where)
    {
        JsonNode? value = message is JsonObject structure ? structure[field] : null;
        return value is JsonValue scalar && scalar.TryGetValue(out string? text)
            ? text
            : throw new DataException($"{where}: '{key}'[{position}].{field} must be a string, found {StrictJson.Describe(value)}");
    }

    private static JsonNode Required(JsonObject row, string path, string option, string where)
    {
        return RowValues.Find(row, path)
            ?? throw new DataException($"{where}: the row has no '{path}' (its keys: {RowValues.KeysOf(row)}); set {option} if it has another name");
    }

    private static JsonObject? ToExtraInfo(JsonNode? extra) => extra switch
    {
        null => null,
        JsonObject structure => (JsonObject)structure.DeepClone(),
        _ => new JsonObject { ["value"] = extra.DeepClone() },
    };
}
