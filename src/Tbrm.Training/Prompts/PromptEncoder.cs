using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Text.Chat;
using Tbrm.Jinja;
using Tbrm.Text.Tokenizers;
using Tbrm.Training.Config;

namespace Tbrm.Training.Prompts;

/// <summary>The token stage: conversation, template, token ids, length limit.</summary>
/// <param name="tokenizer">The policy's tokenizer.</param>
/// <param name="tokenizerFolder">Where its chat template is; null for a model made from scratch.</param>
/// <param name="config">Section <c>data</c>.</param>
public sealed class PromptEncoder(ITokenizer tokenizer, string? tokenizerFolder, DataConfig config)
{
    private const string NoTemplate = "none";

    /// <summary>A private character, of which no vocabulary has a token with anything behind it.</summary>
    private const string Neutral = "\uE000";

    private static readonly string[] s_probes = ["a", " a", "1"];

    private readonly Lazy<bool> _changesBeginnings = ChangesBeginnings(tokenizer);

    private readonly PromptTemplate _template = CreateTemplate(config, tokenizerFolder);

    private readonly TemplateVariables _variables = TemplateKwargs.Of(config);

    private TemplateSight? _sight;

    private UnreadFields? _unread;

    /// <summary>The tokenizer.</summary>
    public ITokenizer Tokenizer { get; } = tokenizer;

    /// <summary>Encodes a prompt up to the assistant's turn.</summary>
    public EncodedPrompt Encode(Prompt prompt)
    {
        int[] ids = Tokenizer.Encode(Render(prompt));
        return new(prompt, Fit(ids, Name(prompt)));
    }

    /// <summary>The ids of a response to a prompt.</summary>
    public int[] EncodeResponse(Prompt prompt, string response) =>
        Continue(_changesBeginnings.Value ? Render(prompt) : "", response, Name(prompt));

    /// <summary>Encodes prompts in order.</summary>
    public IReadOnlyList<EncodedPrompt> Encode(IReadOnlyList<Prompt> prompts)
    {
        EncodedPrompt[] encoded = new EncodedPrompt[prompts.Count];
        for (int i = 0; i < encoded.Length; i++)
        {
            encoded[i] = Encode(prompts[i]);
        }

        return encoded;
    }

    /// <summary>The text of a prompt, template included.</summary>
    public string TextOf(Prompt prompt) => Render(prompt);

    /// <summary>Length in tokens, for filters.</summary>
    public int CountTokens(Prompt prompt) => Tokenizer.Encode(Render(prompt)).Length;

    /// <summary>A conversation with the configured system prompt and instruction.</summary>
    public IReadOnlyList<ChatMessage> Complete(IReadOnlyList<ChatMessage> messages) =>
        _template.WithInstruction(WithSystem(messages));

