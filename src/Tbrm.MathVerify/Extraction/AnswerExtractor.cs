using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;
using Tbrm.MathVerify.Algebra;
using Tbrm.MathVerify.Qualifiers;

namespace Tbrm.MathVerify.Extraction;

/// <summary>What was read from a text: an expression, the text it stood in, both, or nothing.</summary>
/// <param name="Expression">The first match that could be parsed.</param>
/// <param name="Text">The first match as normalized text.</param>
/// <param name="Qualifier">Reads what qualifies the expression's number, which only answers that are equal without it
/// are asked for; null but in hardened grading.</param>
internal sealed record ExtractedAnswer(Expr? Expression, string? Text, Func<Qualifier>? Qualifier = null)
{
    public static readonly ExtractedAnswer None = new(null, null);

    public bool IsEmpty => Expression is null && Text is null;
}

/// <summary>Finds the answer in a text: Math-Verify's <c>parse</c>.</summary>
internal sealed partial class AnswerExtractor(IReadOnlyList<ExtractionTarget> targets, bool firstMatchOnly,
    bool hardened)
{
    // How far a formula is looked for before a number; a longer look would cost the square of a text of fragments.
    private const int LeftContext = 64;

    private readonly List<IGrouping<int, RankedPattern>> _groups =
        [.. targets.SelectMany(ExtractionPatterns.Of).GroupBy(p => p.Priority).OrderBy(g => g.Key)];

    /// <summary>Reads the answer; <see cref="ExtractedAnswer.None"/> when there is none.</summary>
    /// <exception cref="RegexMatchTimeoutException">The text made a pattern run too long.</exception>
    public ExtractedAnswer Extract(string text, Budget budget)
    {
        string source = WithoutSurrogates(text);
        budget.Spend(ExtractionCost.Of(source));
        MatchReader reader = new(source, hardened, budget);
        string? firstText = null;
        Func<Qualifier>? firstQualifier = null;
        bool found = false;
        List<UnreadSpan> refused = [];
        foreach (IGrouping<int, RankedPattern> group in _groups)
        {
            foreach ((Match match, ExtractionTarget target) in Matches(group, source, budget))
            {
                if (hardened)
                {
                    budget.Spend(16 + refused.Count);
                    if (IsFragment(match, target, source, refused))
                    {
                        continue;
                    }
                }

                if (reader.Read(match, target) is not { } read)
                {
                    return ExtractedAnswer.None; // a number that the reference's number class refuses ends its search
                }

                found = true;
                if (firstText is null && !string.IsNullOrEmpty(read.Text))
                {
                    (firstText, firstQualifier) = (read.Text, read.Qualifier);
                }

                if (read.Expression is not null)
                {
                    return new ExtractedAnswer(read.Expression, firstText, read.Qualifier);
                }

                refused.Add(new UnreadSpan(match, target, read.Text));
                if (firstMatchOnly)
                {
                    break;
                }
            }

            if (found && firstMatchOnly)
            {
                break;
            }
        }

        return new ExtractedAnswer(null, firstText, firstQualifier);
    }

    /// <summary>
    /// Whether a match is only a piece of something longer: it lies in a formula that could not be read, or it is a
    /// number with
    /// more of a formula on its right or left. What is left of an unreadable answer must not be graded in its place.
    /// </summary>
    private static bool IsFragment(Match match, ExtractionTarget target, string text, List<UnreadSpan> refused)
    {
        int end = match.Index + match.Length;
        if (refused.Any(span => span.Holds(match, target)))
        {
            return true;
        }

        if (target is not PlainTarget)
        {
            return false;
        }

        int start = UnreadSpan.NumberStart(match);
        int seen = Math.Max(0, start - LeftContext);
        return UnfinishedRight().IsMatch(text.AsSpan(end)) || UnfinishedLeft().IsMatch(text.AsSpan(seen, start - seen));
    }

    /// <summary>An operator, a power, a command other than a unit's text, a remainder's modulus or the end of a line:
    /// the formula goes on.</summary>
    [GeneratedRegex(
        @"^[ ]*(?:\\(?!\\|text|mathrm(?!\{e\})|mbox|pmod|end(?![a-z])|checkmark|(?:black)?square|q?quad|[,;:!) \]$])|" +
        @"\^(?!\{?[ ]*(?:\\circ|\\(?:text|mathrm)\{(?:st|nd|rd|th)\}|(?:st|nd|rd|th)\}))|" +
        @"[_!/+{(|]|\*(?!\*)|-[ ]*[\d\\]|\d)")]
    private static partial Regex UnfinishedRight();

    /// <summary>An operator, a command or another number: the formula began before. Two asterisks are emphasis, a
    /// backslash and a blank are a blank.</summary>
    [GeneratedRegex(
        @"(?:(?:\\(?! )|[\^_{]|(?<!\\)\()[ ]*|[\w)}\]][ ]*(?:[-+/]|(?<!\*)\*)[ ]*|" +
        @"\\(?!q?quad|(?:long|Long)?[rR]ightarrow|implies|therefore|approx|boxed|fbox|bf|rm|it|large|Large|" +
        @"displaystyle)[a-zA-Z]+[ ]*|\d[ ]*)\z")]
    private static partial Regex UnfinishedLeft();

    // Rightmost end first, then leftmost start; ties in the order of the patterns.
    private static IEnumerable<(Match Match, ExtractionTarget Target)> Matches(
        IEnumerable<RankedPattern> patterns, string text, Budget budget)
    {
        List<(Match Match, ExtractionTarget Target)> matches = [];
        foreach (RankedPattern pattern in patterns)
        {
            budget.Spend(1 + text.Length / 64);
            if (pattern.MustContain is { } needed && !text.Contains(needed, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            for (Match match = pattern.Regex.Match(text); match.Success; match = match.NextMatch())
            {
                budget.Spend(16);
                matches.Add((match, pattern.Target));
            }
        }

        return matches.OrderByDescending(m => m.Match.Index + m.Match.Length).ThenBy(m => m.Match.Index);
    }

    /// <summary>Characters outside the basic plane as one private character each, so that lengths count characters as
    /// the reference does.</summary>
    private static string WithoutSurrogates(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return text;
        }

        StringBuilder result = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            result.Append(rune.IsBmp ? (char)rune.Value : (char)(0xE000 + (rune.Value % 6400)));
        }

        return result.ToString();
    }
}
