using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using Tbrm.Core.Prompts;
using Tbrm.Data.Prompts;
using Tbrm.Jinja;
using Tbrm.Text.Chat;

namespace Tbrm.Training.Prompts;

/// <summary>
/// Counts what rows give a chat template and the template has no word for: fields of messages (<c>name</c>), variables
/// of <c>chat_template_kwargs</c> that are written wrong. Nothing is lost of the conversation itself, so such rows are
/// kept, and a user is told the names.
/// </summary>
/// <param name="template">The template.</param>
internal sealed class UnreadFields(PromptTemplate template)
{
    /// <summary>Read by the engine, or looked after elsewhere: a row whose calls or thought would be lost is left
    /// out.</summary>
    private static readonly HashSet<string> s_ownFields =
        [.. TurnFlags.Names, "content", "tool_calls", "function_call"];

    private static readonly string[] s_thoughts = ["reasoning_content", "reasoning", "thinking"],
        s_ownVariables = ["tools", "documents", "chat_template"];

    private readonly ConcurrentDictionary<string, bool> _fields = new(StringComparer.Ordinal),
        _variables = new(StringComparer.Ordinal);

    private readonly Lazy<IReadOnlySet<string>?> _words = new(() => WordsOf(template));

    /// <summary>Looks at one conversation; from any thread.</summary>
    /// <param name="messages">Its messages.</param>
    /// <param name="variables">The row's variables.</param>
    /// <param name="isLearned">The assistant's turns are learned, their thoughts as well.</param>
    public void Look(IReadOnlyList<ChatMessage> messages, TemplateVariables variables, bool isLearned)
    {
        if ((variables.IsEmpty && messages.All(m => m.Fields is null)) || _words.Value is not { } words)
        {
            return;
        }

        foreach (string name in variables.Names().Where(n => !words.Contains(n) && !s_ownVariables.Contains(n)))
        {
            _variables.TryAdd(name, true);
        }

        foreach ((string name, JsonNode? value) in messages.Where(m => m.Fields is not null)
            .SelectMany(m => (JsonObject)JsonNode.Parse(m.Fields!)!))
        {
            if (value is not null && !words.Contains(name) && !s_ownFields.Contains(name)
                && !(isLearned && s_thoughts.Contains(name)))
            {
                _fields.TryAdd(name, true);
            }
        }
    }

    /// <summary>What was found since the last call, as a sentence; null for nothing.</summary>
    public string? Take()
    {
        string[] parts =
            [.. Part("fields of messages", _fields), .. Part("variables of chat_template_kwargs", _variables)];
        return parts.Length == 0 ? null : "the chat template does not read these " + string.Join("; nor these ", parts);
    }

    private static string[] Part(string what, ConcurrentDictionary<string, bool> found)
    {
        const int shown = 20;
        string[] names = [.. found.Keys.Order(StringComparer.Ordinal)];
        found.Clear();
        return names.Length == 0 ? []
            : [$"{what}: {string.Join(", ", names.Take(shown))}{(names.Length > shown ? ", ..." : "")}"];
    }

    private static IReadOnlySet<string>? WordsOf(PromptTemplate template)
    {
        try
        {
            return template.ReadWords();
        }
        catch (JinjaException)
        {
            return null; // rendering says what is wrong with it
        }
    }
}
