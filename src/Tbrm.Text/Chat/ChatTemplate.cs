using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Jinja;
using Tbrm.Jinja.Values;
using Tbrm.Text.Json;
using Tbrm.Text.Tokenizers;

namespace Tbrm.Text.Chat;

/// <summary>
/// The chat templates of a model folder, rendered as transformers' <c>apply_chat_template</c> does: the special tokens,
/// <c>messages</c>, <c>add_generation_prompt</c>, <c>tools</c> and <c>documents</c> are always defined.
/// </summary>
public sealed class ChatTemplate
{
    private const string Default = "default";

    private readonly Dictionary<string, Lazy<JinjaTemplate>> _templates;
    private readonly List<KeyValuePair<string, object?>> _specialTokens;

    private ChatTemplate(Dictionary<string, string> sources, List<KeyValuePair<string, object?>> specialTokens)
    {
        _templates = sources.ToDictionary(
            pair => pair.Key, pair => new Lazy<JinjaTemplate>(() => JinjaTemplate.Parse(pair.Value)));
        _specialTokens = specialTokens;
    }

    /// <summary>The time that <c>strftime_now</c> writes; null for the machine's clock.</summary>
    public Func<DateTimeOffset>? Now { get; init; }

    /// <summary>What a template may use up.</summary>
    public JinjaLimits Limits { get; init; } = JinjaLimits.Default;

    /// <summary>The names of the folder's templates; one without a name is called <c>default</c>.</summary>
    public IEnumerable<string> Names => _templates.Keys.Order(StringComparer.Ordinal);

    /// <summary>A template without special tokens.</summary>
    public static ChatTemplate FromSource(string jinja) => FromSource(jinja, JinjaLimits.Default, null);

    /// <summary>A template without special tokens, with limits and a clock of the caller's.</summary>
    public static ChatTemplate FromSource(string jinja, JinjaLimits limits, Func<DateTimeOffset>? now)
    {
        return new(new() { [Default] = jinja }, []) { Limits = limits, Now = now };
    }

    /// <summary>
    /// The template of a folder: <c>chat_template.jinja</c> (and <c>additional_chat_templates/</c>), else
    /// <c>chat_template</c>
    /// in <c>tokenizer_config.json</c> (a text, or a list of named ones), else <c>chat_template.json</c>.
    /// </summary>
    /// <exception cref="DataException">There is none, or a file is malformed.</exception>
    public static ChatTemplate Load(string folder, Func<DateTimeOffset>? now = null)
    {
        TokenizerFiles files = TokenizerFiles.Read(folder);
        Dictionary<string, string> sources = ReadSources(files);
        return sources.Count > 0
            ? new ChatTemplate(sources, TokenizerConfig.Read(files).SpecialTokens()) { Now = now }
            : throw new DataException(
                $"{folder}: expected a chat template in chat_template.jinja or tokenizer_config.json, found none; "
                + "--template names a Jinja file or one of " + string.Join(", ", PromptTemplate.Names));
    }

    /// <summary>The Jinja source of a folder's template, of the default one where it has several; null when there is
    /// none.</summary>
    /// <exception cref="DataException">A file is malformed.</exception>
    public static string? SourceIn(string folder) =>
        ReadSources(TokenizerFiles.Read(folder)).GetValueOrDefault(Default);

    /// <summary>The prompt of a conversation.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="addGenerationPrompt">End with what begins the assistant's turn.</param>
    /// <exception cref="JinjaException">The template fails or refuses the conversation.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt) =>
        Render(messages, addGenerationPrompt, TemplateVariables.None);

    /// <summary>The prompt of a conversation.</summary>
    /// <param name="messages">The conversation; a message's other fields are seen as well.</param>
    /// <param name="addGenerationPrompt">End with what begins the assistant's turn.</param>
    /// <param name="variables">What the template is given besides.</param>
    /// <exception cref="JinjaException">The template fails or refuses the conversation.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, TemplateVariables variables)
    {
        List<KeyValuePair<string, object?>> given = [];
        AddMembers(variables.IsEmpty ? null : variables.Json, (name, value) => given.Add(new(name, value)));
        given.Add(new("messages", new PyList([.. messages.Select(AsDict)])));
        given.Add(new("add_generation_prompt", addGenerationPrompt));
        return Render(given);
    }

    /// <summary>The names that the templates read, their own variables among them.</summary>
    /// <exception cref="JinjaException">One is malformed.</exception>
    public IReadOnlySet<string> ReadNames() => _templates.Values.SelectMany(template => template.Value.ReadNames())
        .ToHashSet(StringComparer.Ordinal);

