using System;
using System.Buffers;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.RegularExpressions;

namespace Tbrm.MathVerify.Qualifiers;

/// <summary>Gathers units, tags and further numbers from the words behind a number.</summary>
internal sealed partial class Phrase
{
    private static readonly SearchValues<char> s_signs =
        SearchValues.Create("\\\u00b5\u03bc\u03a9\u2126\u2103\u2109\u00c5\u212b");

    private static readonly SearchValues<char> s_between = SearchValues.Create(" ~\\;{}*)-");

    private readonly List<UnitFactor> _units = [];
    private readonly Dictionary<string, string[]> _tags = [];
    private readonly List<(string Digits, List<UnitFactor> Units)> _further = [];
    private int _power = 1;
    private int _sign = 1;

    public bool IsEmpty => Count == 0;

    /// <summary>How much was gathered.</summary>
    public int Count => _units.Count + _tags.Count + _further.Count;

    public IReadOnlyList<UnitFactor> Units => Meant(_units);

    public IReadOnlyDictionary<string, string[]> Tags => _tags;

    public IReadOnlyList<FurtherNumber> Further =>
        [.. _further.Select(f => new FurtherNumber(f.Digits, Meant(f.Units)))];

    /// <summary>"3 units" says no more than 3; "3 square units" does.</summary>
    private static List<UnitFactor> Meant(List<UnitFactor> units) =>
        units.Exists(u => u.IsAny && u.Power == 1) ? [.. units.Where(u => !u.IsAny || u.Power != 1)] : units;

    private List<UnitFactor> Current => _further.Count > 0 ? _further[^1].Units : _units;

    /// <summary>Takes one word.</summary>
    public void Add(string word)
    {
        if (UnitTable.FindRate(word) is { } rate)
        {
            Take(rate.Of);
            _sign = -_sign;
            Take(rate.Per);
            _sign = -_sign;
            return;
        }

        // C and F alone may be letters of any kind; behind degrees they are scales.
        bool scale = word is "C" or "F" or "f"
            && !(Current.Count > 0 && Current[^1].Meanings.Contains("temperature:C"));
        if (!scale && UnitTable.Find(word) is { } meanings)
        {
            Take(meanings);
        }
    }

    /// <summary>Takes what stands before the number: signs and names of currencies, and words of which a number has one
    /// of a kind (a loss of 5, March 5).</summary>
    public void ReadBefore(string text)
    {
        foreach (string word in Token().Matches(Plain(text)).Where(t => t.Groups["word"].Success).Select(t => t.Value))
        {
            // Dollar signs may be those of LaTeX; they are looked at by themselves.
            if (word != "$" && UnitTable.Find(word) is { } meanings && (UnitTable.KindOf(meanings[0]) switch
            {
                "money" => char.IsUpper(word[0]) || !char.IsAsciiLetter(word[0]),
                "change" or "result" or "date" or "era" => true,
                _ => false,
            }))
            {
                Take(meanings);
            }
        }
    }

    /// <summary>Signs and spellings of units as the words that the table has.</summary>
    private static string Plain(string text)
    {
        if (text.Contains("light", StringComparison.OrdinalIgnoreCase))
        {
            text = LightYears().Replace(text, "ly");
        }

        if (text.AsSpan().IndexOfAny(s_signs) < 0)
        {
            return text;
        }

        text = Micro().Replace(text, "mc");
        text = Ohm().Replace(text, "${prefix}ohm");
        return text.Replace("\u2103", "degC", StringComparison.Ordinal)
            .Replace("\u2109", "degF", StringComparison.Ordinal)
            .Replace("\u00c5", "angstrom", StringComparison.Ordinal)
            .Replace("\u212b", "angstrom", StringComparison.Ordinal);
    }

    /// <summary>Takes all words of a part that normalization dropped.</summary>
    public void ReadAll(string text)
    {
        text = Plain(text);
        List<Match> tokens = [.. Token().Matches(text).AsEnumerable()];
        for (int i = 0; i < tokens.Count; i++)
        {
            Match token = tokens[i];
            if (token.Groups["digits"].Success)
            {
                // "base 8" is read elsewhere, and cm2 is cm^2.
                bool isPower = token.Value is "2" or "3" && i > 0
                    && tokens[i - 1].Index + tokens[i - 1].Length == token.Index
                    && tokens[i - 1].Groups["word"].Success;
                if (isPower)
                {
                    Raise(token.Value == "2" ? 2 : 3);
                }
                else if (i == 0 || !string.Equals(tokens[i - 1].Value, "base", StringComparison.OrdinalIgnoreCase))
                {
                    _further.Add((token.Value, []));
                    (_power, _sign) = (1, 1);
                }
            }
            else if (token.Value is "in" or "In" && tokens.Skip(i + 1).FirstOrDefault() is { } next
                && next.Groups["word"].Success)
            {
                continue; // "5 cm in length"
            }
            else
            {
                Take(token);
            }
        }
    }

