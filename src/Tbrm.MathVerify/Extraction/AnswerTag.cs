using System;
using System.Text.RegularExpressions;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Extraction;

/// <summary>
/// Answers in tags, as prompts with a thinking part ask for them: <c>&lt;answer&gt;42&lt;/answer&gt;</c>. Where a
/// response has a box the box counts, as
/// in the reference; otherwise what the last tag holds is the answer, alone.
/// </summary>
internal static partial class AnswerTag
{
    private const string Open = "<answer>", Close = "</answer>";

    /// <summary>Reads the answer.</summary>
    public static ExtractedAnswer Extract(string text, AnswerExtractor extractor, Budget budget)
    {
        if (Content(text) is not { } content || text.Contains(@"\boxed", StringComparison.Ordinal))
        {
            return extractor.Extract(text, budget);
        }

        string bare = $@"\boxed{{{content}}}";
        bool sentence = content.AsSpan().ContainsAny('$', '\n') || content.Contains(@"\(", StringComparison.Ordinal)
            || content.Contains(@"\[", StringComparison.Ordinal) || Word().IsMatch(content);
        ExtractedAnswer first = extractor.Extract(sentence ? content : bare, budget);
        ExtractedAnswer read = first.IsEmpty ? extractor.Extract(sentence ? bare : content, budget) : first;
        return read.IsEmpty ? extractor.Extract(text, budget) : read;
    }

    /// <summary>What stands between the last pair of tags; null when there is none, or nothing in it.</summary>
    private static string? Content(string text)
    {
        int end = text.LastIndexOf(Close, StringComparison.OrdinalIgnoreCase);
        int start = end < 0 ? -1 : text.LastIndexOf(Open, end, StringComparison.OrdinalIgnoreCase);
        string content = start < 0 ? "" : text[(start + Open.Length)..end].Trim();
        return content.Length > 0 ? content : null;
    }

    /// <summary>A word that is no command and no text of a formula: the tag holds a sentence.</summary>
    [GeneratedRegex(@"(?<![\\A-Za-z{])[A-Za-z]{3,}(?![A-Za-z}])")]
    private static partial Regex Word();
}
