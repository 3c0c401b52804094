using System;
using System.Collections.Generic;
using System.Linq;
using Tbrm.Core.Prompts;

namespace Tbrm.Data.Prompts;

/// <summary>
/// DAPO-Math-17k wraps every problem in instructions of its own ("Solve the following math problem step by step ...
/// Answer: $Answer").
/// Cutting them leaves the problem, to which another prompt template can be applied.
/// </summary>
internal static class DapoWrapper
{
    private const string Head = "Solve the following math problem step by step.";
    private const string Tail = "Remember to put your answer on its own line after \"Answer:\".";
    private const string Gap = "\n\n";

    /// <summary>The prompt without the wrapper; the same object when there is none.</summary>
    public static Prompt Cut(Prompt prompt)
    {
        return prompt.Messages.Any(message => TryCut(message.Content, out _))
            ? prompt with { Messages = CutAll(prompt.Messages) }
            : prompt;
    }

    /// <summary>The problem inside the wrapper; false when the text is not wrapped.</summary>
    public static bool TryCut(string content, out string problem)
    {
        problem = content;
        string text = content.Trim();
        int gap = text.StartsWith(Head, StringComparison.Ordinal) ? text.IndexOf(Gap, StringComparison.Ordinal) : -1;
        if (gap < 0)
        {
            return false;
        }

        ReadOnlySpan<char> body = text.AsSpan(gap + Gap.Length);
        if (body.EndsWith(Tail, StringComparison.Ordinal))
        {
            body = body[..^Tail.Length];
        }

        problem = body.Trim().ToString();
        return problem.Length > 0;
    }

    private static ChatMessage[] CutAll(IReadOnlyList<ChatMessage> messages)
    {
        return [.. messages.Select(message => TryCut(message.Content, out string problem)
            ? message with { Content = problem } : message)];
    }
}
