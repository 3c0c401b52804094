using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;

namespace Tbrm.Training.Prompts;

/// <summary>
/// Whether a chat template writes everything that a row gives it. Templates without tools render a row with tools as if
/// there were none, and some
/// pass over roles that they do not know: what is trained on would then be another problem. Found out by rendering
/// again without the part.
/// </summary>
internal sealed class TemplateSight(PromptEncoder encoder)
{
    /// <summary>A private character, which no text of a row has.</summary>
    private const string Mark = "\uE001";

    private const string ToolCalls = "tool_calls";

    private static readonly string[] s_variables = ["tools", "documents"];

    /// <summary>Roles of which a message was found in what the template wrote.</summary>
    private readonly ConcurrentDictionary<string, bool> _written = new(StringComparer.Ordinal);

    /// <exception cref="LeftOutException">Something is not written.</exception>
    /// <exception cref="DataException">The template refuses the conversation.</exception>
    public void Require(IReadOnlyList<ChatMessage> messages, TemplateVariables variables, string where)
    {
        string[] given = variables.IsEmpty ? [] : [.. s_variables.Intersect(variables.Names())];
        int[] doubtful = [.. Enumerable.Range(0, messages.Count).Where(i => IsDoubtful(messages[i]))];
        if (given.Length == 0 && doubtful.Length == 0)
        {
            return;
        }

        string whole = Whole(messages, variables, where);
        foreach (string name in given)
        {
            if (Renders(messages, variables.Without(name), where) == whole)
            {
                throw new LeftOutException(where,
                    $"the chat template does not write the row's '{name}'; another data.template may");
            }
        }

        foreach (int i in doubtful)
        {
            RequireMessage(messages, i, variables, whole, where);
        }
    }

    /// <summary>A template that knows nothing of calls stumbles over a message without content; it is not the file's
    /// fault.</summary>
    private string Whole(IReadOnlyList<ChatMessage> messages, TemplateVariables variables, string where)
    {
        try
        {
            return encoder.Render(messages, addGenerationPrompt: true, where, variables);
        }
        catch (DataException) when (messages.Any(HasCalls))
        {
            throw new LeftOutException(where,
                $"the chat template refuses a conversation with '{ToolCalls}'; another data.template may not");
        }
    }

    private void RequireMessage(IReadOnlyList<ChatMessage> messages, int position, TemplateVariables variables,
        string whole, string where)
    {
        ChatMessage message = messages[position];
        if (HasCalls(message) && Renders(With(messages, position, WithoutCalls(message)), variables, where) == whole)
        {
            throw new LeftOutException(where,
                $"the chat template does not write '{ToolCalls}'; another data.template may");
        }

        string content = message.Content.Trim();
        if (message.Role == "assistant" || content.Length == 0 || _written.ContainsKey(message.Role))
        {
            return;
        }

        bool isWritten = whole.Contains(content, StringComparison.Ordinal)
            || Renders(With(messages, position, message with { Content = Mark }), variables, where)?.Contains(Mark,
                StringComparison.Ordinal) != false;
        if (!isWritten)
        {
            throw new LeftOutException(where,
                $"the chat template does not write messages of the role '{message.Role}'; another data.template may");
        }

        _written.TryAdd(message.Role, true);
    }

    /// <summary>Null when the template refuses what is left, which therefore was read.</summary>
    private string? Renders(IReadOnlyList<ChatMessage> messages, TemplateVariables variables, string where)
    {
        try
        {
            return encoder.Render(messages, addGenerationPrompt: true, where, variables);
        }
        catch (DataException)
        {
            return null;
        }
    }

    private bool IsDoubtful(ChatMessage message) => HasCalls(message)
        || (message.Role != "assistant" && !_written.ContainsKey(message.Role));

    internal static bool HasCalls(ChatMessage message) => message.Field(ToolCalls) is JsonArray { Count: > 0 };

    /// <summary>The message without its calls of tools, and with a content.</summary>
    internal static ChatMessage WithoutCalls(ChatMessage message)
    {
        JsonObject fields = (JsonObject)JsonNode.Parse(message.Fields!)!;
        fields.Remove(ToolCalls);
        fields.Remove("content");
        return message with { Fields = fields.Count == 0 ? null : fields.ToJsonString() };
    }

    private static ChatMessage[] With(IReadOnlyList<ChatMessage> messages, int position, ChatMessage message) =>
        [.. messages.Select((m, i) => i == position ? message : m)];
}
