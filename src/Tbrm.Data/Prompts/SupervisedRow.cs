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
public sealed record SupervisedExample(IReadOnlyList<ChatMessage> Messages, string? Response, string Where)
{
    /// <summary>Why nothing can be learned from the row; null for all others.</summary>
    public string? Unusable { get; init; }
}

/// <summary>Reads the rows of supervised data files: prompt and response, or messages.</summary>
public static class SupervisedRow
{
    private const string Assistant = "assistant";

    /// <summary>The column of ShareGPT's conversations, looked for when there is none by the configured name.</summary>
    private const string ShareGptKey = "conversations";

    /// <summary>Streams the rows of files in order, unusable ones included; prompt and response count before messages where a row has both.</summary>
    /// <exception cref="DataException">A file is missing or damaged, or a row has neither shape.</exception>
    public static IEnumerable<SupervisedExample> ReadFiles(IEnumerable<string> paths, SupervisedKeys keys) =>
        paths.SelectMany(path => RowFile.Read(path)).Select(row => Read(row, keys));

    /// <summary>One row. What has the shape and is not to be learned (no answer, a picture, a call of a tool) says so.</summary>
    /// <exception cref="DataException">The row has neither shape; the message begins with its place.</exception>
    public static SupervisedExample Read(SourceRow row, SupervisedKeys keys)
    {
        if (RowValues.Find(row.Row, keys.Prompt) is { } prompt && RowValues.Find(row.Row, keys.Response) is { } response)
        {
            return OfResponse(prompt, response, row.Where, keys);
        }

        string key = RowValues.Find(row.Row, keys.Messages) is null && RowValues.Find(row.Row, ShareGptKey) is not null ? ShareGptKey : keys.Messages;
        if (RowValues.Find(row.Row, key) is { } conversation)
        {
            return OfConversation(conversation, key, row.Where);
        }

        string? empty = new[] { keys.Response, keys.Messages, ShareGptKey }.FirstOrDefault(row.Row.ContainsKey);
        return empty is not null ? Unusable(row.Where, $"'{empty}' is null") : throw new DataException(
            $"{row.Where}: the row has neither '{keys.Prompt}' and '{keys.Response}' nor '{keys.Messages}' (its keys: {RowValues.KeysOf(row.Row)}); "
            + "set data.prompt_key and sft.response_key, or sft.messages_key");
    }

    private static SupervisedExample OfResponse(JsonNode prompt, JsonNode response, string where, SupervisedKeys keys)
    {
        if (TextOf(response) is not { } text)
        {
            return response is JsonArray ? Unusable(where, $"'{keys.Response}' has parts that are no text")
                : throw new DataException($"{where}: '{keys.Response}' must be a string, found {StrictJson.Describe(response)}");
        }

        JsonNode readable = WithTexts(prompt, keys.Prompt, out string? problem);
        return problem is not null ? Unusable(where, problem) : new(VerlRow.ToMessages(readable, keys.Prompt, where), text, where);
    }

    private static SupervisedExample OfConversation(JsonNode conversation, string key, string where)
    {
        if (conversation is not JsonArray)
        {
            throw new DataException($"{where}: '{key}' must be a list of {{role, content}}, found {StrictJson.Describe(conversation)}, which has no turn of the assistant");
        }

        JsonNode readable = WithTexts(RoleAndContent(conversation), key, out string? problem);
        if (problem is not null)
        {
            return Unusable(where, problem);
        }

        // ShareGPT cuts long conversations, so that some begin with an answer whose question is missing.
        ChatMessage[] messages = [.. VerlRow.ToMessages(readable, key, where).SkipWhile(m => m.Role == Assistant)];
        return messages.Any(m => m.Role == Assistant) ? new(messages, null, where)
            : Unusable(where, $"'{key}' has no turn of the assistant{(messages.Length < ((JsonArray)conversation).Count ? " after one of somebody else" : "")}");
    }

    private static SupervisedExample Unusable(string where, string why) => new([], null, where) { Unusable = $"{where}: {why}" };

    /// <summary>A conversation whose contents given in parts are text; <paramref name="problem"/> says which of them cannot be.</summary>
    private static JsonNode WithTexts(JsonNode conversation, string key, out string? problem)
    {
        problem = null;
        if (conversation is not JsonArray list || !list.All(m => m is JsonObject))
        {
            return conversation;
        }

        JsonArray readable = [];
        foreach (JsonObject message in list.Cast<JsonObject>())
        {
            string? text = message["content"] is { } content ? TextOf(content) : null;
            bool calls = message["tool_calls"] is JsonArray { Count: > 0 };
            if (calls || (text is null && message["content"] is null or JsonArray))
            {
                problem = $"'{key}'[{readable.Count}] {(calls ? "calls a tool" : message["content"] is null ? "has no content" : "has parts that are no text")}";
                return conversation;
            }

            readable.Add(new JsonObject { ["role"] = message["role"]?.DeepClone(), ["content"] = text is not null ? text : message["content"]!.DeepClone() });
        }

        return readable;
    }

    /// <summary>Text, or a list of parts that are all text ({type: text, text}), joined; null for anything else.</summary>
    private static string? TextOf(JsonNode content)
    {
        if (content is JsonValue value)
        {
            return value.TryGetValue(out string? text) ? text : null;
        }

        string?[]? parts = (content as JsonArray)?.Select(part => part switch
        {
            JsonValue plain => plain.TryGetValue(out string? text) ? text : null,
            JsonObject typed when (typed["type"] is null || TextOf(typed["type"]!) == "text") && typed["text"] is JsonValue inner => TextOf(inner),
            _ => null,
        }).ToArray();
        return parts is null || parts.Contains(null) ? null : string.Concat(parts);
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
            ["content"] = (m["value"] ?? m["content"])?.DeepClone(),
        })]);
    }

    private static string Role(string name) => name switch
    {
        "human" => "user",
        "gpt" => Assistant,
        _ => name,
    };
}
