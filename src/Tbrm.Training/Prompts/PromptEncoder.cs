using System.Collections.Generic;
using Tbrm.Core;
using Tbrm.Text;
using Tbrm.Text.Jinja;

namespace Tbrm.Training;

/// <summary>The token stage: conversation, template, token ids, length limit.</summary>
/// <param name="tokenizer">The policy's tokenizer.</param>
/// <param name="tokenizerFolder">Where its chat template is; null for a model built on the spot.</param>
/// <param name="config">Section <c>data</c>.</param>
public sealed class PromptEncoder(Tokenizer tokenizer, string? tokenizerFolder, DataConfig config)
{
    private const string NoTemplate = "none";

    private readonly PromptTemplate _template = CreateTemplate(config, tokenizerFolder);

    /// <summary>The tokenizer.</summary>
    public Tokenizer Tokenizer { get; } = tokenizer;

    /// <summary>Encodes a prompt up to the assistant's turn.</summary>
    public EncodedPrompt Encode(Prompt prompt)
    {
        int[] ids = Tokenizer.Encode(Render(prompt));
        return new(prompt, Fit(ids, Name(prompt)));
    }

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

    /// <summary>Length in tokens, for filters.</summary>
    public int CountTokens(Prompt prompt) => Tokenizer.Encode(Render(prompt)).Length;

    /// <summary>A conversation with the configured system prompt and instruction.</summary>
    public IReadOnlyList<ChatMessage> Complete(IReadOnlyList<ChatMessage> messages) => _template.WithInstruction(WithSystem(messages));

    /// <summary>The text of a complete conversation.</summary>
    /// <param name="messages">What <see cref="Complete"/> gave, or its beginning.</param>
    /// <param name="addGenerationPrompt">End with what begins the assistant's turn.</param>
    /// <param name="where">What it is, for messages.</param>
    /// <exception cref="DataException">The template refuses it.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, string where)
    {
        try
        {
            return _template.Render(messages, addGenerationPrompt);
        }
        catch (JinjaException e)
        {
            throw new DataException($"{where}: the chat template refuses it: {e.Message}", e);
        }
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

    private string Render(Prompt prompt) => Render(Complete(prompt.Messages), addGenerationPrompt: true, Name(prompt));

    private static string Name(Prompt prompt) => $"prompt {prompt.Index} of {prompt.DataSource}";

    private IReadOnlyList<ChatMessage> WithSystem(IReadOnlyList<ChatMessage> messages) => config.SystemPrompt.Length > 0 && messages[0].Role != "system"
        ? [new("system", config.SystemPrompt), .. messages] : messages;

    /// <summary>The configured template; else the tokenizer folder's own; else, for a model built on the spot, ChatML.</summary>
    private static PromptTemplate CreateTemplate(DataConfig config, string? folder)
    {
        ChatTemplate template = config.Template switch
        {
            NoTemplate => ChatTemplate.FromSource("{% for message in messages %}{{ message.content }}{% endfor %}"),
            "" when folder is null => ChatTemplate.FromSource(ScratchModel.ChatTemplate),
            "" => ChatTemplate.Load(folder),
            string fileOrName => ChatTemplate.FromSource(PromptTemplate.FileOrNamed(fileOrName)),
        };
        return PromptTemplate.Over(template, config.AppendInstruction.Length > 0 ? config.AppendInstruction : null);
    }
}
