using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;

namespace Tbrm.Training.Prompts;

/// <summary>A turn of the assistant in a rendered conversation, in characters.</summary>
/// <param name="Begin">Where the generation prompt ends.</param>
/// <param name="ContentEnd">Where the message's own text ends.</param>
/// <param name="End">Where what the template writes behind a turn ends.</param>
internal readonly record struct LearnedSpan(int Begin, int ContentEnd, int End);

/// <summary>
/// Finds the assistant's turns in a rendered conversation. A turn begins where the conversation before it, with a
/// generation prompt, ends. Its
/// end cannot be found in that way: templates treat the last message as special (Qwen3 writes an empty thought into
/// it). It is found by
/// rendering once more with a mark behind the text of every turn.
/// </summary>
internal sealed class SupervisedTurns
{
    private const string Assistant = "assistant", ThoughtBegin = "<think>", ThoughtEnd = "</think>";

    /// <summary>Fields in which files and templates keep a thought (Qwen3 and DeepSeek, OpenRouter, gpt-oss).</summary>
    private static readonly string[] s_thoughts = ["reasoning_content", "reasoning", "thinking"];

    private const int PrivateUse = 0xE000, PrivateUseCount = 0x1900;

    private readonly PromptEncoder _encoder;
    private readonly IReadOnlyList<ChatMessage> _messages;
    private readonly string _where;
    private readonly TemplateVariables _variables;
    private readonly int[] _turns, _learned;

    /// <summary>Renders a conversation up to the assistant's last turn.</summary>
    /// <param name="encoder">The template.</param>
    /// <param name="messages">A complete conversation in which the assistant speaks.</param>
    /// <param name="variables">What the template is given besides.</param>
    /// <param name="notLearned">Turns of the assistant that are read and not learned, by message; null for
    /// none.</param>
    /// <param name="where">What it is, for messages.</param>
    public SupervisedTurns(PromptEncoder encoder, IReadOnlyList<ChatMessage> messages, TemplateVariables variables,
        IReadOnlyList<bool>? notLearned, string where)
    {
        _encoder = encoder;
        _variables = variables;
        _where = where;
        _learned = [.. Enumerable.Range(0, messages.Count)
            .Where(i => messages[i].Role == Assistant && notLearned?[i] != true)];
        _messages = [.. messages.Take(Last + 1)];
        _turns = [.. Enumerable.Range(0, _messages.Count).Where(i => messages[i].Role == Assistant)];
        Whole = Render(_messages, addGenerationPrompt: false);
    }

    /// <summary>The text of the conversation up to the last turn that is learned.</summary>
    public string Whole { get; }

    /// <summary>The message that is the last turn to be learned.</summary>
    public int Last => _learned[^1];

    /// <summary>The turns to learn; null when there is but one to learn and it does not stand in the conversation as an
    /// answer to the generation prompt.</summary>
    /// <exception cref="DataException">The template writes earlier turns otherwise than it asks for them.</exception>
    public IReadOnlyList<LearnedSpan>? Find(bool lastOnly)
    {
        int[] learned = lastOnly ? [Last] : _learned;
        int[] begins = Array.ConvertAll(learned, Begin);
        begins[^1] = LosesThought(begins[^1]) ? -1 : begins[^1];
        int[]? ends = begins.Contains(-1) ? null : ContentEnds();
        if (ends is null
            || learned.Select((turn, i) => ends[Array.IndexOf(_turns, turn)] < begins[i]).Any(crossed => crossed))
        {
            return learned.Length == 1 ? null : throw new DataException(
                $"{_where}: the chat template writes earlier turns of the assistant otherwise than it asks for them, "
                    + $"so that its words cannot be told from the rest; "
                + "set sft.turns=last, or another data.template");
        }

        string end = Whole[ends[^1]..];
        return [.. learned.Select((turn, i) =>
        {
            int contentEnd = ends[Array.IndexOf(_turns, turn)];
            return new LearnedSpan(begins[i], contentEnd,
                contentEnd + Whole.AsSpan(contentEnd).CommonPrefixLength(end));
        })];
    }

