using System;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;
using Tbrm.MathVerify.Algebra;

namespace Tbrm.MathVerify.Latex;

/// <summary>Which repairs are made before LaTeX is parsed.</summary>
/// <param name="Boxed">Which boxes count.</param>
/// <param name="MalformedOperators">Whether <c>\frac12</c>, <c>sqrt(3)</c> and <c>a/b</c> are repaired.</param>
/// <param name="Nits">Whether a leading point gets its zero.</param>
internal sealed record NormalizationOptions(BoxedMode Boxed = BoxedMode.All, bool MalformedOperators = true,
    bool Nits = true);

/// <summary>Repairs LaTeX as models write it, in the order of latex2sympy2_extended 1.10.2
/// (math_normalization.py).</summary>
internal static partial class LatexNormalizer
{
    /// <summary>Words that are dropped after a number at the end, as regular expressions.</summary>
    private const string Units =
        "integerpoint|feet|sue|digit|pound|meal|edge|student|children ticket|multiple|east|degree|mph|kmph|ft|m "
            + "square|" +
        " m east|sq m|deg|mile|q .|monkey|prime|ratio|profit of rs|rd|o|gm|p . m|lb|tile|per|dm|lt|gain|ab|way|west|" +
        "a .|b .|c .|d .|e .|f .|g .|h .|t|h|no "
            + "change|men|soldier|pie|bc|excess|st|inches|noon|cent|by|gal|kmh|c|acre|" +
        "rise|a . m|th|π r 2|sq|mark|l|toy|coin|sq . m|gallon|° f|profit|minw|yr|women|am|pm|hr|cu cm|square|v â € ™|" +
        "are|rupee|rounds|cubic|cc|mtr|s|ohm|number|day|hour|minute|min|second|man|woman|sec|cube|mt|sq inch|mp|∏ cm "
            + "³|" +
        "hectare|more|unit|cu . m|cm 2|rs "
            + ".|rs|kg|g|month|km|m|cm|mm|apple|liter|loss|yard|pure|year|increase|decrease|" +
        "d|less|Surface|litre|pi sq m|s .|metre|meter|inch";

    private static readonly string[] s_replacements =
    [
        @"\text", @"\text", @"\frac", " 0.", "{0.", @"\approx", ",", ",", ",", " ", @"\infty", " ", @"\%", @"\%", @"\%",
            @"\%", @"\%", @"\%",
        @"\infty", @"\sqrt",
    ];

    /// <summary>The repairs of <paramref name="text"/>.</summary>
    public static string Normalize(string text, NormalizationOptions options) => Normalize(text, options, out _, out _);

    /// <summary>The repairs, and the units that they cost.</summary>
    /// <param name="text">The text.</param>
    /// <param name="options">The repairs.</param>
    /// <param name="kept">The text before its units were dropped, without them.</param>
    /// <param name="dropped">What was cut off its end.</param>
    public static string Normalize(string text, NormalizationOptions options, out string kept, out string dropped)
    {
        string content = BoxedContent.Extract(text, options.Boxed);
        Budget.Charge(NormalizationCost.Of(content));
        string result = BasicLatex(content);
        (kept, dropped) = DropUnits(result);
        result = kept;
        if (options.Nits)
        {
            result = result.StartsWith('.') ? "0" + result : result;
            result = result == "0.5" ? @"\frac{1}{2}" : result;
        }

        if (options.MalformedOperators)
        {
            result = SlashFraction(Fractions(SquareRoots(MalformedOperators(result))));
        }

        return result.Trim();
    }

    [GeneratedRegex(
        @"\\m?left(\\\{|\{|\\\||\||\[|\(|\\rbracl|\\lgroup|\\lbrace|\\lbrack|\\vert|\\lvert|\\lceil|\\lfloor|\\vert|" +
        @"\\lvert|\\langle|\\llcorner|\\ulcorner)")]
    private static partial Regex Left();

    [GeneratedRegex(
        @"\\m?right(\\\}|\}|\\\||\||\]|\)|\\rbrack|\\rgroup|\\rbrace|\\rbrack|\\vert|\\rvert|\\rceil|\\rfloor|\\vert|" +
        @"\\rvert|\\rangle|\\lrcorner|\\urcorner)")]
    private static partial Regex Right();

    [GeneratedRegex(@"\(([a-zA-Z0-9+\-*/\\ ]+?)\)_\{([a-zA-Z0-9+\-*/\\ ]+?)\}")]
    private static partial Regex FallingFactorial();

    [GeneratedRegex(@"\\mathrm\{th\}|\\!\s*|\\text\s*\{\s*\}|\\\$|\$|(?<!\\)[""']|\\displaystyle")]
    private static partial Regex Useless();

    /// <summary>One group for each entry of s_replacements; "percentage" stands before "percent", of which it is a
    /// longer form.</summary>
    [GeneratedRegex(
        @"(\\math(?:rm|it|bf))|(\\text(?:normal|bf|it|rm))|(\\(?:d|t|c)frac)|(\s\.)|(\{\.)|(~=)|(\s*\{\s*,\s*\})|" +
        @"((?<![a-zA-Z]),?\s*(?:and|or)(?![a-zA-Z]))|(,?\s*\\text\{\s*(?:and|or)\s*\})|((?<!\\)\\\s)|(infinity)|" +
        @"(,?\\ldots)|(\s*percentage)|(\\text\{percentage\})|(\s*percent)|(\\text\{percent\})|(\s*pct)|" +
        @"(\\text\{pct\})|((?<!\\)inf(?!inity))|( sqrt)")]
    private static partial Regex Replaceable();