    /// <summary>Takes the words of a sentence behind the number, up to the first that is no qualifier for
    /// certain.</summary>
    public void ReadBeginning(string text)
    {
        // Dollar signs behind an answer close its formula.
        text = Plain(text.Replace(@"\,", " ", StringComparison.Ordinal).Replace('$', ' '));
        int end = 0;
        foreach (Match token in Token().Matches(text))
        {
            bool joined = text.AsSpan(end, token.Index - end).IndexOfAnyExcept(s_between) < 0;
            bool known = token.Groups["degrees"].Success || token.Groups["power"].Success || token.Groups["per"].Success
                || token.Value.ToLowerInvariant() is "square" or "sq" or "cubic" or "cu"
                || token.Groups["font"].Success || UnitTable.FindRate(token.Value) is not null
                || (UnitTable.Find(token.Value) is { } meanings && UnitTable.IsSaidOfNumbers(meanings)
                    && UnitTable.IsUnmistakable(token.Value));
            if (!joined || !known)
            {
                return;
            }

            Take(token);
            end = token.Index + token.Length;
        }
    }

    private void Take(Match token)
    {
        if (token.Groups["power"].Success)
        {
            string digits = token.Groups["exponent"].Value;
            Raise(token.Value switch
            {
                "²" => 2,
                "³" => 3,
                _ => int.Parse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture)
            });
            return;
        }

        if (token.Groups["per"].Success)
        {
            _sign = -1;
            return;
        }

        switch (token.Value.ToLowerInvariant())
        {
            case "square" or "sq":
                _power = 2;
                break;
            case "cubic" or "cu":
                _power = 3;
                break;
            case "squared":
                Raise(2);
                break;
            case "cubed":
                Raise(3);
                break;
            default:
                Add(token.Groups["degrees"].Success ? "degree" : token.Groups["half"].Success
                    ? (token.Value[0] is 'a' or 'A' ? "am" : "pm") : token.Value);
                break;
        }
    }

    private void Take(string[] meanings)
    {
        if (UnitTable.IsTag(meanings))
        {
            _tags.TryAdd(UnitTable.KindOf(meanings[0]), meanings);
            return;
        }

        // Degrees of a scale, and a number of dollars that is written with the sign and the word.
        UnitFactor unit = new(meanings, _sign * _power);
        bool again = Current.Count > 0 && _power == 1 && Current[^1].Power == unit.Power && Current[^1].Shares(unit);
        if (again)
        {
            Current[^1] = new([.. Current[^1].Meanings.Intersect(meanings)], unit.Power);
        }
        else
        {
            Current.Add(unit);
        }

        _power = 1;
    }

    private void Raise(int power)
    {
        if (Current.Count > 0)
        {
            Current[^1] = Current[^1] with { Power = Math.Sign(Current[^1].Power) * power };
        }
    }

    [GeneratedRegex(
        @"(?<![A-Za-z])light[ ~-]*years?(?![A-Za-z])", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex LightYears();

    /// <summary>The sign of a millionth before a unit, which may be in another font.</summary>
    [GeneratedRegex(
        @"(?:\\mu(?![a-zA-Z])|\\micro(?![a-zA-Z])|[\u00b5\u03bc])[\s{}]*(?:\\(?:text|mathrm|rm)[\s{]*)?(?=[A-Za-z])")]
    private static partial Regex Micro();

    [GeneratedRegex(
        @"(?<prefix>(?<![A-Za-z])[kM])?[\s{}]*(?:\\(?:text|mathrm|rm)[\s{]*)?(?:\\Omega(?![a-zA-Z])|[\u03a9\u2126])")]
    private static partial Regex Ohm();

    [GeneratedRegex(
        @"(?<degrees>\^[ ]*\{?[ ]*\\(?:circ|degree)[ ]*\}?|\\degree|[°º])|"
        + @"(?<power>\^[ ]*\{?[ ]*(?<exponent>-?\d)[ ]*\}?|[²³])|"
        + @"(?<half>(?<![A-Za-z])[AaPp][ ]*\.[ ]*[Mm](?![A-Za-z])\.?)|"
        + @"(?<font>\\(?:text|textbf|textit|textrm|textnormal|mathrm|mathbf|mathit|mbox|operatorname|rm|bf)"
        + @"(?![a-zA-Z]))|(?<other>\\[A-Za-z]+)|(?<per>/|(?<![A-Za-z])(?:per|an?|each)(?![A-Za-z]))|"
        + @"(?<digits>\d+(?:[.,]\d+)*)|(?<word>[A-Za-z]+|[$€£¥₹¢₽₩])")]
    private static partial Regex Token();
}
