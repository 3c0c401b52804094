using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Json;

namespace Tbrm.Data.Prompts;

/// <summary>
/// Reads conversations in every form that files have them, for reinforcement and supervised rows alike: a list of
/// {role, content} with further
/// fields, ShareGPT's {from, value}, either of them as JSON text, or plain text. Contents are text, a list of parts
/// that are all text, or null beside
/// a call of a tool.
/// </summary>
internal static class Conversation
{
    private const string Role = "role", Content = "content", From = "from", Value = "value";

    /// <summary>Fields that stand for a content of null: the message says or does something all the same.</summary>
    private static readonly string[] s_insteadOfContent =
        ["tool_calls", "function_call", "reasoning_content", "reasoning", "thinking"];

    /// <summary>The messages.</summary>
    /// <param name="value">What the row holds.</param>
    /// <param name="key">Its column, for messages.</param>
    /// <param name="where">The row's place, for messages.</param>
    /// <param name="isColumnar">The file has one schema for all rows (Parquet), so that nulls stand for what is not
    /// there.</param>
    /// <param name="isSupervised">A message without a content leaves the row out; otherwise it is an error.</param>
    /// <exception cref="LeftOutException">A message holds a picture, audio or video, or (supervised)
    /// nothing.</exception>
    /// <exception cref="DataException">It is no conversation.</exception>
    public static IReadOnlyList<ChatMessage> Read(JsonNode value, string key, string where, bool isColumnar = false,
        bool isSupervised = false)
    {
        if (Text(value) is { } text)
        {
            return ListInText(text, key, where) is { } written ? Read(written, key, where, isColumnar, isSupervised)
                : [new ChatMessage("user", WithoutMediaTokens(text, $"'{key}'", where))];
        }

        if (value is not JsonArray list)
        {
            throw new DataException(
                $"{where}: '{key}' must be a list of {{role, content}} or a string, found "
                    + $"{StrictJson.Describe(value)}");
        }

        if (list.Count == 0)
        {
            throw new DataException($"{where}: '{key}' is an empty conversation");
        }

        bool isShareGpt = list.All(m => m is JsonObject o && o[From] is not null && o[Role] is null);
        ChatMessage[] messages = new ChatMessage[list.Count];
        for (int i = 0; i < messages.Length; i++)
        {
            messages[i] = ReadMessage(list[i], isShareGpt, $"'{key}'[{i}]", where, isColumnar, isSupervised);
        }

        return messages;
    }

    /// <summary>Whether a value is a conversation rather than a text: a list of messages, or one written as
    /// text.</summary>
    public static bool IsListOfMessages(JsonNode value, string key, string where) =>
        (Text(value) is { } text ? ListInText(text, key, where) : value)
        is JsonArray { Count: > 0 } list && list.All(IsMessage);

    /// <summary>Text, or a list of parts that are all text ({type: text, text}, or strings), joined; null for another
    /// value.</summary>
    /// <exception cref="LeftOutException">A part is something else: a picture, audio, video.</exception>
    public static string? TextOf(JsonNode? content, string name, string where) => content switch
    {
        JsonArray parts => string.Concat(parts.Select(part => PartText(part, name, where))),
        _ => Text(content),
    };

    private static string? Text(JsonNode? value) => value is JsonValue scalar && scalar.TryGetValue(out string? text)
        ? text : null;

    private static bool IsMessage(JsonNode? node) => node is JsonObject message
        && ((Text(message[Role]) is not null && message.ContainsKey(Content))
        || (Text(message[From]) is not null && message.ContainsKey(Value)));

    private static string PartText(JsonNode? part, string name, string where)
    {
        if (Text(part) is { } plain)
        {
            return plain;
        }

        // Parquet gives every part the keys of all kinds, null where it is another kind.
        if (part is JsonObject typed
            && (typed["type"] is null || Text(typed["type"]) is "text" or "input_text" or "output_text")
            && Text(typed["text"]) is { } text && MediaColumns.Problem(typed) is null)
        {
            return text;
        }

        string type = (part as JsonObject)?["type"] is { } kind ? Text(kind) ?? StrictJson.Describe(kind)
            : StrictJson.Describe(part);
        throw new LeftOutException(where, $"has parts that are no text ({type})", name);
    }

