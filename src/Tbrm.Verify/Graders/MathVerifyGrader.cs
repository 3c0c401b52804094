using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Threading;
using Tbrm.Core.Errors;
using Tbrm.Core.Rewards;
using Tbrm.Verify.Algebra;
using Tbrm.Verify.Extraction;
using Tbrm.Verify.Latex;
using Tbrm.Verify.MathVerify;

namespace Tbrm.Verify.Graders;

/// <summary>
/// Judges mathematical answers as Math-Verify 0.8.0 (with latex2sympy2_extended 1.10.2) does. Score 1 or 0.
/// </summary>
/// <remarks>
/// Options, in the configuration or in a row's extra fields: <c>profile</c> (verl, tests, trl, lighteval),
/// <c>hardened</c>,
/// <c>boxed_match_priority</c>, <c>float_rounding</c>, <c>numeric_precision</c>, <c>strict</c>,
/// <c>allow_set_relation_comp</c>, <c>extract</c> (a list of latex, expr), <c>max_steps</c> (for one answer),
/// <c>answer_tags</c>.
/// </remarks>
public sealed class MathVerifyGrader : IGrader
{
    private static readonly ConcurrentDictionary<string, AnswerExtractor> s_extractors = new();
    private readonly JsonObject? _options;

    /// <summary>A grader with these options; a row's own options override them.</summary>
    /// <exception cref="ConfigException">An option has a value that it cannot have.</exception>
    public MathVerifyGrader(JsonObject? options = null)
    {
        _options = options;
        Read(null);
    }

    /// <inheritdoc/>
    public string Name => "math_verify";

    /// <inheritdoc/>
    public Verdict Grade(GradeRequest request, CancellationToken stop)
    {
        try
        {
            Settings settings = Read(request.ExtraInfo);
            return request.AgainstEach(truth => Grade(request, truth, settings, stop));
        }
        catch (ConfigException e)
        {
            return new Verdict(0, VerdictStatus.Error, null, e.Message);
        }
    }

    private static Verdict Grade(GradeRequest request, string truth, Settings settings, CancellationToken stop)
    {
        try
        {
            Verdict verdict = GradeOnce(request, truth, settings with { Hardened = false }, stop);

            // A hardened grade takes away, it never gives.
            return settings.Hardened && verdict.Score > 0 ? GradeOnce(request, truth, settings, stop) : verdict;
        }
        catch (BudgetExceededException e)
        {
            return new Verdict(0, VerdictStatus.OutOfSteps, null, e.Message);
        }
        catch (InsufficientExecutionStackException)
        {
            return new Verdict(0, VerdictStatus.OutOfSteps, null, "the expression is nested too deeply");
        }
        catch (Exception e) when (e is OperationCanceledException or RegexMatchTimeoutException)
        {
            return new Verdict(0, VerdictStatus.Timeout, null, "the wall clock's limit for one answer passed");
        }
    }

    private static Verdict GradeOnce(GradeRequest request, string truth, Settings settings, CancellationToken stop)
    {
        Budget budget = new(stop, settings.Steps);
        return budget.Run(() => GradeOnce(request, truth, settings, budget));
    }

    private static Verdict GradeOnce(GradeRequest request, string truth, Settings settings, Budget budget)
    {
        (string goldText, AnswerExtractor goldExtractor) = Gold(truth, settings);
        ExtractedAnswer gold = goldExtractor.Extract(goldText, budget);
        if (gold.IsEmpty)
        {
            return new Verdict(0, VerdictStatus.Error, null,
                $"no answer can be read from the ground truth '{Shortened(truth)}'");
        }

        ExtractedAnswer answer = settings.AnswerTags ? AnswerTag.Extract(request.Solution, Answer(settings), budget)
            : Answer(settings).Extract(request.Solution, budget);
        if (answer.IsEmpty)
        {
            return new Verdict(0, VerdictStatus.NoAnswer, null, "no answer was found in the response");
        }

        ComparisonOptions options = new(
            settings.FloatRounding, settings.NumericPrecision, settings.Strict, settings.AllowSetRelation,
                settings.Hardened);
        bool equal = SameText(gold.Text, answer.Text) || (gold.Expression is not null && answer.Expression is not null
            && new ExpressionComparer(options, budget).AreEqual(gold.Expression, answer.Expression));
        bool contradicted = equal && settings.Hardened && gold.Qualifier is { } ours && answer.Qualifier is { } theirs
            && ours.Contradicts(theirs);
        return new Verdict(equal && !contradicted ? 1 : 0, VerdictStatus.Ok, answer.Text);
    }

    private static bool SameText(string? gold, string? answer) =>
        gold is not null && answer is not null && gold.Trim() is { Length: > 0 } trimmed && trimmed == answer.Trim();

    private static string Shortened(string text) => text.Length > 60 ? text[..60] + "..." : text;

    private static (string Text, AnswerExtractor Extractor) Gold(string groundTruth, Settings settings) =>
        settings.Profile switch
        {
            "verl" => (@"\boxed{" + groundTruth + "}", Extractor("latex", 50, false, settings.Hardened)),
            "tests" => (groundTruth,
                Extractor(settings.Extract ?? "latex,expr", settings.BoxedPriority ?? 0, false, settings.Hardened)),
            "trl" => (groundTruth, Extractor("latex,expr", 50, false, settings.Hardened)),
            _ => ("$" + groundTruth + "$", Extractor("latex,expr", 50, false, settings.Hardened)),
        };

    private static AnswerExtractor Answer(Settings settings)
    {
        string kinds = settings.Extract
            ?? settings.Profile switch { "verl" => "expr,latex", "trl" => "latex", _ => "latex,expr" };
        bool trl = settings.Profile == "trl";
        int priority = settings.BoxedPriority ?? (settings.Profile is "tests" or "trl" ? 0 : 50);
        return Extractor(kinds, priority, trl, settings.Hardened);
    }

    private static AnswerExtractor Extractor(string kinds, int boxedPriority, bool trl, bool hardened)
    {
        return s_extractors.GetOrAdd($"{kinds} {boxedPriority} {trl} {hardened}", _ =>
        {
            NormalizationOptions normalization = trl ? new(MalformedOperators: false, Nits: false) : new();
            List<ExtractionTarget> targets = [.. kinds.Split(',').Select(kind => kind == "latex"
                ? new LatexTarget(boxedPriority, !trl, normalization)
                : (ExtractionTarget)new PlainTarget())];
            return new AnswerExtractor(targets, firstMatchOnly: trl, hardened);
        });
    }

    private Settings Read(JsonObject? row)
    {
        GraderOptions options = new(row, _options);
        return new Settings(
            options.Choice("profile", "verl", "verl", "tests", "trl", "lighteval"),
            options.Flag("hardened", false),
            options.Flag("answer_tags", false),
            options.Find("boxed_match_priority") is null ? null : options.Integer("boxed_match_priority", 0, -1, 1000),
            options.Integer("float_rounding", 6, 0, 100),
            options.Integer("numeric_precision", 15, 1, 100),
            options.Flag("strict", true),
            options.Flag("allow_set_relation_comp", false),
            options.Choices("extract", "latex", "expr") is { } kinds ? string.Join(',', kinds) : null,
            options.Integer("max_steps", (int)Budget.DefaultSteps, 1000, int.MaxValue));
    }

    private sealed record Settings(
        string Profile, bool Hardened, bool AnswerTags, int? BoxedPriority, int FloatRounding, int NumericPrecision,
            bool Strict, bool AllowSetRelation,
        string? Extract, long Steps);
}
