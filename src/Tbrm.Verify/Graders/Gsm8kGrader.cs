using System;
using System.Linq;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Threading;
using Tbrm.Core.Rewards;

namespace Tbrm.Verify.Graders;

/// <summary>
/// The number after the last <c>####</c> (<c>method: strict</c>), or the last number at all (<c>flexible</c>), equal to
/// the ground truth as a number.
/// With <c>exact</c> verl's GSM8K rule to the letter: the last 300 characters, equal as text. Scores <c>score</c> (1),
/// <c>format_score</c> (0) or 0.
/// </summary>
public sealed partial class Gsm8kGrader : IGrader
{
    private const int Tail = 300;
    private readonly JsonObject? _options;

    /// <summary>A grader with these options; a row's own options override them.</summary>
    public Gsm8kGrader(JsonObject? options = null)
    {
        _options = options;
        Read(null);
    }

    /// <inheritdoc/>
    public string Name => "gsm8k";

    /// <inheritdoc/>
    public GradeResult Grade(GradeRequest request, CancellationToken stop)
    {
        Settings settings = Read(request.ExtraInfo);
        string? answer = settings.Exact ? Exact(CodePoints.Last(request.Solution, Tail), settings.Strict)
            : Lenient(request.Solution, settings.Strict);
        if (answer is null)
        {
            string where = settings.Exact ? " in the last 300 characters" : "";
            return new GradeResult(0, GradeStatus.NoAnswer, null,
                (settings.Strict ? "no '#### number'" : "no number") + where);
        }

        return request.AgainstEach(gold => new GradeResult(
            answer == gold || (!settings.Exact && PlainNumber.AreEqual(answer, gold)) ? settings.Score
                : settings.FormatScore, GradeStatus.Ok, answer));
    }

    [GeneratedRegex(@"#### (-?[0-9.,]+)")]
    private static partial Regex ExactMark();

    [GeneratedRegex(@"-?[0-9.,]+")]
    private static partial Regex ExactNumber();

    [GeneratedRegex(@"####[ \t*:]*(?<number>[-−]?[ ]?\\?[$€£¥₹]?[ ]?[-−]?(?:\d[\d,]*(?:\.\d+)?|\.\d+))")]
    private static partial Regex Marked();

    [GeneratedRegex(@"(?<number>[-−]?\\?[$€£¥₹]?(?:\d[\d,]*(?:\.\d+)?|(?<!\d)\.\d+))")]
    private static partial Regex AnyNumber();

    private static string? Exact(string text, bool strict)
    {
        if (strict)
        {
            return ExactMark().Matches(text) is { Count: > 0 } matches
                ? matches[^1].Groups[1].Value.Replace(",", "", StringComparison.Ordinal) : null;
        }

        string[] numbers = [.. ExactNumber().Matches(text).Select(m => m.Value)];
        return numbers.LastOrDefault(n => n != ".") ?? numbers.FirstOrDefault();
    }

    /// <summary>The last number in its shortest form.</summary>
    private static string? Lenient(string text, bool strict)
    {
        Match? last = (strict ? Marked() : AnyNumber()).Matches(text).LastOrDefault();
        string? number = last?.Groups["number"].Value.TrimEnd(',');
        return number is null ? null : PlainNumber.Canonical(number)
            ?? number.Replace(",", "", StringComparison.Ordinal);
    }

    private Settings Read(JsonObject? row)
    {
        GraderOptions options = new(row, _options);
        return new(options.Choice("method", "strict", "strict", "flexible") == "strict", options.Flag("exact", false),
            options.Number("score", 1), options.Number("format_score", 0));
    }

    private sealed record Settings(bool Strict, bool Exact, double Score, double FormatScore);
}
