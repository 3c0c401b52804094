using System;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Where in a response the answer stands.</summary>
public enum AnswerForm
{
    /// <summary>The whole response, white space around it removed.</summary>
    Text,

    /// <summary>The last <c>&lt;answer&gt;...&lt;/answer&gt;</c>; a response without one has no answer.</summary>
    AnswerTag,
}

/// <summary>Finds the answer in a response.</summary>
public static class AnswerExtraction
{
    private const string Open = "<answer>";
    private const string Close = "</answer>";

    /// <summary>The answer; null when the response holds none.</summary>
    public static string? Extract(string response, AnswerForm form)
    {
        ArgumentNullException.ThrowIfNull(response);
        return form == AnswerForm.Text ? PythonText.Strip(response) : LastTagged(response);
    }

    /// <summary>reasoning-gym's <c>extract_answer</c>: the last of the non-overlapping tagged texts, read from the
    /// left, stripped.</summary>
    private static string? LastTagged(string response)
    {
        string? last = null;
        int position = 0;
        while (true)
        {
            int open = response.IndexOf(Open, position, StringComparison.Ordinal);
            int close = open < 0 ? -1 : response.IndexOf(Close, open + Open.Length, StringComparison.Ordinal);
            if (close < 0)
            {
                return last;
            }

            last = PythonText.Strip(response.AsSpan()[(open + Open.Length)..close]).ToString();
            position = close + Close.Length;
        }
    }
}
