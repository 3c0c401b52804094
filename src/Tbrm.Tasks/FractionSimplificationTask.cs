using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using System.Text;
using System.Text.Json.Nodes;
using Tbrm.Core.Errors;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>Parameters of <see cref="FractionSimplificationTask"/>.</summary>
public sealed record FractionSimplificationConfig : TaskConfig
{
    private static readonly string[] s_styles = ["plain", "latex_inline", "latex_frac", "latex_dfrac"];

    /// <summary>The smallest numerator or denominator in lowest terms.</summary>
    public BigInteger MinValue { get; init; } = 1;

    /// <summary>The largest numerator or denominator in lowest terms.</summary>
    public BigInteger MaxValue { get; init; } = 1000;

    /// <summary>The smallest factor that is multiplied in.</summary>
    public BigInteger MinFactor { get; init; } = 1;

    /// <summary>The largest factor that is multiplied in.</summary>
    public BigInteger MaxFactor { get; init; } = 100;

    /// <summary>How fractions may be written: <c>plain</c>, <c>latex_inline</c>, <c>latex_frac</c>,
    /// <c>latex_dfrac</c>.</summary>
    public IReadOnlyList<string> Styles { get; init; } = s_styles;

    internal override void Validate()
    {
        Require(MinValue > 0, "min_value must be positive");
        Require(MaxValue > MinValue, "max_value must be > min_value");
        Require(MinFactor >= 1, "min_factor must be at least 1");
        Require(MaxFactor >= MinFactor, "max_factor must be >= min_factor");
        Require(Styles.Count > 0, "styles must not be empty");
        foreach (string style in Styles)
        {
            Require(s_styles.Contains(style),
                $"styles: '{style}' is not one of {string.Join(", ", s_styles)}{NearestName.Hint(style, s_styles)}");
        }
    }
}

