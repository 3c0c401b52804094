using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Json;
using Tbrm.Data.Sources;

namespace Tbrm.Data.Prompts;

/// <summary>Which columns of a supervised data file hold what. A dot steps into a struct.</summary>
public sealed record SupervisedKeys
{
    /// <summary>A whole conversation: a list of {role, content}, or of ShareGPT's {from, value}.</summary>
    public string Messages { get; init; } = "messages";

    /// <summary>What comes before the response: text, or a list of messages.</summary>
    public string Prompt { get; init; } = "prompt";

    /// <summary>The response: text, or a list of messages.</summary>
    public string Response { get; init; } = "response";

    /// <summary>Whether a question of GSM8K's own files is given the sentence that asks for <c>####</c>, as in
    /// training.</summary>
    public bool AsksGsm8kForm { get; init; } = true;
}

/// <summary>A row that shows a model what to say.</summary>
/// <param name="Messages">The conversation; without a <paramref name="Response"/>, its assistant's turns are what is
/// shown.</param>
/// <param name="Response">The assistant's next turn, word for word; null when the conversation holds it.</param>
/// <param name="Where"><c>file:line</c>, for messages.</param>
public sealed record SupervisedExample(IReadOnlyList<ChatMessage> Messages, string? Response, string Where)
{
    /// <summary>What the template is given besides the messages.</summary>
    public TemplateVariables Variables { get; init; } = TemplateVariables.None;

    /// <summary>For every message, whether it is not to be learned although the assistant says it; null when all of
    /// them are.</summary>
    public IReadOnlyList<bool>? NotLearned { get; init; }

    /// <summary>Columns that the conversation was read from; dotted paths into structs.</summary>
    internal IReadOnlyList<string> ReadColumns { get; init; } = [];

    /// <summary>Columns of the row that hold something and that nothing reads.</summary>
    public IReadOnlyList<string> UnreadColumns { get; init; } = [];

    /// <summary>Why nothing can be learned from the row, its place first; null for all others.</summary>
    public string? Unusable { get; init; }

    /// <summary>The same in words that rows of the kind share.</summary>
    public string? UnusableReason { get; init; }

    /// <summary>A row that nothing can be learned from.</summary>
    public static SupervisedExample Without(LeftOutException why)
    {
        ArgumentNullException.ThrowIfNull(why);
        return new([], null, why.Where) { Unusable = why.Message, UnusableReason = why.Reason };
    }
}

/// <summary>Reads the rows of supervised data files: prompt and response, prompt and completion, messages, or GSM8K's
/// question and worked answer.</summary>
public static class SupervisedRow
{
    private const string Assistant = "assistant";

    /// <summary>The column of ShareGPT's conversations, looked for when there is none by the configured name.</summary>
    private const string ShareGptKey = "conversations";

    /// <summary>TRL's column of the response, looked for when there is none by the configured name.</summary>
    private const string CompletionKey = "completion";

    /// <summary>Streams the rows of files in order, unusable ones included; prompt and response count before messages
    /// where a row has both.</summary>
    /// <exception cref="DataException">A file is missing or damaged, or a row has neither shape.</exception>
    public static IEnumerable<SupervisedExample> ReadFiles(IEnumerable<string> paths, SupervisedKeys keys) =>
        paths.SelectMany(path => RowFile.Read(path)).Select(row => Read(row, keys));

    /// <summary>One row. What has the shape and is not to be learned (no answer, a picture, every turn flagged) says
    /// so.</summary>
    /// <exception cref="DataException">The row has neither shape; the message begins with its place.</exception>
    public static SupervisedExample Read(SourceRow row, SupervisedKeys keys)
    {
        try
        {
            SupervisedExample example = ReadShape(row, keys);
            return MediaColumns.Problem(row.Row) is { } problem ? throw new LeftOutException(row.Where, problem)
                : example with
                {
                    Variables = RowVariables.Read(row.Row, row.Where, row.IsColumnar),
                    UnreadColumns = [.. row.Row.Where(column => PromptRow.IsSet(column.Value)
                        && !RowVariables.Names.Contains(column.Key)
                        && !example.ReadColumns.Any(path => RowValues.IsUnder(path, column.Key)))
                        .Select(column => column.Key)],
                };
        }
        catch (LeftOutException why)
        {
            return SupervisedExample.Without(why);
        }
    }

