using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core;

namespace Tbrm.Training;

/// <summary>A turn of the assistant in a rendered conversation, in characters.</summary>
/// <param name="Begin">Where the generation prompt ends.</param>
/// <param name="ContentEnd">Where the message's own text ends.</param>
/// <param name="End">Where what the template writes behind a turn ends.</param>
internal readonly record struct LearnedSpan(int Begin, int ContentEnd, int End);

/// <summary>
/// Finds the assistant's turns in a rendered conversation. A turn begins where the conversation before it, with a generation prompt, ends. Its
/// end cannot be found in that way: templates treat the last message as special (Qwen3 writes an empty thought into it). It is found by
/// rendering once more with a mark behind the text of every turn.
/// </summary>
internal sealed class SupervisedTurns
{
    private const string Assistant = "assistant", ThoughtBegin = "<think>", ThoughtEnd = "</think>";

    private const int PrivateUse = 0xE000, PrivateUseCount = 0x1900;

    private readonly PromptEncoder _encoder;
    private readonly IReadOnlyList<ChatMessage> _messages;
    private readonly string _where;
    private readonly int[] _turns;

    /// <summary>Renders a conversation up to the assistant's last turn.</summary>
    /// <param name="encoder">The template.</param>
    /// <param name="messages">A complete conversation in which the assistant speaks.</param>
    /// <param name="where">What it is, for messages.</param>
    public SupervisedTurns(PromptEncoder encoder, IReadOnlyList<ChatMessage> messages, string where)
    {
        _encoder = encoder;
        _where = where;
        _turns = [.. Enumerable.Range(0, messages.Count).Where(i => messages[i].Role == Assistant)];
        _messages = [.. messages.Take(Last + 1)];
        Whole = encoder.Render(_messages, addGenerationPrompt: false, where);
    }

    /// <summary>The text of the conversation, its last turn included.</summary>
    public string Whole { get; }

    /// <summary>The message that is the assistant's last turn.</summary>
    public int Last => _turns[^1];

    /// <summary>The turns to learn; null when there is but one to learn and it does not stand in the conversation as an answer to the generation prompt.</summary>
    /// <exception cref="DataException">The template writes earlier turns otherwise than it asks for them.</exception>
    public IReadOnlyList<LearnedSpan>? Find(bool lastOnly)
    {
        int[] learned = lastOnly ? [Last] : _turns;
        int[] begins = Array.ConvertAll(learned, Begin);
        begins[^1] = LosesThought(begins[^1]) ? -1 : begins[^1];
        int[]? ends = begins.Contains(-1) ? null : ContentEnds();
        if (ends is null || learned.Select((turn, i) => ends[Array.IndexOf(_turns, turn)] < begins[i]).Any(crossed => crossed))
        {
            return learned.Length == 1 ? null : throw new DataException(
                $"{_where}: the chat template writes earlier turns of the assistant otherwise than it asks for them, so that its words cannot be told from the rest; "
                + "set sft.turns=last, or another data.template");
        }

        string end = Whole[ends[^1]..];
        return [.. learned.Select((turn, i) =>
        {
            int contentEnd = ends[Array.IndexOf(_turns, turn)];
            return new LearnedSpan(begins[i], contentEnd, contentEnd + Whole.AsSpan(contentEnd).CommonPrefixLength(end));
        })];
    }

    /// <summary>
    /// The last turn's text as a rollout would give it after the generation prompt: a thought that the prompt has begun (DeepSeek-R1) is gone on
    /// with, and one that the text does not have is empty.
    /// </summary>
    public string LastAsResponse()
    {
        string prompt = _encoder.Render([.. _messages.Take(Last)], addGenerationPrompt: true, _where).TrimEnd(), content = _messages[Last].Content;
        if (!prompt.EndsWith(ThoughtBegin, StringComparison.Ordinal))
        {
            return content;
        }

        string text = content.TrimStart();
        return text.StartsWith(ThoughtBegin, StringComparison.Ordinal) ? text[ThoughtBegin.Length..].TrimStart('\n')
            : content.Contains(ThoughtEnd, StringComparison.Ordinal) ? content
            : $"\n{ThoughtEnd}\n\n{content}";
    }

    /// <summary>Where a turn begins; -1 when the conversation does not begin with the generation prompt's text.</summary>
    private int Begin(int turn)
    {
        string before = _encoder.Render([.. _messages.Take(turn)], addGenerationPrompt: true, _where);
        return Whole.StartsWith(before, StringComparison.Ordinal) ? before.Length : -1;
    }

    /// <summary>The template leaves the last turn's thought out, which is there to be learned.</summary>
    private bool LosesThought(int begin) => begin >= 0 && _messages[Last].Content.Contains(ThoughtEnd, StringComparison.Ordinal)
        && !Whole.AsSpan(begin).Contains(ThoughtEnd, StringComparison.Ordinal);

    /// <summary>Where the text of every turn ends; null when the template does not write it once and at its end.</summary>
    private int[]? ContentEnds()
    {
        char mark = Enumerable.Range(PrivateUse, PrivateUseCount).Select(c => (char)c).First(c => !Whole.Contains(c, StringComparison.Ordinal));
        string marked = _encoder.Render([.. _messages.Select(m => m.Role == Assistant ? m with { Content = Marked(m.Content, mark) } : m)], addGenerationPrompt: false, _where);
        List<int> ends = [];
        for (int i = marked.IndexOf(mark, StringComparison.Ordinal); i >= 0; i = marked.IndexOf(mark, i + 1))
        {
            ends.Add(i - ends.Count);
        }

        return ends.Count == _turns.Length && marked.Replace(mark.ToString(), "", StringComparison.Ordinal) == Whole
            ? [.. ends.Select((end, k) => end + KeptBlanks(end, _messages[_turns[k]].Content))] : null;
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
