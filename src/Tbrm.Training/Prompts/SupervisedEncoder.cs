using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core;
using Tbrm.Data;
using Tbrm.Engine;

namespace Tbrm.Training;

/// <summary>
/// The token stage of supervised examples: template, token ids, which of them are learned, length limits. What comes before the first answer is
/// the prompt (data.max_prompt_length), everything from there on the response (data.max_response_length).
/// </summary>
internal sealed class SupervisedEncoder(PromptEncoder encoder, IReadOnlyList<int> stopIds, RunConfig config)
{
    private const string Assistant = "assistant";

    /// <summary>The example in tokens; null when it is too long and data.filter_overlong_prompts leaves such examples out.</summary>
    /// <exception cref="DataException">The template refuses it, nothing in it can be learned, or it is too long for data.truncation=error.</exception>
    public ScoredSequence? Encode(SupervisedExample example)
    {
        IReadOnlyList<ChatMessage> messages = encoder.Complete(example.Messages);
        ScoredSequence whole = example.Response is { } response ? OfResponse(messages, response, example.Where) : OfTurns(messages, example.Where);
        if (whole.Prompt.Length == 0 || whole.Rows == 0)
        {
            throw new DataException($"{example.Where}: {(whole.Prompt.Length == 0 ? "the prompt" : "the response")} has no tokens, so there is nothing to learn");
        }

        return Fit(whole, example.Where);
    }

    private ScoredSequence OfResponse(IReadOnlyList<ChatMessage> messages, string response, string where)
    {
        int[] ids = encoder.Tokenizer.Encode(response);
        return new(encoder.Tokenizer.Encode(encoder.Render(messages, addGenerationPrompt: true, where)), End(ids));
    }

    /// <summary>
    /// Turns are found by rendering the conversation up to each of them: the template must write what came before as it writes it in the whole.
    /// </summary>
    private ScoredSequence OfTurns(IReadOnlyList<ChatMessage> messages, string where)
    {
        List<int> turns = [.. Enumerable.Range(0, messages.Count).Where(i => messages[i].Role == Assistant)];
        int last = turns[^1];
        string whole = encoder.Render([.. messages.Take(last + 1)], addGenerationPrompt: false, where);
        List<int> ids = [];
        List<bool> mask = [];
        int[] prompt = [];
        int position = 0;
        foreach (int turn in config.Sft.Turns == "last" ? [last] : turns)
        {
            int begin = LengthOf(whole, encoder.Render([.. messages.Take(turn)], addGenerationPrompt: true, where), turn, where);
            int end = turn == last ? whole.Length : LengthOf(whole, encoder.Render([.. messages.Take(turn + 1)], addGenerationPrompt: false, where), turn, where);
            int[] between = encoder.Tokenizer.Encode(whole[position..begin]);
            if (position == 0)
            {
                prompt = between;
            }
            else
            {
                Add(between, between.Length, learned: false);
            }

            int[] said = encoder.Tokenizer.Encode(whole[begin..end]);
            int learned = LastStop(said) + 1;
            said = learned == 0 && turn == last ? End(said) : said;
            Add(said, learned == 0 ? said.Length : learned, learned: true);
            position = end;
        }

        int count = mask.LastIndexOf(true) + 1;
        return new(prompt, ids.Take(count).ToArray()) { Mask = mask.Take(count).All(m => m) ? default : mask.Take(count).ToArray() };

        void Add(int[] tokens, int first, bool learned)
        {
            ids.AddRange(tokens);
            mask.AddRange(tokens.Select((_, i) => learned && i < first));
        }
    }

    private static int LengthOf(string whole, string part, int turn, string where) => whole.StartsWith(part, StringComparison.Ordinal) ? part.Length
        : throw new DataException(
            $"{where}: the chat template writes the conversation up to message {turn} otherwise than in the whole, so that the assistant's words cannot be told from the rest; "
            + "set sft.turns=last, or another data.template");

    /// <summary>Where a generated response would have ended: what a template puts behind (a line feed, say) is not learned.</summary>
    private int LastStop(int[] ids) => Array.FindLastIndex(ids, id => stopIds.Contains(id));

    private int[] End(int[] response) => encoder.Tokenizer.EosId is int eos ? [.. response, eos] : response;

    private ScoredSequence? Fit(ScoredSequence whole, string where)
    {
        DataConfig data = config.Data;
        if (whole.Prompt.Length <= data.MaxPromptLength && whole.Response.Length <= data.MaxResponseLength)
        {
            return whole;
        }

        if (data.FilterOverlongPrompts)
        {
            return null;
        }

        if (data.Truncation == "error")
        {
            throw new DataException(
                $"{where}: prompt and response have {whole.Prompt.Length} and {whole.Response.Length} tokens, data.max_prompt_length is {data.MaxPromptLength} and "
                + $"data.max_response_length {data.MaxResponseLength}: raise them, or set data.truncation=left|right|middle, or data.filter_overlong_prompts=true");
        }

        int length = Math.Min(whole.Response.Length, data.MaxResponseLength);
        ScoredSequence cut = new(encoder.Fit(whole.Prompt.ToArray(), where), whole.Response[..length]) { Mask = whole.Mask.IsEmpty ? default : whole.Mask[..length] };
        return cut.Rows > 0 ? cut : null;
    }
}