    /// <summary>
    /// The last turn's text as a rollout would give it after the generation prompt: a thought that the prompt has begun
    /// (DeepSeek-R1) is gone on
    /// with, and one that the text does not have is empty.
    /// </summary>
    public string LastAsResponse()
    {
        string prompt = Render(_messages.Take(Last), addGenerationPrompt: true)
            .TrimEnd(), content = _messages[Last].Content;
        bool beginsThought = prompt.EndsWith(ThoughtBegin, StringComparison.Ordinal);
        if (TemplateSight.HasCalls(_messages[Last]))
        {
            throw new LeftOutException(_where,
                "the chat template writes calls of tools otherwise than it asks for them, so that they cannot be told "
                    + "from the rest");
        }

        if (Thought() is { } thought)
        {
            return beginsThought ? $"{thought.Text.Trim('\n')}\n{ThoughtEnd}\n\n{content}"
                : throw new LeftOutException(_where,
                    $"the chat template does not write '{thought.Field}', which would not be learned; another "
                        + $"data.template may");
        }

        if (!beginsThought)
        {
            return content;
        }

        string text = content.TrimStart();
        return text.StartsWith(ThoughtBegin, StringComparison.Ordinal) ? text[ThoughtBegin.Length..].TrimStart('\n')
            : content.Contains(ThoughtEnd, StringComparison.Ordinal) ? content
            : $"\n{ThoughtEnd}\n\n{content}";
    }

    /// <summary>Where a turn begins; -1 when the conversation does not begin with the generation prompt's
    /// text.</summary>
    private int Begin(int turn)
    {
        string before = Render(_messages.Take(turn), addGenerationPrompt: true);
        return Whole.StartsWith(before, StringComparison.Ordinal) ? before.Length : -1;
    }

    /// <summary>The template leaves the last turn's thought out, which is there to be learned.</summary>
    private bool LosesThought(int begin) => begin >= 0
        && ((_messages[Last].Content.Contains(ThoughtEnd, StringComparison.Ordinal)
            && !Whole.AsSpan(begin).Contains(ThoughtEnd, StringComparison.Ordinal))
            || (Thought() is { } thought
                && !Whole.AsSpan(begin).Contains(thought.Text.Trim(), StringComparison.Ordinal)));

    /// <summary>The last turn's thought where it is a field of its own.</summary>
    private (string Field, string Text)? Thought() =>
        s_thoughts.Select(field => (field, _messages[Last].TextField(field)))
        .FirstOrDefault(thought => !string.IsNullOrWhiteSpace(thought.Item2)) is ({ } name, { } text) ? (name, text)
            : null;

    private string Render(IEnumerable<ChatMessage> messages, bool addGenerationPrompt) =>
        _encoder.Render([.. messages], addGenerationPrompt, _where, _variables);

    /// <summary>Where the text of every turn ends; null when the template does not write it once and at its
    /// end.</summary>
    private int[]? ContentEnds()
    {
        char mark = Enumerable.Range(PrivateUse, PrivateUseCount).Select(c => (char)c)
            .First(c => !Whole.Contains(c, StringComparison.Ordinal));
        int[] plain = [.. _turns.Where(turn => !TemplateSight.HasCalls(_messages[turn]))];
        string marked = Render(
            _messages.Select((m, i) => plain.Contains(i) ? m with { Content = Marked(m.Content, mark) } : m),
            addGenerationPrompt: false);
        List<int> found = [];
        for (int i = marked.IndexOf(mark, StringComparison.Ordinal); i >= 0; i = marked.IndexOf(mark, i + 1))
        {
            found.Add(i - found.Count);
        }

        if (found.Count != plain.Length || marked.Replace(mark.ToString(), "", StringComparison.Ordinal) != Whole)
        {
            return null;
        }

        int[] ends = [.. _turns.Select(turn => Array.IndexOf(plain, turn) is int k and >= 0
            ? found[k] + KeptBlanks(found[k], _messages[turn].Content) : CallsEnd(turn, mark))];
        return ends.Contains(-1) ? null : ends;
    }

    /// <summary>Where a turn's calls of tools end: what follows them is what follows a text in their place. -1 when it
    /// is not.</summary>
    private int CallsEnd(int turn, char mark)
    {
        ChatMessage inPlace = TemplateSight.WithoutCalls(_messages[turn]) with { Content = mark.ToString() };
        string text = Render(_messages.Select((m, i) => i == turn ? inPlace : m), addGenerationPrompt: false);
        int at = text.IndexOf(mark, StringComparison.Ordinal);
        return at >= 0 && Whole.EndsWith(text[(at + 1)..], StringComparison.Ordinal)
            ? Whole.Length - (text.Length - at - 1) : -1;
    }

    /// <summary>The mark stands before trailing blanks, which templates like to trim.</summary>
    private static string Marked(string content, char mark)
    {
        string text = content.TrimEnd();
        return text + mark + content[text.Length..];
    }

    private int KeptBlanks(int end, string content)
    {
        string blanks = content[content.TrimEnd().Length..];
        return Whole.AsSpan(end).StartsWith(blanks, StringComparison.Ordinal) ? blanks.Length : 0;
    }
}