    [GeneratedRegex(@"\\\\(?=[a-zA-Z])")]
    private static partial Regex DoubledBackslash();

    [GeneratedRegex(@"(\\(?:text|mbox)\{.*?\})(\^\d|\{\^\d\})?$")]
    private static partial Regex UnitWithPower();

    [GeneratedRegex(@"(\d|\}|\s)\s*(?:(?:" + Units + @")(?:s|es)?)\s*$")]
    private static partial Regex UnitWord();

    [GeneratedRegex(@"\^\s?\((.*?)\)")]
    private static partial Regex ParenthesizedPower();

    [GeneratedRegex(@"sqrt\s?\((.*?)\)")]
    private static partial Regex ParenthesizedRoot();

    [GeneratedRegex(@"\\frac\s?(\d)\s?(\d+)")]
    private static partial Regex BareFraction();

    [GeneratedRegex(@"\\log_\s?(\d)\s?(\d+)")]
    private static partial Regex BareLogarithm();

    [GeneratedRegex(@"\\frac\s?\{(.*?)\}\s?(\d)")]
    private static partial Regex BareDenominator();

    [GeneratedRegex(@"\\frac\s?(\d)\s?\{(.*?)\}")]
    private static partial Regex BareNumerator();

    [GeneratedRegex(@"\\sqrt\s?(\d)")]
    private static partial Regex BareRoot();

    [GeneratedRegex(@"^(0|-?[1-9][0-9]*)/(0|-?[1-9][0-9]*)\z")]
    private static partial Regex IntegerSlashInteger();

    private static string BasicLatex(string text)
    {
        string result = text.Replace(@"\mathrm{T}", "T", StringComparison.Ordinal)
            .Replace(@"\mathrm{d}", "d", StringComparison.Ordinal)
            .Replace(@"{\rm d}", "d", StringComparison.Ordinal)
            .Replace(@"\left[\begin{matrix}", @"\begin{bmatrix}", StringComparison.Ordinal)
            .Replace(@"\end{matrix}\right]", @"\end{bmatrix}", StringComparison.Ordinal);
        result = Left().Replace(result, "$1");
        result = Right().Replace(result, "$1");
        result = FallingFactorial().Replace(result, @"\frac{($1)!}{(($1)-($2))!}");
        result = Useless().Replace(result, "");
        result = Replaceable().Replace(result, Replacement);
        result = result.Replace('\n', ' ').Replace('\t', ' ');
        return result.Contains("matrix", StringComparison.Ordinal) ? result : DoubledBackslash().Replace(result, @"\");
    }

    private static string Replacement(Match match)
    {
        int group = 1;
        while (!match.Groups[group].Success)
        {
            group++;
        }

        return s_replacements[group - 1];
    }

    private static (string Kept, string Dropped) DropUnits(string text)
    {
        string dropped = "";
        string shorter = UnitWithPower().Replace(text, "").Trim();
        string result = text;
        if (shorter.Length > 0)
        {
            dropped = UnitWithPower().Match(text).Value;
            result = shorter;
        }

        for (int i = 0; i < 2; i++)
        {
            shorter = UnitWord().Replace(result, "$1");
            if (shorter.Length > 0)
            {
                dropped = result[Math.Min(shorter.Length, result.Length)..] + dropped;
                result = shorter;
            }
        }

        return (result, dropped);
    }

    private static string MalformedOperators(string text)
    {
        string result = ParenthesizedPower().Replace(text, "^{$1}");
        result = ParenthesizedRoot().Replace(result, @"\sqrt{$1}");
        result = BareFraction().Replace(result, @"\frac{$1}{$2}");
        result = BareLogarithm().Replace(result, @"\log_{$1}{$2}");
        result = BareDenominator().Replace(result, @"\frac{$1}{$2}");
        result = BareNumerator().Replace(result, @"\frac{$1}{$2}");
        result = BareRoot().Replace(result, @"\sqrt{$1}");
        return result.Replace(" sqrt", @"\sqrt", StringComparison.Ordinal);
    }

    private static string SquareRoots(string text)
    {
        string[] parts = text.Split(@"\sqrt");
        return parts[0] + string.Concat(parts.Skip(1).Select(part =>
        {
            string argument = part.TrimStart();
            return argument.Length > 0 && argument[0] is not ('{' or '[') ? $@"\sqrt{{{argument[0]}}}{argument[1..]}"
                : @"\sqrt" + argument;
        }));
    }

    private static string Fractions(string text)
    {
        string[] parts = text.Split(@"\frac");
        StringBuilder result = new(parts[0], text.Length + 2 * parts.Length);
        foreach (string part in parts.Skip(1))
        {
            string rest = part.TrimStart();
            if (rest.StartsWith('{'))
            {
                result.Append(@"\frac").Append(rest);
            }
            else if (rest.Length < 2)
            {
                return text;
            }
            else
            {
                _ = rest[1] == '{'
                    ? result.Append($@"\frac{{{rest[0]}}}").Append(rest.AsSpan(1))
                    : result.Append($@"\frac{{{rest[0]}}}{{{rest[1]}}}").Append(rest.AsSpan(2));
            }
        }

        return result.ToString();
    }

    private static string SlashFraction(string text) => IntegerSlashInteger().Replace(text, @"\frac{$1}{$2}");
}