    /// <summary>
    /// A conversation that was written as JSON text, as columns of type string hold it. Text that Python printed is no
    /// JSON, and is refused rather than
    /// taken for the user's words.
    /// </summary>
    private static JsonArray? ListInText(string text, string key, string where)
    {
        ReadOnlySpan<char> trimmed = text.AsSpan().Trim();
        if (trimmed.Length < 2 || trimmed[0] != '[' || trimmed[^1] != ']' || !trimmed[1..].TrimStart().StartsWith('{'))
        {
            return null;
        }

        ReadOnlySpan<char> inner = trimmed[1..].TrimStart()[1..].TrimStart();
        if (inner.StartsWith("'role'") || inner.StartsWith("'content'") || inner.StartsWith("'from'"))
        {
            throw new DataException(
                $"{where}: '{key}' is a list of messages as Python prints it, not JSON; write the column with "
                    + $"json.dumps, or as a list");
        }

        try
        {
            return StrictJson.Parse(System.Text.Encoding.UTF8.GetBytes(text), where) is JsonArray { Count: > 0 } list
                && list.All(IsMessage) ? list : null;
        }
        catch (DataException)
        {
            return null;
        }
    }

    private static ChatMessage ReadMessage(JsonNode? node, bool isShareGpt, string name, string where, bool isColumnar,
        bool isSupervised)
    {
        JsonObject message = node as JsonObject ?? [];
        string contentKey = isShareGpt && message.ContainsKey(Value) ? Value : Content;
        string role = Text(message[isShareGpt ? From : Role])
            ?? throw new DataException(
                $"{where}: {name}.role must be a string, found "
                    + $"{StrictJson.Describe(node is JsonObject ? message[Role] : null)}");
        JsonObject fields = [];
        foreach ((string field, JsonNode? value) in message)
        {
            if (field != contentKey && field != Role && !(isShareGpt && field == From) && value is not null)
            {
                fields[field] = isColumnar ? RowValues.WithoutNulls(value) : value.DeepClone();
            }
        }

        if (MediaColumns.Problem(fields) is { } problem)
        {
            throw new LeftOutException(where, "has a picture, audio or video: " + problem, name);
        }

        string content = ReadContent(message[contentKey], fields, name, where, isSupervised);
        return new(isShareGpt ? RoleOf(role) : role,
            content)
        { Fields = fields.Count == 0 ? null : fields.ToJsonString() };
    }

    private static string ReadContent(JsonNode? content, JsonObject fields, string name, string where,
        bool isSupervised)
    {
        if (content is null)
        {
            bool acts = s_insteadOfContent.Any(
                field => fields[field] is { } instead && instead is not JsonArray { Count: 0 });
            if (!acts)
            {
                throw isSupervised ? new LeftOutException(where, "has no content", name)
                    : new DataException($"{where}: {name}.content must be a string, found null");
            }

            fields[Content] = null;
            return "";
        }

        return TextOf(content, name, where) is { } text ? WithoutMediaTokens(text, name, where)
            : throw new DataException(
                $"{where}: {name}.content must be a string, found {StrictJson.Describe(content)}");
    }

    /// <exception cref="LeftOutException">The text has a place for a picture, audio or video, which is not
    /// there.</exception>
    private static string WithoutMediaTokens(string text, string name, string where) =>
        MediaColumns.MediaTokenIn(text) is not { } mark ? text : throw new LeftOutException(where,
            $"has the place of a picture, audio or video in its text ({mark})", name);

    private static string RoleOf(string name) => name switch
    {
        "human" => "user",
        "gpt" => "assistant",
        _ => name,
    };
}
