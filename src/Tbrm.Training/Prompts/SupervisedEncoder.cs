using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Data.Prompts;
using Tbrm.Engine.Logprob;

namespace Tbrm.Training.Prompts;

/// <summary>
/// The token stage of supervised examples: template, token ids, which of them are learned, length limits. What comes
/// before the first answer is
/// the prompt (data.max_prompt_length), everything from there on the response (data.max_response_length).
/// </summary>
/// <remarks>
/// Text is cut only where an answer begins, as in a rollout, whose prompt is encoded by itself. A token that spans the
/// end of what is learned is
/// not learned.
/// </remarks>
internal sealed class SupervisedEncoder(PromptEncoder encoder, IReadOnlyList<int> stopIds, RunConfig config)
{
    /// <summary>The example in tokens; null when it is too long and data.filter_overlong_prompts leaves such examples
    /// out.</summary>
    /// <exception cref="LeftOutException">The template does not write all of it.</exception>
    /// <exception cref="DataException">The template refuses it, nothing in it can be learned, or it is too long for
    /// data.truncation=error.</exception>
    public ScoredSequence? Encode(SupervisedExample example)
    {
        IReadOnlyList<ChatMessage> messages = encoder.Complete(example.Messages);
        encoder.RequireSeen(messages, example.Variables, example.Where, isLearned: true);
        ScoredSequence whole = example.Response is { } response
            ? OfResponse(messages, response, example.Variables, example.Where) : OfTurns(messages, example);
        if (whole.Prompt.Length == 0 || whole.Rows == 0)
        {
            throw new DataException(
                $"{example.Where}: {(whole.Prompt.Length == 0 ? "the prompt" : "the response")} has no tokens, so "
                    + $"there is nothing to learn");
        }

        return Fit(whole, example.Where);
    }

    private ScoredSequence OfResponse(IReadOnlyList<ChatMessage> messages, string response, TemplateVariables variables,
        string where)
    {
        string prompt = encoder.Render(messages, addGenerationPrompt: true, where, variables);
        return new(encoder.Tokenizer.Encode(prompt), End(encoder.Continue(prompt, response, where)));
    }

    private ScoredSequence OfTurns(IReadOnlyList<ChatMessage> messages, SupervisedExample example)
    {
        // The configured system prompt stands before the row's messages.
        IReadOnlyList<bool>? notLearned = example.NotLearned is { } flags
            ? [.. Enumerable.Repeat(false, messages.Count - flags.Count), .. flags] : null;
        (TemplateVariables variables, string where) = (example.Variables, example.Where);
        SupervisedTurns turns = new(encoder, messages, variables, notLearned, where);
        IReadOnlyList<LearnedSpan>? spans = turns.Find(lastOnly: config.Sft.Turns == "last");
        return spans is null ? OfResponse([.. messages.Take(turns.Last)], turns.LastAsResponse(), variables, where)
            : OfSpans(turns.Whole, spans, where);
    }

    private ScoredSequence OfSpans(string whole, IReadOnlyList<LearnedSpan> spans, string where)
    {
        string before = whole[..spans[0].Begin];
        int[] prompt = encoder.Tokenizer.Encode(before);
        List<int> ids = [];
        List<bool> mask = [];
        for (int i = 0; i < spans.Count; i++)
        {
            LearnedSpan span = spans[i];
            bool isLast = i + 1 == spans.Count;
            string piece = whole[span.Begin..(isLast ? whole.Length : spans[i + 1].Begin)];
            int[] said = encoder.Continue(before, piece, where);
            int learned = TokensWithin(before, piece, said, span.End - span.Begin, where);
            int stop = Array.FindIndex(
                said, TokensWithin(before, piece, said, span.ContentEnd - span.Begin, where), id =>
                stopIds.Contains(id));
            if (stop >= 0 && stop < learned)
            {
                learned = stop + 1;
            }
            else if (isLast)
            {
                said = End(said);
                learned = said.Length;
            }

            ids.AddRange(said);
            mask.AddRange(said.Select((_, k) => k < learned));
            before = piece;
        }

        int count = mask.LastIndexOf(true) + 1;
        return new(prompt, ids.Take(count).ToArray())
        {
            Mask = mask.Take(count).All(m => m) ? default
            : mask.Take(count).ToArray()
        };
    }

    /// <summary>How many of a piece's first tokens lie wholly within its first <paramref name="length"/>
    /// characters.</summary>
    private int TokensWithin(string before, string piece, int[] ids, int length, string where) =>
        length == piece.Length ? ids.Length
            : ids.AsSpan().CommonPrefixLength(encoder.Continue(before, piece[..length], where));

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
                $"{where}: prompt and response have {whole.Prompt.Length} and {whole.Response.Length} tokens, "
                    + $"data.max_prompt_length is {data.MaxPromptLength} and "
                + $"data.max_response_length {data.MaxResponseLength}: raise them, or set "
                + $"data.truncation=left|right|middle, or data.filter_overlong_prompts=true");
        }

        int length = Math.Min(whole.Response.Length, data.MaxResponseLength);
        ScoredSequence cut =
            new(encoder.Fit(whole.Prompt.ToArray(), where),
            whole.Response[..length])
            { Mask = whole.Mask.IsEmpty ? default : whole.Mask[..length] };
        return cut.Rows > 0 ? cut : null;
    }
}