/// <summary>Fractions to reduce to lowest terms (reasoning-gym <c>arithmetic/fraction_simplification.py</c>).</summary>
public sealed class FractionSimplificationTask(FractionSimplificationConfig config)
    : ReasoningTask<FractionSimplificationConfig>(TaskName, config)
{
    /// <summary>The name in the registry.</summary>
    public const string TaskName = "fraction_simplification";

    private const int Tries = 10;

    /// <summary>
    /// 1 for the reduced fraction in any of the styles, 0.1 where numerator or denominator is the question's own, 0.05
    /// for another fraction,
    /// 0.01 for anything else.
    /// </summary>
    public override double Score(string? answer, TaskItem entry)
    {
        if (answer is null || ReadFraction(answer) is not (BigInteger numerator, BigInteger denominator))
        {
            return 0.01;
        }

        if (numerator == TaskJson.RequiredInteger(entry.Metadata, "simplified_numerator")
            && denominator == TaskJson.RequiredInteger(entry.Metadata, "simplified_denominator"))
        {
            return 1;
        }

        return numerator == TaskJson.RequiredInteger(entry.Metadata, "numerator")
            || denominator == TaskJson.RequiredInteger(entry.Metadata, "denominator") ? 0.1 : 0.05;
    }

    private protected override TaskItem Generate(long index, PythonRandom random)
    {
        (BigInteger numerator, BigInteger denominator) = DrawReduced(random);
        BigInteger factor = random.RandInt(Config.MinFactor, Config.MaxFactor);
        string style = Config.Styles[random.RandInt(0, Config.Styles.Count - 1)];
        JsonObject metadata = TaskJson.Metadata(Name, index);
        metadata["numerator"] = TaskJson.Integer(numerator * factor);
        metadata["denominator"] = TaskJson.Integer(denominator * factor);
        metadata["simplified_numerator"] = TaskJson.Integer(numerator);
        metadata["simplified_denominator"] = TaskJson.Integer(denominator);
        metadata["reduction_factor"] = TaskJson.Integer(factor);
        metadata["style"] = style;
        metadata["factor"] = TaskJson.Integer(factor);
        metadata["difficulty"] = new JsonObject
        {
            ["value"] = TaskJson.Range(Config.MinValue, Config.MaxValue),
            ["factor"] = TaskJson.Range(Config.MinFactor, Config.MaxFactor),
        };
        return new TaskItem(
            $"Simplify the fraction {Format(numerator * factor, denominator * factor, style)} to its lowest terms. "
            + "Give only the simplified fraction as your final answer.",
            Format(numerator, denominator, style),
            metadata);
    }

    /// <summary>A fraction below 1 in lowest terms and within the bounds; after ten failures, as in the package, just
    /// any two numbers.</summary>
    private (BigInteger Numerator, BigInteger Denominator) DrawReduced(PythonRandom random)
    {
        for (int i = 0; i <= Tries; i++)
        {
            BigInteger a = random.RandInt(Config.MinValue, Config.MaxValue);
            BigInteger b = random.RandInt(Config.MinValue, Config.MaxValue);
            BigInteger common = i < Tries ? BigInteger.GreatestCommonDivisor(a, b) : BigInteger.One;
            (a, b) = (a / common, b / common);
            if (a >= Config.MinValue && b >= Config.MinValue)
            {
                return a > b ? (b, a) : (a, b);
            }
        }

        throw new InvalidOperationException("the last draw is always within the bounds");
    }

    private static string Format(BigInteger numerator, BigInteger denominator, string style)
    {
        (string top, string bottom) = (PythonInteger.Str(numerator), PythonInteger.Str(denominator));
        return style switch
        {
            "plain" => $"{top}/{bottom}",
            "latex_inline" => $"${top}/{bottom}$",
            "latex_frac" => $$"""$\frac{{{top}}}{{{bottom}}}$""",
            _ => $$"""$\dfrac{{{top}}}{{{bottom}}}$""",
        };
    }

    private static (BigInteger Numerator, BigInteger Denominator)? ReadFraction(string answer)
    {
        ReadOnlySpan<char> text = PythonText.Strip(PythonText.Strip(answer.AsSpan()).Trim('$'));
        if (TryLatexParts(text, out ReadOnlySpan<char> top, out ReadOnlySpan<char> bottom))
        {
            return Both(top, bottom);
        }

        int slash = text.IndexOf('/');
        return slash < 0 ? null : Both(text[..slash], text[(slash + 1)..]);
    }

    private static (BigInteger, BigInteger)? Both(ReadOnlySpan<char> top, ReadOnlySpan<char> bottom)
    {
        return PythonInteger.TryParse(top, 10, out BigInteger numerator)
            && PythonInteger.TryParse(bottom, 10, out BigInteger denominator)
            ? (numerator, denominator) : null;
    }

    /// <summary>The digits in <c>\frac{..}{..}</c> or <c>\dfrac{..}{..}</c> at the start of a text, in any case, blanks
    /// allowed.</summary>
    private static bool TryLatexParts(ReadOnlySpan<char> text, out ReadOnlySpan<char> top,
        out ReadOnlySpan<char> bottom)
    {
        bottom = default;
        top = default;
        int command = text.StartsWith("\\frac", StringComparison.OrdinalIgnoreCase) ? 5
            : text.StartsWith("\\dfrac", StringComparison.OrdinalIgnoreCase) ? 6 : 0;
        return command > 0 && TryBraced(text[command..], out top, out ReadOnlySpan<char> rest)
            && TryBraced(rest, out bottom, out _);
    }

    private static bool TryBraced(ReadOnlySpan<char> text, out ReadOnlySpan<char> digits, out ReadOnlySpan<char> rest)
    {
        digits = default;
        rest = default;
        text = StripStart(text);
        int close = text.IndexOf('}');
        if (close < 0 || text[0] != '{')
        {
            return false;
        }

        digits = PythonText.Strip(text[1..close]);
        rest = text[(close + 1)..];
        return !digits.IsEmpty && AllDigits(digits);
    }

    private static ReadOnlySpan<char> StripStart(ReadOnlySpan<char> text)
    {
        int start = 0;
        while (start < text.Length && PythonText.IsSpace(text[start]))
        {
            start++;
        }

        return text[start..];
    }

    private static bool AllDigits(ReadOnlySpan<char> text)
    {
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) != System.Globalization.UnicodeCategory.DecimalDigitNumber)
            {
                return false;
            }
        }

        return true;
    }
}
