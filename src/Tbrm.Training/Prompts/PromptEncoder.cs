using System.Collections.Generic;
using System.Text;
using Tbrm.Core;
using Tbrm.Text;

namespace Tbrm.Training;

/// <summary>The token stage: conversation, template, token ids, length limit.</summary>
public sealed class PromptEncoder(Tokenizer tokenizer, DataConfig config)
{
    /// <summary>The tokenizer.</summary>
    public Tokenizer Tokenizer { get; } = tokenizer;

    /// <summary>Encodes a prompt up to the assistant's turn.</summary>
    public EncodedPrompt Encode(Prompt prompt)
    {
        int[] ids = Tokenizer.Encode(Render(prompt.Messages));
        return new(prompt, Fit(ids, prompt));
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
    public int CountTokens(Prompt prompt) => Tokenizer.Encode(Render(prompt.Messages)).Length;

    private static string Render(IReadOnlyList<ChatMessage> messages)
    {
        StringBuilder text = new();
        foreach (ChatMessage message in messages)
        {
            text.Append("<|im_start|>").Append(message.Role).Append('\n').Append(message.Content).Append("<|im_end|>\n");
        }

        return text.Append("<|im_start|>assistant\n").ToString();
    }

    private int[] Fit(int[] ids, Prompt prompt)
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
                $"prompt {prompt.Index} of {prompt.DataSource} has {ids.Length} tokens, data.max_prompt_length is {limit}: raise it, or set "
                + "data.truncation=left|right|middle, or data.filter_overlong_prompts=true"),
        };
    }
}
