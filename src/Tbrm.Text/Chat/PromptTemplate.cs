using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;

namespace Tbrm.Text.Chat;

/// <summary>
/// From a problem's messages to the prompt that the model sees: the tokenizer's own chat template or one of the paper's
/// named ones, after an instruction was appended to the question.
/// </summary>
public sealed class PromptTemplate
{
    /// <summary>The sentence of Qwen2.5-Math's evaluation, as system message or after the question.</summary>
    private const string QwenMathInstruction =
        @"Please reason step by step, and put your final answer within \boxed{}.";

    /// <summary>ChatML with that sentence as system message, unless the conversation brings its own.</summary>
    private const string QwenMath =
        "{%- if messages[0].role != 'system' -%}\n{{ '<|im_start|>system\\n"
            + @"Please reason step by step, and put your final answer within \\boxed{}."
        + "<|im_end|>\\n' }}\n{%- endif -%}\n{%- for message in messages -%}\n"
        + "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}\n{%- endfor -%}\n"
        + "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}";

    /// <summary>The prompt of DeepSeek-R1-Zero for base models (arXiv 2501.12948, table 1).</summary>
    private const string DeepSeekR1 =
        "{{ 'A conversation between User and Assistant. The user asks a question, and the Assistant solves it. "
        + "The assistant first thinks about the reasoning process in the mind and then provides the user with the "
        + "answer. "
        + "The reasoning process and answer are enclosed within <think> </think> and <answer> </answer> tags, "
        + "respectively, "
        + "i.e., <think> reasoning process here </think> <answer> answer here </answer>.' }}\n"
        + "{%- for message in messages -%}\n{{ ' ' + (message.role | capitalize) + ': ' + message.content }}\n{%- "
        + "endfor -%}\n"
        + "{%- if add_generation_prompt -%}{{ ' Assistant:' }}{%- endif -%}";

    private static readonly Dictionary<string, string> s_named = new()
    {
        ["qwen-math"] = QwenMath,
        ["deepseek-r1"] = DeepSeekR1,
    };

    private static readonly Dictionary<string, string> s_instructions = new()
    {
        ["qwen-math"] = QwenMathInstruction,
    };

    private readonly ChatTemplate _template;
    private readonly string? _instruction;

    private PromptTemplate(ChatTemplate template, string? instruction)
    {
        _template = template;
        _instruction = instruction;
    }

    /// <summary>The named templates.</summary>
    public static IEnumerable<string> Names => s_named.Keys;

    /// <summary>The instructions that have a name.</summary>
    public static IEnumerable<string> InstructionNames => s_instructions.Keys;

    /// <summary>A template by its name, or a tokenizer folder's own.</summary>
    /// <param name="name">One of <see cref="Names"/>, or null for the folder's chat template.</param>
    /// <param name="tokenizerFolder">Needed when there is no name.</param>
    /// <param name="appendInstruction">
    /// Null for nothing; one of <see cref="InstructionNames"/>; any other text is itself appended, after a newline.
    /// </param>
    /// <exception cref="ConfigException">The name is not known.</exception>
    public static PromptTemplate Create(string? name, string? tokenizerFolder = null, string? appendInstruction = null)
    {
        ChatTemplate template = name != null ? ChatTemplate.FromSource(Source(name))
            : tokenizerFolder != null ? ChatTemplate.Load(tokenizerFolder)
            : throw new ConfigException(
                "expected the name of a prompt template or a folder with a tokenizer, found neither");
        return Over(template, appendInstruction);
    }

    /// <summary>Any chat template with an instruction, as in <see cref="Create"/>.</summary>
    public static PromptTemplate Over(ChatTemplate template, string? appendInstruction)
    {
        string? instruction = appendInstruction == null ? null
            : s_instructions.GetValueOrDefault(appendInstruction, appendInstruction);
        return new PromptTemplate(template, instruction);
    }

    /// <summary>The Jinja source of a named template.</summary>
    /// <exception cref="ConfigException">The name is not known.</exception>
    public static string Source(string name)
    {
        return s_named.TryGetValue(name, out string? source)
            ? source
            : throw new ConfigException(
                $"prompt template \"{name}\" is not known; known are {string.Join(", ", Names)}");
    }

    /// <summary>The Jinja source that a file holds, or, when there is no such file, that of a named template.</summary>
    /// <exception cref="DataException">There is neither.</exception>
    public static string FileOrNamed(string fileOrName)
    {
        if (!File.Exists(fileOrName) && s_named.TryGetValue(fileOrName, out string? source))
        {
            return source;
        }

        try
        {
            return File.ReadAllText(fileOrName);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException(
                $"{fileOrName}: expected a Jinja file or one of {string.Join(", ", Names)}: {e.Message}", e);
        }
    }

    /// <summary>The prompt, ending where the answer begins.</summary>
    /// <exception cref="Jinja.JinjaException">The template refuses the conversation.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages) =>
        _template.Render(WithInstruction(messages), addGenerationPrompt: true);

    /// <summary>A conversation as it stands, without the instruction.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="addGenerationPrompt">End with what begins the assistant's turn.</param>
    /// <exception cref="Jinja.JinjaException">The template refuses the conversation.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt) =>
        _template.Render(messages, addGenerationPrompt);

    /// <summary>A conversation as it stands, with further variables.</summary>
    /// <exception cref="Jinja.JinjaException">The template refuses the conversation.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, TemplateVariables variables) =>
        _template.Render(messages, addGenerationPrompt, variables);

    /// <summary>The names that the template reads, its own variables among them.</summary>
    /// <exception cref="Jinja.JinjaException">It is malformed.</exception>
    public IReadOnlySet<string> ReadNames() => _template.ReadNames();

    /// <summary>The words by which the template can ask for a part of a message; null where it hands messages on as a
    /// whole.</summary>
    /// <exception cref="Jinja.JinjaException">It is malformed.</exception>
    public IReadOnlySet<string>? ReadWords() => _template.ReadWords();

    /// <summary>The conversation with the instruction after the user's last turn.</summary>
    public IReadOnlyList<ChatMessage> WithInstruction(IReadOnlyList<ChatMessage> messages)
    {
        int last = _instruction == null ? -1 : messages.ToList().FindLastIndex(message => message.Role == "user");
        return last < 0
            ? messages
            : [.. messages.Select((message, i) => i == last
                ? message with { Content = message.Content + "\n" + _instruction } : message)];
    }
}