    /// <summary>The text of a complete conversation.</summary>
    /// <param name="messages">What <see cref="Complete"/> gave, or its beginning.</param>
    /// <param name="addGenerationPrompt">End with what begins the assistant's turn.</param>
    /// <param name="where">What it is, for messages.</param>
    /// <param name="variables">What the template is given besides; the configured ones are added. Null for those
    /// alone.</param>
    /// <exception cref="DataException">The template refuses it.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, string where,
        TemplateVariables? variables = null)
    {
        try
        {
            return _template.Render(messages, addGenerationPrompt,
                variables is null ? _variables : variables.Over(_variables));
        }
        catch (JinjaException e)
        {
            throw new DataException($"{where}: the chat template refuses it: {e.Message}", e);
        }
    }

    /// <summary>
    /// The ids of a text that goes on after another. Tokenizers of the Llama 2 kind put a blank before what begins an
    /// input, and a response
    /// begins none: there, the ids are those that the text adds.
    /// </summary>
    /// <param name="before">What stands before; at least back to the last place where text was cut.</param>
    /// <param name="text">What follows.</param>
    /// <param name="where">What it is, for messages.</param>
    /// <exception cref="DataException">The tokenizer joins the two in a way that cannot be told apart.</exception>
    public int[] Continue(string before, string text, string where)
    {
        if (!_changesBeginnings.Value || text.Length == 0)
        {
            return Tokenizer.Encode(text);
        }

        return Added(Tokenizer, before, text) ?? Added(Tokenizer, Neutral, text) ?? throw new DataException(
            $"{where}: the tokenizer joins the end of the prompt and the beginning of the response into one token in "
                + $"a way that cannot be cut; give the response another beginning");
    }

    /// <summary>Cuts a prompt to data.max_prompt_length as data.truncation says.</summary>
    /// <exception cref="DataException">It is too long, and data.truncation is error.</exception>
    public int[] Fit(int[] ids, string where)
    {
        int limit = config.MaxPromptLength;
        if (ids.Length <= limit)
        {
            return ids;
        }

        return config.Truncation switch
        {
            "left" => ids[^limit..],
            "right" => ids[..limit],
            "middle" => [.. ids[..(limit / 2)], .. ids[^(limit - limit / 2)..]],
            _ => throw new DataException(
                $"{where} has {ids.Length} tokens, data.max_prompt_length is {limit}: raise it, or set "
                + "data.truncation=left|right|middle, or data.filter_overlong_prompts=true"),
        };
    }

    /// <summary>The ids that <paramref name="text"/> adds; null when one token holds parts of both.</summary>
    private static int[]? Added(ITokenizer tokenizer, string before, string text)
    {
        int[] first = tokenizer.Encode(before), both = tokenizer.Encode(before + text);
        return both.AsSpan().StartsWith(first) ? both[first.Length..] : null;
    }

    /// <summary>Whether a word is encoded otherwise at the beginning of an input than within.</summary>
    private static Lazy<bool> ChangesBeginnings(ITokenizer tokenizer) =>
        new(() => s_probes.Any(probe => !(Added(tokenizer, Neutral, probe) ?? [])
            .SequenceEqual(tokenizer.Encode(probe))));

    /// <summary>Refuses variables of the configuration that the template does not read: a name that is written wrong
    /// would change nothing.</summary>
    /// <exception cref="ConfigException">There is one; the message names the nearest that is read.</exception>
    public void CheckVariables() => TemplateKwargs.Check(_variables, _template);

    /// <summary>Leaves a prompt out of which the template would not write everything.</summary>
    /// <exception cref="LeftOutException">The template does not write its tools, a call of a tool, or a whole
    /// message.</exception>
    /// <exception cref="DataException">The template refuses it.</exception>
    public void RequireSeen(Prompt prompt) =>
        RequireSeen(Complete(prompt.Messages), prompt.Variables, Name(prompt), isLearned: false);

    /// <summary>The same for a complete conversation.</summary>
    internal void RequireSeen(IReadOnlyList<ChatMessage> messages, TemplateVariables variables, string where,
        bool isLearned)
    {
        LazyInitializer.EnsureInitialized(ref _sight, () => new(this))
            .Require(messages, variables, where);
        LazyInitializer.EnsureInitialized(ref _unread, () => new(_template)).Look(messages, variables, isLearned);
    }

    /// <summary>Names of what rows gave the template and it does not read, since the last call, as a sentence; null for
    /// none.</summary>
    public string? TakeUnread() => _unread?.Take();

    private string Render(Prompt prompt) =>
        Render(Complete(prompt.Messages), addGenerationPrompt: true, Name(prompt), prompt.Variables);

    private static string Name(Prompt prompt) => $"prompt {prompt.Index} of {prompt.DataSource}";

    private IReadOnlyList<ChatMessage> WithSystem(IReadOnlyList<ChatMessage> messages) => config.SystemPrompt.Length > 0
        && messages[0].Role is not ("system" or "developer")
        ? [new("system", config.SystemPrompt), .. messages] : messages;

    /// <summary>The configured template; else the tokenizer folder's own; else, for a model made from scratch,
    /// ChatML.</summary>
    private static PromptTemplate CreateTemplate(DataConfig config, string? folder)
    {
        DateTimeOffset date = TemplateDate.Of(config);
        ChatTemplate template = config.Template switch
        {
            NoTemplate => ChatTemplate.FromSource("{% for message in messages %}{{ message.content }}{% endfor %}"),
            "" when folder is null => ChatTemplate.FromSource(ScratchModel.ChatTemplate),
            "" => ChatTemplate.Load(folder, () => date),
            string fileOrName =>
                ChatTemplate.FromSource(PromptTemplate.FileOrNamed(fileOrName), JinjaLimits.Default, () => date),
        };
        return PromptTemplate.Over(template, config.AppendInstruction.Length > 0 ? config.AppendInstruction : null);
    }
}
