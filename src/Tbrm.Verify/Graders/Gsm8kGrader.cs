using System;
using System.Linq;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Threading;
using Tbrm.Core;

namespace Tbrm.Verify;

/// <summary>
/// verl's GSM8K rule on the last 300 characters: the number after the last <c>####</c> (<c>method: strict</c>), or the last
/// number at all (<c>flexible</c>), equal to the ground truth as text. Scores <c>score</c> (1), <c>format_score</c> (0) or 0.
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
    public Verdict Grade(GradeRequest request, CancellationToken stop)
    {
        (bool strict, double score, double formatScore) = Read(request.ExtraInfo);
        string tail = CodePoints.Last(request.Solution, Tail);
        string? answer = strict ? Strict(tail) : Flexible(tail);
        return answer is null
            ? new Verdict(0, VerdictStatus.NoAnswer, null, strict ? "no '#### number' in the last 300 characters" : "no number in the last 300 characters")
            : request.AgainstEach(gold => new Verdict(answer == gold ? score : formatScore, VerdictStatus.Ok, answer));
    }

    [GeneratedRegex(@"#### (-?[0-9.,]+)")]
    private static partial Regex Marked();

    [GeneratedRegex(@"-?[0-9.,]+")]
    private static partial Regex AnyNumber();

    private static string? Strict(string text) =>
        Marked().Matches(text) is { Count: > 0 } matches ? matches[^1].Groups[1].Value.Replace(",", "", StringComparison.Ordinal) : null;

    private static string? Flexible(string text)
    {
        string[] numbers = [.. AnyNumber().Matches(text).Select(m => m.Value)];
        return numbers.LastOrDefault(n => n != ".") ?? numbers.FirstOrDefault();
    }

    private (bool Strict, double Score, double FormatScore) Read(JsonObject? row)
    {
        GraderOptions options = new(row, _options);
        return (options.Choice("method", "strict", "strict", "flexible") == "strict", options.Number("score", 1), options.Number("format_score", 0));
    }
}
