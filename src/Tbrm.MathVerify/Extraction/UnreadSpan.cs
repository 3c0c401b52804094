using System;
using System.Linq;
using System.Text.RegularExpressions;

namespace Tbrm.MathVerify.Extraction;

/// <summary>A match that could not be read as an expression. In hardened grading, what stands in it does not count as
/// an answer of its own.</summary>
/// <param name="Match">Where it is.</param>
/// <param name="Target">What it was matched as.</param>
/// <param name="Text">Its normalized text.</param>
internal sealed partial record UnreadSpan(Match Match, ExtractionTarget Target, string? Text)
{
    // A number with its decoration is short, and the patterns below are not made for long texts.
    private const int MaxDecorated = 256;

    /// <summary>Whether another match is a piece of this one that means less than the whole.</summary>
    public bool Holds(Match match, ExtractionTarget target)
    {
        bool overlaps = Match.Index < match.Index + match.Length && match.Index < Match.Index + Match.Length;
        return overlaps && (target is PlainTarget ? !IsDecorated(match) : match.Length < Match.Length);
    }

    /// <summary>Where the number or the arithmetic of a match begins, behind words such as "answer:".</summary>
    public static int NumberStart(Match match) => match.Groups.Values
        .Where(g => g.Success
            && (g.Name == "expr" || g.Name.StartsWith("integer", StringComparison.Ordinal)
            || g.Name.StartsWith("decimal", StringComparison.Ordinal)))
        .Min(g => g.Index);

    /// <summary>Whether the span is the number and nothing else that counts: emphasis, a full stop, a unit, a label or
    /// a font around it.</summary>
    private bool IsDecorated(Match match)
    {
        string number = match.Value[(NumberStart(match) - match.Index)..];
        string whole = Target is PlainTarget
            ? Match.Value[(NumberStart(Match) - Match.Index)..]
            : Match.Groups.Values.First(g => g.Length > 0
                && g.Name.StartsWith("first_latex", StringComparison.Ordinal)).Value;
        bool single = !Match.Groups.Values.Any(
            g => g.Length > 0 && g.Name.StartsWith("next1_", StringComparison.Ordinal));
        return single && whole.Length <= MaxDecorated && (Text?.Length ?? 0) <= MaxDecorated
            && (Bare(whole) == Bare(number) || (Text is not null && Bare(Text) == Bare(number)));
    }

    private static string Bare(string text) => Blanks()
        .Replace(Punctuation().Replace(Decoration().Replace(text, " "), ""), "");

    /// <summary>
    /// Words in a font of text (a unit, a label such as (B)), degrees, ordinals, fonts and sizes, "about", spacing, and
    /// letters of scripts that formulas are not written in, save those that are numbers themselves.
    /// </summary>
    [GeneratedRegex(
        @"\\(?:text|textbf|textit|textrm|mbox|mathrm)[ ]*\{[^{}\d\\]{2,}\}"
        + @"|\^\{?[ ]*(?:\\circ|\\(?:text|mathrm)\{(?:st|nd|rd|th)\})[ ]*\}?|\^\{(?:st|nd|rd|th)\}"
        + @"|\\(?:approx|displaystyle|bf|rm|it|large|Large|q?quad|checkmark|(?:black)?square)(?![a-zA-Z])"
        + @"|\\[ ,;:!]|~|°[CF]?|[\p{Lo}-[万亿億萬千百十兆半倍割分成]]+")]
    private static partial Regex Decoration();

    [GeneratedRegex(@"^[\s*]*\*{2}|(?:(?<!\.)[.,;。，]?\**[.,;。，]?)\s*\z")]
    private static partial Regex Punctuation();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
