using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading;
using Tbrm.MathVerify.Algebra;
using Tbrm.MathVerify.Comparison;
using Tbrm.MathVerify.Extraction;
using Tbrm.MathVerify.Latex;

namespace Tbrm.MathVerify;

/// <summary>
/// Whether a response gives the answer that was wanted, as Math-Verify 0.8.0 (with latex2sympy2_extended 1.10.2) finds
/// it: the answer is read out of the text, LaTeX becomes an expression, and two expressions are compared. Thread-safe;
/// the same arguments give the same result on any machine, as work is counted in steps.
/// </summary>
public static class MathVerifier
{
    private static readonly ConcurrentDictionary<string, AnswerExtractor> s_extractors = new();

    /// <summary>Compares a response with the answer that was wanted.</summary>
    /// <param name="wanted">The answer, bare or as the profile expects it.</param>
    /// <param name="response">The text to find an answer in.</param>
    /// <param name="options">How; null for Math-Verify's own way as verl uses it.</param>
    /// <param name="stop">Ends the comparison as <see cref="MathOutcome.Stopped"/>.</param>
    public static MathResult Compare(string wanted, string response, MathOptions? options = null,
        CancellationToken stop = default)
    {
        options ??= new();
        try
        {
            MathResult result = Once(wanted, response, options with { Hardened = false }, stop);

            // Hardened takes away, it never gives.
            return options.Hardened && result.AreEqual ? Once(wanted, response, options, stop) : result;
        }
        catch (BudgetExceededException e)
        {
            return new MathResult(false, MathOutcome.OutOfSteps, null, e.Message);
        }
        catch (InsufficientExecutionStackException)
        {
            return new MathResult(false, MathOutcome.OutOfSteps, null, "the expression is nested too deeply");
        }
        catch (Exception e) when (e is OperationCanceledException or RegexMatchTimeoutException)
        {
            return new MathResult(false, MathOutcome.Stopped, null, "the wall clock's limit for one answer passed");
        }
    }

    private static MathResult Once(string wanted, string response, MathOptions options, CancellationToken stop)
    {
        Budget budget = new(stop, options.MaxSteps);
        return budget.Run(() => Once(wanted, response, options, budget));
    }

    private static MathResult Once(string wanted, string response, MathOptions options, Budget budget)
    {
        (string goldText, AnswerExtractor goldExtractor) = Gold(wanted, options);
        ExtractedAnswer gold = goldExtractor.Extract(goldText, budget);
        if (gold.IsEmpty)
        {
            return new MathResult(false, MathOutcome.NothingWanted, null,
                $"no answer can be read from the ground truth '{Shortened(wanted)}'");
        }

        ExtractedAnswer answer = options.AnswerTags ? AnswerTag.Extract(response, Answer(options), budget)
            : Answer(options).Extract(response, budget);
        if (answer.IsEmpty)
        {
            return new MathResult(false, MathOutcome.NoAnswer, null, "no answer was found in the response");
        }

        ComparisonOptions comparison = new(options.FloatRounding, options.NumericPrecision, options.Strict,
            options.AllowSetRelation, options.Hardened);
        bool equal = SameText(gold.Text, answer.Text) || (gold.Expression is not null && answer.Expression is not null
            && new ExpressionComparer(comparison, budget).AreEqual(gold.Expression, answer.Expression));
        bool contradicted = equal && options.Hardened && gold.Qualifier is { } ours && answer.Qualifier is { } theirs
            && ours().Contradicts(theirs());
        return new MathResult(equal && !contradicted, MathOutcome.Compared, answer.Text, null);
    }

    private static bool SameText(string? gold, string? answer) =>
        gold is not null && answer is not null && gold.Trim() is { Length: > 0 } trimmed && trimmed == answer.Trim();

    private static string Shortened(string text) => text.Length > 60 ? text[..60] + "..." : text;

    private static (string Text, AnswerExtractor Extractor) Gold(string wanted, MathOptions options) =>
        options.Profile switch
        {
            "verl" => (@"\boxed{" + wanted + "}", Extractor("latex", 50, false, options.Hardened)),
            "tests" => (wanted,
                Extractor(options.Extract ?? "latex,expr", options.BoxedPriority ?? 0, false, options.Hardened)),
            "trl" => (wanted, Extractor("latex,expr", 50, false, options.Hardened)),
            _ => ("$" + wanted + "$", Extractor("latex,expr", 50, false, options.Hardened)),
        };

    private static AnswerExtractor Answer(MathOptions options)
    {
        string kinds = options.Extract
            ?? options.Profile switch { "verl" => "expr,latex", "trl" => "latex", _ => "latex,expr" };
        bool trl = options.Profile == "trl";
        int priority = options.BoxedPriority ?? (options.Profile is "tests" or "trl" ? 0 : 50);
        return Extractor(kinds, priority, trl, options.Hardened);
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
}
