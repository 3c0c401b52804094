using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;

namespace Tbrm.Verify;

/// <summary>The forms in which answers are given, and which of them a prompt asks for.</summary>
internal static partial class AnswerForms
{
    private static readonly (Regex Asked, Func<string, string> Give)[] s_forms =
    [
        (Boxed(), answer => $"\\boxed{{{answer}}}"),
        (Hashes(), answer => $"#### {answer}"),
        (AnswerLine(), answer => $"Answer: {answer}"),
        (Tags(), answer => $"<answer> {answer} </answer>"),
    ];

    /// <summary>The answer in every form that a built-in grader reads: a box, a marked number, an answer
    /// line.</summary>
    public static string All(string answer) => $"\\boxed{{{answer}}}\n#### {answer}\nAnswer: {answer}";

    /// <summary>A number as a model writes it: without leading zeros, thousands' commas, a fraction of zeros, dollars
    /// around it; null where that is the text itself.</summary>
    public static string? Plain(string answer)
    {
        string bare = answer.Trim().Trim('$').Trim();
        if (Number().Match(bare) is not { Success: true } number)
        {
            return null;
        }

        string digits = number.Groups["whole"].Value.Replace(",", "", StringComparison.Ordinal).TrimStart('0');
        string fraction = number.Groups["fraction"].Value.TrimEnd('0').Length > 0
            ? "." + number.Groups["fraction"].Value : "";
        string plain = number.Groups["sign"].Value + (digits.Length > 0 ? digits : "0") + fraction;
        return plain == answer ? null : plain;
    }

    /// <summary>How an answer is given as a prompt asks for it, all forms that it names in their order; null when it
    /// names none.</summary>
    public static Func<string, string>? AskedIn(string prompt)
    {
        List<(int At, Func<string, string> Give)> asked =
            [.. s_forms.Select(form =>
            (form.Asked.Matches(prompt).Select(m => m.Index).DefaultIfEmpty(-1).Last(), form.Give))
            .Where(form => form.Item1 >= 0)];
        return asked.Count == 0 ? null
            : answer => string.Join('\n', asked.OrderBy(form => form.At).Select(form => form.Give(answer)));
    }

    [GeneratedRegex(@"\\boxed\b")]
    private static partial Regex Boxed();

    [GeneratedRegex("####")]
    private static partial Regex Hashes();

    // A prompt that ends in "Answer:" asks for nothing but the answer.
    [GeneratedRegex(@"(form|with|after|line|write|as)\b[^.\n]{0,40}[""'\u201C`*]*Answer:(?!\s*\z)",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex AnswerLine();

    [GeneratedRegex("</answer>")]
    private static partial Regex Tags();

    [GeneratedRegex(@"^(?<sign>-?)(?<whole>[0-9]+|[0-9]{1,3}(,[0-9]{3})+)(\.(?<fraction>[0-9]+))?$")]
    private static partial Regex Number();
}
