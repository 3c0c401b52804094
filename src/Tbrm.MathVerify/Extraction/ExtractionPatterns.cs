using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;

namespace Tbrm.MathVerify.Extraction;

/// <summary>A regular expression and the rank at which its matches are tried.</summary>
internal sealed record RankedPattern(Regex Regex, int Priority, ExtractionTarget Target)
{
    /// <summary>A text without this string has no match; null when nothing can be said.</summary>
    public string? MustContain { get; init; }
}

/// <summary>Where Math-Verify 0.8.0 looks for answers (parser.py).</summary>
internal static class ExtractionPatterns
{
    /// <summary>
    /// The emergency brake of one regular expression on one text. What it may take is paid for before it runs
    /// (<see cref="ExtractionCost"/>), so that
    /// this is met only where the machine stands still.
    /// </summary>
    public static readonly TimeSpan MatchTimeout = TimeSpan.FromMinutes(5);

    private const string Number =
        @"(?<!\d)(?:(?<integer1>-?[1-9]\d{0,2}(?:[ ,]\d{3})+)(?<decimal1>\.\d+)?|" +
        @"(?<integer2>-?\d+)(?<decimal2>[.,]\d+)|(?<decimal3>\.\d+)|(?<integer3>-?\d+))" +
        @"(?<percent>\s*(?:%|[Pp]ercent|[Pp]ercentage|[Pp]ct))?";

    private const string Operators = @"\+\-\*\×\/\^\(\)\÷";
    private const string ExpressionCharacters = @"[\d\.\s" + Operators + "]";

    // The operator that must be there is the first one, so that only the loop behind it backtracks.
    private const string Expression =
        @"(?<expr>-?\(?-?\d[\d\.\s]*[" + Operators + "]" + ExpressionCharacters + @"+\)?)";

    private const string Currency = @"\$€£¥₹₽₪₩₫฿₡₢₣₤₥₦₧₨₩₪₫₭₮₯₰₱₲₳₴₵₶₷₸₹₺₻₼₽₾₿";
    private const string Before = @"(?:^|\s|\=)(?:\*\*)?";
    private const string After = @"(?:\*\*)?(?:\.|,|:|\s|\)|\$|$)";
    private const string AnchoredExpression = "(?:" + Before + Expression + After + ")";
    private const string AnchoredNumber = "(?:" + Before + "[" + Currency + "]?" + Number + ")";
    private const string ExpressionOrNumber = "(?:" + AnchoredExpression + "|" + AnchoredNumber + ")";

    private static readonly ConcurrentDictionary<ExtractionTarget, RankedPattern[]> s_cache = new();

    /// <summary>The patterns of a target in their order.</summary>
    public static RankedPattern[] Of(ExtractionTarget target) =>
        s_cache.GetOrAdd(target, t => t is LatexTarget latex ? Latex(latex) : Plain((PlainTarget)t));

    private static RankedPattern[] Plain(PlainTarget target)
    {
        List<(string Pattern, int Priority)> patterns =
        [
            ($@"(?i:final answer is)\:?\s*{ExpressionOrNumber}\.?\s?I hope", 0),
            ($@"(?i:final answer.{{0,100}}?)\s+is\:?{ExpressionOrNumber}", 50),
            ($@"(?i:answer):(?:.{{0,100}}=\s*|.{{0,50}}?){ExpressionOrNumber}(?!\s*=)", 100),
            ($@"(?i:answer)(?:.{{0,100}}=\s*|.{{0,50}}?){ExpressionOrNumber}(?!\s*=)", 200),
        ];
        if (target.WithoutAnchor)
        {
            patterns.Add((AnchoredExpression, 300));
            patterns.Add((AnchoredNumber, 300));
        }

        return Compile(patterns, RegexOptions.None, target);
    }

