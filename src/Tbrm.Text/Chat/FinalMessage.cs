using System;
using System.Linq;
using Tbrm.Jinja;
using Tbrm.Jinja.Values;

namespace Tbrm.Text.Chat;

/// <summary>transformers' <c>continue_final_message</c>: the prompt ends inside the last message, so that it goes
/// on.</summary>
internal static class FinalMessage
{
    /// <summary>Cuts what the template put after the last message's text.</summary>
    public static string CutAfter(string rendered, PyList messages)
    {
        string text = TextOf(messages.Count > 0 ? messages[^1] : null);
        string bare = PyString.Strip(text, null, true, true);
        int at = rendered.LastIndexOf(bare, StringComparison.Ordinal);
        if (at < 0)
        {
            throw new JinjaException(
                "continue_final_message is set, but the final message does not appear in the rendered chat");
        }

        // Where the template kept the blanks at the message's end they belong to it; where it trimmed them they do not.
        string left = PyString.StripStart(text);
        bool keptBlanks = string.CompareOrdinal(rendered, at, text, 0, left.Length) == 0 && left.Length == text.Length;
        return rendered[..(at + (keptBlanks ? left.Length : bare.Length))];
    }

    private static string TextOf(object? message)
    {
        object? content = message is PyDict dict && dict.TryGet("content", out object? value) ? value : null;
        if (content is PyList parts)
        {
            content = parts.Reverse().OfType<PyDict>()
                .Select(part => part.TryGet("text", out object? text) ? text : null)
                .FirstOrDefault(text => text != null);
        }

        return content as string
            ?? throw new JinjaException("continue_final_message is set, but the final message has no text");
    }
}
