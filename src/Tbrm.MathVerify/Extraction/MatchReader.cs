using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using Tbrm.MathVerify.Algebra;
using Tbrm.MathVerify.Latex;
using Tbrm.MathVerify.Qualifiers;

namespace Tbrm.MathVerify.Extraction;

/// <summary>Turns one match into an expression and a text.</summary>
internal sealed partial class MatchReader(string source, bool hardened, Budget budget)
{
    /// <summary>How far behind an answer its unit is looked for.</summary>
    private const int RightContext = 48;

    private const string Currency = "$€£¥₹₽₩";

    /// <summary>Signs that variables may be complex.</summary>
    [GeneratedRegex(
        @"\\mathbb\{C\}|\\i\b|\bi\b|\\text\{i\}|\\mathrm\{i\}|\\imath\b|\\det|\\operatorname\{tr\}|" +
        @"\\operatorname\{rank\}|\\text\{rank\}|\\arg\{|\\Re\{|\\Im\{|\\operatorname\{Re\}|\\operatorname\{Im\}|" +
        @"\\text\{Re\}|\\text\{Im\}")]
    private static partial Regex LooksComplex();

    [GeneratedRegex(@"(?<!\\|\<|\!|\>)=")]
    private static partial Regex EqualsSign();

    /// <summary>A list that is cut short says nothing about what was left out.</summary>
    [GeneratedRegex(@"\\[lc]?dots|\.\.\.|\u2026")]
    private static partial Regex Ellipsis();

    /// <summary>The expression (null if it cannot be parsed) and its text; null as a whole when the reference gives up
    /// on the answer.</summary>
    public ExtractedAnswer? Read(Match match, ExtractionTarget target)
    {
        budget.Spend(16);
        return target is LatexTarget latex ? ReadLatex(match, latex) : ReadPlain(match);
    }

    /// <summary>Parses normalized LaTeX; a chain that fails as a whole counts as what stands after its last equals
    /// sign.</summary>
    public Expr? ParseLatex(string latex)
    {
        try
        {
            return LatexConverter.Convert(latex, !LooksComplex().IsMatch(latex), budget);
        }
        catch (LatexException)
        {
        }

        if (latex.AsSpan().ContainsAny(',', ';'))
        {
            return null;
        }

        string[] parts = EqualsSign().Split(latex);
        if (parts.Length <= 2)
        {
            return null;
        }

        try
        {
            return LatexConverter.Convert(parts[^1], !LooksComplex().IsMatch(parts[^1]), budget);
        }
        catch (LatexException)
        {
            return null;
        }
    }

    private ExtractedAnswer ReadLatex(Match match, LatexTarget target)
    {
        NormalizationOptions options = target.Normalization ?? new NormalizationOptions();
        List<Expr?> expressions = [];
        List<string> texts = [];
        Func<Qualifier>? qualifier = null;
        foreach (string prefix in (string[])["first_", "next1_", "next2_", "next3_", "next4_", "next5_"])
        {
            Group? group = match.Groups.Values.FirstOrDefault(
                g => g.Length > 0 && g.Name.StartsWith(prefix + "latex", StringComparison.Ordinal));
            if (group is null)
            {
                continue;
            }

            bool greedy = group.Name == "first_latexBoxed";
            BoxedMode boxes = hardened ? BoxedMode.Joined : greedy ? BoxedMode.Last : options.Boxed;
            string text = LatexNormalizer.Normalize(
                group.Value, options with { Boxed = boxes }, out string kept, out string dropped);
            if (hardened && expressions.Count == 0)
            {
                qualifier = () => QualifierReader.Read(BoxedContent.Extract(group.Value, boxes), kept, dropped,
                    After(match, group));
            }

            Expr? expression = hardened && Ellipsis().IsMatch(group.ValueSpan) ? null : ParseLatex(text);
            bool percent = match.Groups[prefix + "percent"].Success;
            texts.Add(text);
            expressions.Add(percent && expression is not null ? Percent(expression) : expression);
        }

        if (expressions.Count > 1 && !expressions.Contains(null))
        {
            return new ExtractedAnswer(
                new FiniteSetExpr(expressions.SelectMany(e => e is FiniteSetExpr set ? set.Elements : [e!])),
                    string.Join(" and ", texts));
        }

        return expressions.Count == 0 ? new ExtractedAnswer(null, "")
            : new ExtractedAnswer(expressions[0], texts[0], qualifier);
    }

    /// <summary>What stands behind the last box of a group, or behind the match.</summary>
    private string After(Match match, Group group)
    {
        int box = BoxedContent.LastEnd(group.Value);
        return Following(box < 0 ? match.Index + match.Length : group.Index + box);
    }

    private string Following(int at) => source.Substring(at, Math.Min(RightContext, source.Length - at));

    // An equation has no percentage.
    private static Expr? Percent(Expr value) => value is RelationExpr ? null : Build.Percent(value);

    private ExtractedAnswer? ReadPlain(Match match)
    {
        string integer = FirstGroup(match, "integer1", "integer2", "integer3");
        string fraction = FirstGroup(match, "decimal1", "decimal2", "decimal3");
        if (integer.Length == 0 && fraction.Length == 0)
        {
            string text = match.Groups["expr"].Value;
            return new ExtractedAnswer(PlainExpressionParser.TryParse(
                text.Replace('\n', ' ').Replace("^", "**", StringComparison.Ordinal), budget), text);
        }

        integer = integer.Replace(",", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal)
            .TrimStart('0');
        string number = (integer.Length == 0 ? "0" : integer) + fraction.Replace(',', '.');
        if (!PlainExpressionParser.IsPythonNumber(number.TrimStart('-')))
        {
            return null;
        }

        try
        {
            Expr value = NumberReader.Read(number);
            return new ExtractedAnswer(match.Groups["percent"].Success ? Build.Percent(value) : value, number,
                hardened ? () => OfPlainNumber(match) : null);
        }
        catch (LatexException)
        {
            return null;
        }
    }

    /// <summary>The words behind a number, and the currency before it, unless the dollar signs around it are those of
    /// LaTeX.</summary>
    private Qualifier OfPlainNumber(Match match)
    {
        int start = UnreadSpan.NumberStart(match), end = match.Index + match.Length;
        char before = start > 0 ? source[start - 1] : ' ';
        bool money = Currency.Contains(before, StringComparison.Ordinal)
            && !(before == '$' && Following(end).Contains('$', StringComparison.Ordinal));
        return QualifierReader.Read((money ? before.ToString() : "") + source[start..end], "", "", Following(end));
    }

    private static string FirstGroup(Match match, params string[] names)
    {
        foreach (string name in names)
        {
            if (match.Groups[name].Length > 0)
            {
                return match.Groups[name].Value;
            }
        }

        return "";
    }
}
