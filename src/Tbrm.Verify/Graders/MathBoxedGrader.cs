using System;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Threading;
using Tbrm.Core.Rewards;

namespace Tbrm.Verify.Graders;

/// <summary>
/// hendrycks' MATH rule as in verl: the last box equals the ground truth as text after normalization, or as a number
/// unless <c>exact</c> is set.
/// Score 1 or 0.
/// </summary>
public sealed partial class MathBoxedGrader : IGrader
{
    private readonly JsonObject? _options;

    /// <summary>A grader with these options; a row's own options override them.</summary>
    public MathBoxedGrader(JsonObject? options = null)
    {
        _options = options;
        IsExact(null);
    }

    /// <inheritdoc/>
    public string Name => "math_boxed";

    /// <inheritdoc/>
    public GradeResult Grade(GradeRequest request, CancellationToken stop)
    {
        bool exact = IsExact(request.ExtraInfo);
        string? answer = LatexBoxes.LastContentOrBare(request.Solution);
        return answer is null
            ? new GradeResult(0, GradeStatus.NoAnswer, null, @"the response holds no \boxed{...}")
            : request.AgainstEach(gold =>
                new GradeResult(AreEquivalent(answer, gold) || (!exact && PlainNumber.AreEqual(answer, gold)) ? 1 : 0,
                GradeStatus.Ok, answer));
    }

    [GeneratedRegex(@"^(0|-?[1-9][0-9]*)/(0|-?[1-9][0-9]*)\z")]
    private static partial Regex SlashFraction();

    private bool IsExact(JsonObject? row) => new GraderOptions(row, _options).Flag("exact", false);

    // A text that cannot be normalized is compared as it stands.
    private static bool AreEquivalent(string a, string b) =>
        Normalize(a) is { } x && Normalize(b) is { } y ? x == y : a == b;

    /// <summary>The normalized text; null where the reference's normalization fails.</summary>
    private static string? Normalize(string text)
    {
        string result = Remove(text, "\n", @"\!").Replace(@"\\", @"\", StringComparison.Ordinal);
        result = result.Replace("tfrac", "frac", StringComparison.Ordinal)
            .Replace("dfrac", "frac", StringComparison.Ordinal);
        result = Remove(result, @"\left", @"\right", @"^{\circ}", @"^\circ", @"\$");
        string[] units = result.Split(@"\text{ ");
        if (units.Length > 2)
        {
            return null;
        }

        result = Remove(units[0], @"\%").Replace(" .", " 0.", StringComparison.Ordinal)
            .Replace("{.", "{0.", StringComparison.Ordinal);
        if (result.Length == 0)
        {
            return result;
        }

        result = result[0] == '.' ? "0" + result : result;
        string[] sides = result.Split('=');
        result = sides.Length == 2 && CodePoints.Last(sides[0], 2) == sides[0] ? sides[1] : result;
        if (SquareRoots(result) is not { } rooted)
        {
            return null;
        }

        if (Fractions(Remove(rooted, " ")) is not { } divided)
        {
            return null;
        }

        result = divided == "0.5" ? @"\frac{1}{2}" : divided;
        return SlashFraction().Replace(result, @"\frac{$1}{$2}");
    }

    private static string Remove(string text, params string[] parts) =>
        parts.Aggregate(text, (current, part) => current.Replace(part, "", StringComparison.Ordinal));

    /// <summary>Braces the code point after each root; null where nothing follows one.</summary>
    private static string? SquareRoots(string text)
    {
        string[] parts = text.Split(@"\sqrt");
        StringBuilder result = new(parts[0], text.Length + 2 * parts.Length);
        foreach (string part in parts.Skip(1))
        {
            if (part.Length == 0)
            {
                return null;
            }

            int first = CodePoints.UnitsAt(part, 0);
            _ = part[0] == '{' ? result.Append(@"\sqrt").Append(part)
                : result.Append($@"\sqrt{{{part[..first]}}}").Append(part.AsSpan(first));
        }

        return result.ToString();
    }

    /// <summary>Braces the two code points after each bare fraction; null where nothing follows one, unchanged where
    /// only one does.</summary>
    private static string? Fractions(string text)
    {
        string[] parts = text.Split(@"\frac");
        StringBuilder result = new(parts[0], text.Length + 2 * parts.Length);
        foreach (string part in parts.Skip(1))
        {
            if (part.Length == 0)
            {
                return null;
            }

            int first = CodePoints.UnitsAt(part, 0);
            if (part[0] == '{')
            {
                result.Append(@"\frac").Append(part);
            }
            else if (part.Length == first)
            {
                return text;
            }
            else
            {
                int second = first + CodePoints.UnitsAt(part, first);
                _ = part[first] == '{'
                    ? result.Append($@"\frac{{{part[..first]}}}").Append(part.AsSpan(first))
                    : result.Append($@"\frac{{{part[..first]}}}{{{part[first..second]}}}").Append(part.AsSpan(second));
            }
        }

        return result.ToString();
    }
}
