using System.Text.Json.Nodes;

namespace Tbrm.Core.Prompts;

/// <summary>One message of a conversation, as a chat template sees it.</summary>
/// <param name="Role"><c>system</c>, <c>user</c>, <c>assistant</c>, <c>tool</c>, or whatever else the template
/// knows.</param>
/// <param name="Content">The text, untrimmed; empty where the message has none (a call of a tool).</param>
public sealed record ChatMessage(string Role, string Content)
{
    /// <summary>
    /// The message's other fields as a JSON object (<c>reasoning_content</c>, <c>tool_calls</c>, <c>name</c>), and
    /// <c>content</c> where that is null;
    /// null for none. As text, so that messages are compared and kept once by their text.
    /// </summary>
    public string? Fields { get; init; }

    /// <summary>The value of one of the other fields; null when it is not there. The caller's own copy.</summary>
    public JsonNode? Field(string name)
    {
        if (Fields is null || !Fields.Contains(name, System.StringComparison.Ordinal))
        {
            return null;
        }

        JsonObject fields = (JsonObject)JsonNode.Parse(Fields)!;
        JsonNode? value = fields[name];
        fields.Remove(name);
        return value;
    }

    /// <summary>Another field's text; null when it is not there or no text.</summary>
    public string? TextField(string name) => Field(name) is JsonValue value && value.TryGetValue(out string? text)
        ? text : null;
}
