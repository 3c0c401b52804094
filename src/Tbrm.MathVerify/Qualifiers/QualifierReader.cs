using System;
using System.Globalization;
using System.Linq;
using System.Text.RegularExpressions;

namespace Tbrm.MathVerify.Qualifiers;

/// <summary>Reads what qualifies an answer's number.</summary>
internal static partial class QualifierReader
{
    // Longer texts are no number with a unit, and the patterns below are not made for them.
    private const int MaxLength = 400;

    private static readonly string[] s_numberWords =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
            "thirteen", "fourteen", "fifteen", "sixteen"];

    /// <summary>Reads.</summary>
    /// <param name="written">The answer as it was written, boxes taken off.</param>
    /// <param name="kept">What normalization leaves of it.</param>
    /// <param name="dropped">What normalization cuts off its end.</param>
    /// <param name="after">What follows the answer in the sentence.</param>
    public static Qualifier Read(string written, string kept, string dropped, string after)
    {
        if (written.Length > MaxLength)
        {
            return Qualifier.None;
        }

        Phrase phrase = new();
        if (written.Contains('$', StringComparison.Ordinal)
            && (EscapedDollar().IsMatch(written) || (Dollar().IsMatch(written) && !Delimited().IsMatch(written))))
        {
            phrase.Add("$");
        }

        if (EndsInDegrees().IsMatch(kept))
        {
            phrase.Add("degree");
        }

        bool isEmpty = phrase.IsEmpty;
        phrase.ReadBefore(Before(written));
        (isEmpty, int before) = (isEmpty && phrase.Units.Count == 0, phrase.Count);
        phrase.ReadAll(dropped);
        if (isEmpty && phrase.Count == before)
        {
            phrase.ReadBeginning(after);
        }

        Match clock = written.Contains(':', StringComparison.Ordinal) ? Clock().Match(written) : Match.Empty;
        return new Qualifier
        {
            Units = phrase.Units,
            Tags = phrase.Tags,
            Further = phrase.Further,
            Bases = written.Contains('_', StringComparison.Ordinal)
                || written.Contains("base", StringComparison.Ordinal)
                ? [.. Subscript().Matches(written).Concat(NamedBase().Matches(written))
                    .Select(m => BaseOf(m.Groups["base"].Value)).OfType<string>()] : [],
            Clock = clock.Success ? $"{clock.Groups[1].Value.TrimStart('0')}:{clock.Groups[2].Value}" : null,
            IsDenied = dropped.Length > 0 && Denial().IsMatch(dropped),
        };
    }

    /// <summary>What stands before the first digit.</summary>
    private static string Before(string written)
    {
        int digit = written.AsSpan().IndexOfAnyInRange('0', '9');
        return digit < 0 ? "" : written[..digit];
    }

    /// <summary>A base of two to 36; null for other subscripts.</summary>
    private static string? BaseOf(string subscript)
    {
        string text = FontCommand().Replace(subscript, "").Trim(' ', '{', '}', '(', ')', '~').ToLowerInvariant();
        text = text.StartsWith("base", StringComparison.Ordinal) ? text[4..].Trim(' ', '~', '{', '}') : text;
        int named = Array.IndexOf(s_numberWords, text);
        return named >= 2 ? named.ToString(CultureInfo.InvariantCulture)
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                && number is >= 2 and <= 36 ? number.ToString(CultureInfo.InvariantCulture)
            : text switch
            {
                "b" or "bin" or "binary" => "2",
                "oct" or "octal" => "8",
                "dec" or "decimal" => "10",
                "hex" or "hexadecimal" => "16",
                _ => null
            };
    }

    [GeneratedRegex(@"\\\$")]
    private static partial Regex EscapedDollar();

    [GeneratedRegex(@"(?<![\d\\])\$[ ]*-?[\d.]")]
    private static partial Regex Dollar();

    /// <summary>The dollar signs are those of LaTeX.</summary>
    [GeneratedRegex(@"(?<!\\)\$[^$]*(?<!\\)\$")]
    private static partial Regex Delimited();

    [GeneratedRegex(@"(?:\^[ ]*\{?[ ]*\\(?:circ|degree)[ ]*\}?|\\degree|[°º])[ ]*\z")]
    private static partial Regex EndsInDegrees();

    [GeneratedRegex(
        @"(?<![A-Za-z\\\d])(?=[A-F]{0,20}\d)[\dA-F][\dA-Fa-f.,]*[ ]*[})]{0,2}[ ]*_[ ]*"
            + @"(?:\{(?<base>(?:[^{}]|\{[^{}]*\})*)\}|(?<base>[0-9]))")]
    private static partial Regex Subscript();

    [GeneratedRegex(@"\bbase[\s~{}-]*(?<base>\d{1,2}(?!\d)|[a-z]+)")]
    private static partial Regex NamedBase();

    [GeneratedRegex(@"(?<![\d:.])(\d{1,2}):(\d{2})(?![\d:])")]
    private static partial Regex Clock();

    [GeneratedRegex(
        @"\\(?:text|textbf|textit|textrm|textnormal|mathrm|mathbf|mathit|mathsf|mbox|operatorname|rm|bf)(?![a-zA-Z])")]
    private static partial Regex FontCommand();

    /// <summary>The answer is taken back in the same breath.</summary>
    [GeneratedRegex(
        @"(?:\b(?:isn'?t|aren'?t|wasn'?t|can(?:not|[ ]+not|'?t)[ ]+be)[ ]+(?:the[ ]+)?"
            + @"(?:answer|right|correct|solution|true|it|valid)\b)|"
            + @"(?:\b(?:is|are|was|were|be|being)[ ]+|^\W*(?:(?:text|mbox)\W*)?|[(,;][ ]*)"
            + @"(?:wrong|incorrect|false|untrue|invalid|"
            + @"not[ ]+(?:the[ ]+(?:answer|right|correct|solution)|right|correct|true|it|valid)\b)"
            + @"(?![ ]+(?:positive|negative|alarm|start|answers|ones))",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Denial();
}