    /// <summary>The words by which the templates can ask for a part of a message; null where one hands messages on as a
    /// whole.</summary>
    /// <exception cref="JinjaException">One is malformed.</exception>
    public IReadOnlySet<string>? ReadWords()
    {
        HashSet<string> words = new(StringComparer.Ordinal);
        foreach (Lazy<JinjaTemplate> template in _templates.Values)
        {
            if (template.Value.ReadWords() is not { } read)
            {
                return null;
            }

            words.UnionWith(read);
        }

        return words;
    }

    /// <summary>The prompt of a row: its <c>messages</c>, <c>add_generation_prompt</c> and any further
    /// variables.</summary>
    /// <exception cref="JinjaException">The row lacks messages, or the template fails or refuses them.</exception>
    public string Render(JsonElement row) => Render(row, TemplateVariables.None);

    /// <summary>The same, with variables of which the row's own win.</summary>
    /// <exception cref="JinjaException">The row lacks messages, or the template fails or refuses them.</exception>
    public string Render(JsonElement row, TemplateVariables defaults)
    {
        List<KeyValuePair<string, object?>> variables = [];
        AddMembers(defaults.IsEmpty ? null : defaults.Json, (name, value) => variables.Add(new(name, value)));
        foreach (JsonProperty member in row.EnumerateObject())
        {
            variables.Add(new(member.Name, PyJson.Read(member.Value)));
        }

        return Render(variables);
    }

    private static object AsDict(ChatMessage message)
    {
        PyDict item = new();
        item.Set("role", message.Role);
        item.Set("content", message.Content);
        AddMembers(message.Fields, (name, value) => item.Set(name, value));
        return item;
    }

    private static void AddMembers(string? json, Action<string, object?> add)
    {
        if (json is null)
        {
            return;
        }

        using JsonDocument document = JsonDocument.Parse(json);
        foreach (JsonProperty member in document.RootElement.EnumerateObject())
        {
            add(member.Name, PyJson.Read(member.Value));
        }
    }

    private string Render(List<KeyValuePair<string, object?>> given)
    {
        Dictionary<string, object?> variables = new(_specialTokens)
        {
            ["add_generation_prompt"] = false,
            ["tools"] = null,
            ["documents"] = null,
        };
        foreach ((string name, object? value) in given)
        {
            variables[name] = value;
        }

        if (variables.GetValueOrDefault("messages") is not PyList messages)
        {
            throw new JinjaException("expected the key \"messages\" with a list");
        }

        JinjaTemplate template = Choose(variables);
        variables.Remove("chat_template");
        bool continueFinal = variables.Remove("continue_final_message", out object? flag) && PyType.IsTrue(flag);
        if (continueFinal && PyType.IsTrue(variables["add_generation_prompt"]))
        {
            throw new JinjaException("continue_final_message and add_generation_prompt exclude each other");
        }

        string text = template.Render(variables, Limits, Now);
        return continueFinal ? FinalMessage.CutAfter(text, messages) : text;
    }

    /// <summary>By the row's <c>chat_template</c>; else the one for tools when there are tools; else the
    /// default.</summary>
    private JinjaTemplate Choose(Dictionary<string, object?> variables)
    {
        if (variables.GetValueOrDefault("chat_template") is string wanted)
        {
            return _templates.TryGetValue(wanted, out Lazy<JinjaTemplate>? named) ? named.Value
                : JinjaTemplate.Parse(wanted);
        }

        string name = variables["tools"] != null && _templates.ContainsKey("tool_use") ? "tool_use" : Default;
        return _templates.TryGetValue(name, out Lazy<JinjaTemplate>? template)
            ? template.Value
            : throw new JinjaException(
                $"there is no template called default; chat_template must name one of {string.Join(", ", Names)}");
    }

    private static Dictionary<string, string> ReadSources(TokenizerFiles files)
    {
        Dictionary<string, string> sources = [];
        foreach (string name in files.Names)
        {
            if (name.EndsWith(".jinja", StringComparison.Ordinal) && files.TryGet(name, out byte[] content))
            {
                sources[name == "chat_template.jinja" ? Default : Path.GetFileNameWithoutExtension(name)] =
                    Utf8(content, files.Locate(name));
            }
        }

        string[] candidates = sources.Count > 0 ? [] : ["tokenizer_config.json", "chat_template.json"];
        foreach (string file in candidates)
        {
            if (files.TryGetJson(file, out JsonView view) && view.TryGet("chat_template", out JsonView template))
            {
                return ReadConfigured(template);
            }
        }

        return sources;
    }

    private static Dictionary<string, string> ReadConfigured(JsonView template)
    {
        if (template.Kind == JsonValueKind.String)
        {
            return new() { [Default] = template.AsString() };
        }

        Dictionary<string, string> sources = [];
        foreach (JsonView item in template.Items())
        {
            sources[item.Get("name").AsString()] = item.Get("template").AsString();
        }

        return sources;
    }

    private static string Utf8(byte[] content, string file)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(content).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException e)
        {
            throw new DataException($"{file}: expected UTF-8: {e.Message}", e);
        }
    }
}