    private static RankedPattern[] Latex(LatexTarget target)
    {
        string environments = "(?:" + Environment("first_", boxed: false)
            + Joined(@"(?:\s*(?:,?and|,?or|,)\s*{0})?", boxed: false) + ")";
        List<(string Pattern, int Priority)> patterns =
        [
            ($@"(?i:final answer is)\:?\s*{environments}\.?\s?I hope", 0),
            ($@"(?i:final answer.{{0,100}}?)\s+is\:?\s*{environments}", 50),
            ($"(?i:answer):.{{0,50}}?{environments}", 100),
            ($"(?i:answer).{{0,50}}?{environments}", 200),
        ];
        if (target.WithoutAnchor)
        {
            patterns.Add((environments, 300));
        }

        RankedPattern[] compiled = Compile(patterns, RegexOptions.Singleline, target);
        if (target.BoxedPriority < 0)
        {
            return compiled;
        }

        string boxes = Environment("first_", boxed: true) + Joined(@"\s*(?:\s*(?:,?and|,?or|,)\s*{0})?", boxed: true);
        RankedPattern[] boxed = Compile(
            [(boxes, target.BoxedPriority), (@"(?<first_latexBoxed>\\boxed\{.+\})", target.BoxedPriority)],
                RegexOptions.Singleline, target);
        return [.. compiled, .. boxed.Select(p => p with { MustContain = @"\boxed{" })];
    }

    private static string Joined(string template, bool boxed)
    {
        string joined = "";
        for (int i = 1; i <= 5; i++)
        {
            joined += template.Replace("{0}", Environment($"next{i}_", boxed), StringComparison.Ordinal);
        }

        return joined;
    }

    /// <summary>
    /// A LaTeX environment with an optional percent word; its group names start with <paramref name="prefix"/>. What is
    /// inside cannot hold the
    /// closing sign, so it is taken once and for all: without that, the reference's patterns take the cube of the
    /// text's length.
    /// </summary>
    private static string Environment(string prefix, bool boxed)
    {
        string Content(string element) => (boxed ? $@"(?=(?>{element}*?\\boxed\{{)(?>{element}+?\}}))" : "")
            + $"(?>{element}+)";
        List<string> forms =
        [
            $@"(?<!\\)\$\$(?<{prefix}latexDisplayDollar>{Content(@"(?:[^$]|\$(?!\$))")})(?<!\\)\$\$",
            $@"(?<!\\)\\\[(?<{prefix}latexDisplayBracket>{Content(@"(?:[^\\]|\\(?!\]))")})(?<!\\)\\\]",
            $@"(?<!\\|\d)\$(?<{prefix}latexInlineDollar>{Content(@"(?:\\[$]|[^\n$])")})(?<!\\)\$",
            $@"(?<!\\)\\\((?<{prefix}latexInlineParenthesis>{Content(@"(?:[^\\\n]|\\(?!\)))")})(?<!\\)\\\)",
            $@"\s\[(?<{prefix}latexInlineBracket>{Content(@"[^\n\]\[]")})\]\s",
        ];
        if (!boxed)
        {
            const string SimpleNumber = @"-?\d+(?:[.,]\d+)?";
            forms.Add($@"(?<{prefix}latexFraction>-?\\frac\{{{SimpleNumber}\}}\{{{SimpleNumber}\}})");
        }

        return $@"(?:(?:{string.Join('|', forms)})\s*(?<{prefix}percent>(?:\\?%|[Pp]ercent|[Pp]ercentage|[Pp]ct))?)";
    }

    private static RankedPattern[] Compile(List<(string Pattern, int Priority)> patterns, RegexOptions options,
        ExtractionTarget target)
    {
        RegexOptions all = options | RegexOptions.CultureInvariant | RegexOptions.Compiled;
        return [.. patterns.Select(p => new RankedPattern(new Regex(p.Pattern, all, MatchTimeout), p.Priority, target)
        {
            MustContain = p.Pattern.StartsWith("(?i:", StringComparison.Ordinal) ? "answer" : null,
        })];
    }
}
