using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core;

namespace Tbrm.Data;

/// <summary>Which columns of a supervised data file hold what. A dot steps into a struct.</summary>
public sealed record SupervisedKeys
{
    /// <summary>A whole conversation: a list of {role, content}, or of ShareGPT's {from, value}.</summary>
    public string Messages { get; init; } = "messages";

    /// <summary>What comes before the response: text, or a list of messages.</summary>
    public string Prompt { get; init; } = "prompt";

    /// <summary>The response, text.</summary>
    public string Response { get; init; } = "response";
}

/// <summary>A row that shows a model what to say.</summary>
/// <param name="Messages">The conversation; without a <paramref name="Response"/>, its assistant's turns are what is shown.</param>
/// <param name="Response">The assistant's next turn, word for word; null when the conversation holds it.</param>
/// <param name="Where"><c>file:line</c>, for messages.</param>
public sealed record SupervisedExample(IReadOnlyList<ChatMessage> Messages, string? Response, string Where);

/// <summary>Reads the rows of supervised data files: prompt and response, or messages.</summary>
public static class SupervisedRow
{
    private const string Assistant = "assistant";

    /// <summary>The column of ShareGPT's conversations, looked for when there is none by the configured name.</summary>
    private const string ShareGptKey = "conversations";

    /// <summary>Streams the examples of files in order; prompt and response count before messages where a row has both.</summary>
    /// <exception cref="DataException">A file is missing or damaged, or a row has neither shape.</exception>
    public static IEnumerable<SupervisedExample> ReadFiles(IEnumerable<string> paths, SupervisedKeys keys) =>
        paths.SelectMany(path => RowFile.Read(path)).Select(row => Read(row, keys));

    /// <summary>One row.</summary>
    /// <exception cref="DataException">The row has neither shape; the message begins with its place.</exception>
    public static SupervisedExample Read(SourceRow row, SupervisedKeys keys)
    {
        if (RowValues.Find(row.Row, keys.Prompt) is { } prompt && RowValues.Find(row.Row, keys.Response) is { } response)
        {
            return response is JsonValue value && value.TryGetValue(out string? text)
                ? new(VerlRow.ToMessages(prompt, keys.Prompt, row.Where), text, row.Where)
                : throw new DataException($"{row.Where}: '{keys.Response}' must be a string, found {StrictJson.Describe(response)}");
        }

        string key = RowValues.Find(row.Row, keys.Messages) is null && RowValues.Find(row.Row, ShareGptKey) is not null ? ShareGptKey : keys.Messages;
        JsonNode conversation = RowValues.Find(row.Row, key) ?? throw new DataException(
            $"{row.Where}: the row has neither '{keys.Prompt}' and '{keys.Response}' nor '{keys.Messages}' (its keys: {RowValues.KeysOf(row.Row)}); "
            + "set data.prompt_key and sft.response_key, or sft.messages_key");
        IReadOnlyList<ChatMessage> messages = VerlRow.ToMessages(RoleAndContent(conversation), key, row.Where);
        if (conversation is not JsonArray || !messages.Any(m => m.Role == Assistant))
        {
            throw new DataException($"{row.Where}: '{key}' has no turn of the assistant, so there is nothing to learn from it");
        }

        return messages[0].Role != Assistant ? new(messages, null, row.Where)
            : throw new DataException($"{row.Where}: '{key}' begins with the assistant; a turn of the user or the system must come before");
    }

    /// <summary>ShareGPT's {from, value} as {role, content}; anything else as it is.</summary>
    private static JsonNode RoleAndContent(JsonNode conversation)
    {
        if (conversation is not JsonArray list || !list.All(m => m is JsonObject o && o["from"] is not null && o["role"] is null))
        {
            return conversation;
        }

        return new JsonArray([.. list.Select(m => (JsonNode)new JsonObject
        {
            ["role"] = m!["from"] is JsonValue from && from.TryGetValue(out string? name) ? Role(name) : m["from"]!.DeepClone(),
            ["content"] = m["value"]?.DeepClone(),
        })]);
    }

    private static string Role(string name) => name switch
    {
        "human" => "user",
        "gpt" => Assistant,
        _ => name,
    };
}
