using System;
using System.Linq;
using System.Text.Json.Nodes;

namespace Tbrm.Core.Prompts;

/// <summary>
/// What a chat template is given besides messages: a row's <c>tools</c>, <c>documents</c> and
/// <c>chat_template_kwargs</c>, and the configuration's
/// <c>data.apply_chat_template_kwargs</c>. Immutable; equal when the JSON is.
/// </summary>
public sealed record TemplateVariables
{
    /// <summary>None.</summary>
    public static readonly TemplateVariables None = new("{}");

    private TemplateVariables(string json) => Json = json;

    /// <summary>Name to value, a JSON object.</summary>
    public string Json { get; }

    /// <summary>Whether there are none.</summary>
    public bool IsEmpty => Json == None.Json;

    /// <summary>The variables of an object.</summary>
    public static TemplateVariables Of(JsonObject variables)
    {
        ArgumentNullException.ThrowIfNull(variables);
        return variables.Count == 0 ? None : new(variables.ToJsonString());
    }

    /// <summary>As an object; the caller's own copy.</summary>
    public JsonObject ToObject() => (JsonObject)JsonNode.Parse(Json)!;

    /// <summary>These, and of <paramref name="defaults"/> what is not among them.</summary>
    public TemplateVariables Over(TemplateVariables defaults)
    {
        ArgumentNullException.ThrowIfNull(defaults);
        if (defaults.IsEmpty || IsEmpty)
        {
            return IsEmpty ? defaults : this;
        }

        JsonObject merged = defaults.ToObject();
        foreach ((string name, JsonNode? value) in ToObject())
        {
            merged[name] = value?.DeepClone();
        }

        return Of(merged);
    }

    /// <summary>These without one.</summary>
    public TemplateVariables Without(string name)
    {
        JsonObject rest = ToObject();
        return rest.Remove(name) ? Of(rest) : this;
    }

    /// <summary>The names.</summary>
    public string[] Names() => IsEmpty ? [] : [.. ToObject().Select(variable => variable.Key)];
}