    private static SupervisedExample ReadShape(SourceRow row, SupervisedKeys keys)
    {
        string responseKey = RowValues.Find(row.Row, keys.Response) is null
            && RowValues.Find(row.Row, CompletionKey) is not null ? CompletionKey : keys.Response;
        if (RowValues.Find(row.Row, keys.Prompt) is { } prompt && RowValues.Find(row.Row, responseKey) is { } response)
        {
            return OfResponse(prompt, response, row, keys.Prompt, responseKey) with
            {
                ReadColumns = [keys.Prompt, responseKey],
            };
        }

        string key = RowValues.Find(row.Row, keys.Messages) is null && RowValues.Find(row.Row, ShareGptKey) is not null
            ? ShareGptKey : keys.Messages;
        if (RowValues.Find(row.Row, key) is { } conversation)
        {
            return OfConversation(conversation, key, row) with { ReadColumns = [key] };
        }

        if (BenchmarkShapes.WorkedGsm8k(row, keys.AsksGsm8kForm) is { } worked)
        {
            return worked with { ReadColumns = ["question", "answer"] };
        }

        string? empty = new[] { keys.Response, CompletionKey, keys.Messages, ShareGptKey }.FirstOrDefault(
            row.Row.ContainsKey);
        throw empty is not null ? new LeftOutException(row.Where, $"'{empty}' is null") : new DataException(
            $"{row.Where}: the row has neither '{keys.Prompt}' and '{keys.Response}' nor '{keys.Messages}' (its keys: "
                + $"{RowValues.KeysOf(row.Row)}); "
            + "set data.prompt_key and sft.response_key, or sft.messages_key");
    }

    /// <summary>Of a response in messages (TRL's prompt and completion), its turns are learned, and none of the
    /// prompt's.</summary>
    private static SupervisedExample OfResponse(JsonNode prompt, JsonNode response, SourceRow row, string promptKey,
        string responseKey)
    {
        IReadOnlyList<ChatMessage> asked =
            Conversation.Read(prompt, promptKey, row.Where, row.IsColumnar, isSupervised: true);
        if (!Conversation.IsListOfMessages(response, responseKey, row.Where))
        {
            string text = Conversation.TextOf(response, $"'{responseKey}'", row.Where)
                ?? throw new DataException(
                    $"{row.Where}: '{responseKey}' must be a string or a list of messages, found "
                        + $"{StrictJson.Describe(response)}");
            return new(asked, text, row.Where);
        }

        IReadOnlyList<ChatMessage> said =
            Conversation.Read(response, responseKey, row.Where, row.IsColumnar, isSupervised: true);
        return Learned([.. asked, .. said], asked.Count, responseKey, row.Where);
    }

    private static SupervisedExample OfConversation(JsonNode conversation, string key, SourceRow row)
    {
        if (conversation is not JsonArray && !Conversation.IsListOfMessages(conversation, key, row.Where))
        {
            throw new DataException(
                $"{row.Where}: '{key}' must be a list of {{role, content}}, found "
                    + $"{StrictJson.Describe(conversation)}, which has no turn of the assistant");
        }

        // ShareGPT cuts long conversations, so that some begin with an answer whose question is missing.
        IReadOnlyList<ChatMessage> whole =
            Conversation.Read(conversation, key, row.Where, row.IsColumnar, isSupervised: true);
        ChatMessage[] messages = [.. whole.SkipWhile(m => m.Role == Assistant)];
        return messages.Length < whole.Count && !messages.Any(m => m.Role == Assistant)
            ? throw new LeftOutException(row.Where, $"'{key}' has no turn of the assistant after one of somebody else")
            : Learned(messages, 0, key, row.Where);
    }

    /// <summary>The assistant's turns from <paramref name="first"/> on that no flag leaves out.</summary>
    private static SupervisedExample Learned(ChatMessage[] messages, int first, string key, string where)
    {
        if (!messages.Skip(first).Any(m => m.Role == Assistant))
        {
            throw new LeftOutException(where, $"'{key}' has no turn of the assistant");
        }

        bool[] left = [.. messages.Select((m, i) => m.Role == Assistant
            && (i < first || !TurnFlags.IsLearned(m, $"'{key}'[{i - first}]", where)))];
        return messages.Select((m, i) => m.Role == Assistant && !left[i]).Any(learned => learned)
            ? new(messages, null, where) { NotLearned = left.Contains(true) ? left : null }
            : throw new LeftOutException(where,
                $"'{key}' has no turn of the assistant that is to be learned ({string.Join(", ", TurnFlags.Names)})");
    }
}
