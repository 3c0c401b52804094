using System;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Threading;
using Tbrm.Core.Rewards;

namespace Tbrm.Verify.Graders;

/// <summary>
/// verl's rule for DAPO-Math: the last <c>Answer: ...</c> of the last 300 characters equals the ground truth after
/// normalization as text, or as a number unless <c>exact</c> is set; with <c>strict_box_verify</c>, the last box of the
/// last 100 characters instead. Score 1 or -1.
/// </summary>
public sealed partial class MathDapoGrader : IGrader
{
    private const int Tail = 300;
    private const int BoxTail = 100;

    private static readonly (string Old, string New)[] s_substitutions =
    [
        ("an ", ""), ("a ", ""), (".$", "$"), (@"\$", ""), (@"\ ", ""), (" ", ""), ("mbox", "text"),
            (@",\text{and}", ","), (@"\text{and}", ","),
        (@"\text{m}", @"\text{}"),
    ];

    private static readonly string[] s_removed =
    [
        "square", "ways", "integers", "dollars", "mph", "inches", "hours", "km", "units", @"\ldots", "sue", "points",
            "feet", "minutes", "digits",
        "cents", "degrees", "cm", "gm", "pounds", "meters", "meals", "edges", "students", "childrentickets",
            "multiples", @"\text{s}", @"\text{.}",
        "\\text{\ns}", @"\text{}^2", @"\text{}^3", "\\text{\n}", @"\text{}", @"\mathrm{th}", @"^\circ", @"^{\circ}",
            @"\;", @",\!", "{,}", "\"", @"\dots",
    ];

    private readonly JsonObject? _options;

    /// <summary>A grader with these options; a row's own options override them.</summary>
    public MathDapoGrader(JsonObject? options = null)
    {
        _options = options;
        Read(null);
    }

    /// <inheritdoc/>
    public string Name => "math_dapo";

    /// <inheritdoc/>
    public GradeResult Grade(GradeRequest request, CancellationToken stop)
    {
        (bool isBoxed, bool exact) = Read(request.ExtraInfo);
        return request.AgainstEach(gold => Grade(request, gold, isBoxed, exact));
    }

    private static GradeResult Grade(GradeRequest request, string gold, bool isBoxed, bool exact)
    {
        string tail = CodePoints.Last(request.Solution, Tail);
        string? answer;
        bool correct;
        if (isBoxed)
        {
            answer = LatexBoxes.LastContent(CodePoints.Last(tail, BoxTail));
            correct = answer == gold;
        }
        else
        {
            MatchCollection matches = Answer().Matches(tail);
            answer = matches.Count > 0 ? Normalize(matches[^1].Groups[1].Value) : null;
            correct = (answer ?? "[INVALID]") == Normalize(gold);
        }

        correct |= !exact && answer is not null && PlainNumber.AreEqual(answer, gold);
        return answer is null && !correct
            ? new GradeResult(-1, GradeStatus.NoAnswer, null, "no answer in the last 300 characters")
            : new GradeResult(correct ? 1 : -1, GradeStatus.Ok, answer);
    }

    // Python's \s has the separators U+001C to U+001F as well, and its "s" without case also stands for the long s.
    [GeneratedRegex(@"An[s\u017F]wer[\s\x1C-\x1F]*:[\s\x1C-\x1F]*([^\n]+)",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Answer();

    [GeneratedRegex(@"(.*?)(\$)(.*?)(\$)(.*)")]
    private static partial Regex Dollars();

    [GeneratedRegex(@"\\text\{(.*?)\}")]
    private static partial Regex Text();

    [GeneratedRegex(@"\\textbf\{(.*?)\}")]
    private static partial Regex Bold();

    [GeneratedRegex(@"\\overline\{(.*?)\}")]
    private static partial Regex Overline();

    [GeneratedRegex(@"\\boxed\{(.*)\}")]
    private static partial Regex Boxed();

    [GeneratedRegex(@"(frac)((?>[\uD800-\uDBFF][\uDC00-\uDFFF]|[^{]))((?>[\uD800-\uDBFF][\uDC00-\uDFFF]|.))")]
    private static partial Regex BareFraction();

    [GeneratedRegex(@"(sqrt)([\uD800-\uDBFF][\uDC00-\uDFFF]|[^{])")]
    private static partial Regex BareRoot();

    private static string Normalize(string answer)
    {
        string text = answer[(answer.LastIndexOf('=') + 1)..];
        foreach ((string old, string replacement) in s_substitutions)
        {
            text = text.Replace(old, replacement, StringComparison.Ordinal);
        }

        foreach (string removed in s_removed)
        {
            text = text.Replace(removed, "", StringComparison.Ordinal);
        }

        text = Dollars().Replace(text, "$$$3$$");
        text = Text().Replace(text, "$1");
        text = Bold().Replace(text, "$1");
        text = Overline().Replace(text, "$1");
        text = Boxed().Replace(text, "$1");
        text = BareFraction().Replace(text, "frac{$2}{$3}");
        text = BareRoot().Replace(text, "sqrt{$2}").Replace("$", "", StringComparison.Ordinal);
        string digits = text.Replace(",", "", StringComparison.Ordinal);
        return CodePoints.Strip(CodePoints.AreDigits(digits) ? digits : text);
    }

    private (bool IsBoxed, bool Exact) Read(JsonObject? row)
    {
        GraderOptions options = new(row, _options);
        return (options.Flag("strict_box_verify", false), options.Flag("exact", false));
    }
}
