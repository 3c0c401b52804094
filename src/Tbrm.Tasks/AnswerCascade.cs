using System;
using System.Text.RegularExpressions;
using Tbrm.Tasks.Python;

namespace Tbrm.Tasks;

/// <summary>
/// reasoning-gym's <c>score_answer_cascade</c>: the task's scorer, then more and more lenient comparisons with the
/// item's answer. It can only
/// raise a score; the first of at least 0.99 decides.
/// </summary>
public static partial class AnswerCascade
{
    private const double GoodEnough = 0.99;
    private const double Tolerance = 0.01;

    /// <summary>The best score of the cascade; 0 for no answer.</summary>
    /// <param name="task">Whose scorer comes first.</param>
    /// <param name="answer">The answer, null for none.</param>
    /// <param name="entry">The item that was asked.</param>
    /// <param name="mathMatch">
    /// Symbolic equality of answer and expected answer, 0 to 1, which the package leaves to Math-Verify; without, as in
    /// the package, that step is
    /// left out.
    /// </param>
    public static double Score(IReasoningTask task, string? answer, TaskItem entry,
        Func<string, string, double>? mathMatch = null)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(entry);
        if (answer is null)
        {
            return 0;
        }

        (string stripped, string expected) = (StripLatex(answer), entry.Answer);
        Func<double>[] steps =
        [
            () => ByTask(task, answer, entry),
            () => stripped != answer ? ByTask(task, stripped, entry) : 0,
            () => SameText(answer, expected),
            () => SameText(stripped, StripLatex(expected)),
            () => CloseNumbers(answer, expected),
            () => mathMatch?.Invoke(answer, expected) ?? 0,
            () => mathMatch?.Invoke(MathrmToText(answer), MathrmToText(expected)) ?? 0,
        ];
        double best = 0;
        foreach (Func<double> step in steps)
        {
            double score = step();
            if (score >= GoodEnough)
            {
                return score;
            }

            best = Math.Max(best, score);
        }

        return best;
    }

    /// <summary>The text without inline-math brackets, <c>\text</c>, <c>\mathrm</c>, line breaks, tildes and stray
    /// backslashes.</summary>
    internal static string StripLatex(string text)
    {
        string plain = WholeInlineMath().Replace(PythonText.Strip(text), "$1");
        plain = InlineMath().Replace(plain, "$1");
        plain = TextCommand().Replace(plain, "$1");
        plain = LineBreaks().Replace(plain, " ");
        plain = plain.Replace('~', ' ').Replace("\\", "", StringComparison.Ordinal);
        return PythonText.Strip(Blanks().Replace(plain, " "));
    }

    private static double ByTask(IReasoningTask task, string answer, TaskItem entry)
    {
        try
        {
            return task.Score(answer, entry);
        }
        catch (TaskScoreException)
        {
            return 0;
        }
    }

    private static double SameText(string answer, string expected)
    {
        return LowerStripped(answer) == LowerStripped(expected) ? 1 : 0;
    }

    private static string LowerStripped(string text)
    {
        return PythonText.Strip(string.Concat(PythonText.Lower(text)));
    }

    private static double CloseNumbers(string answer, string expected)
    {
        bool close = PythonFloat.TryParse(answer, out double a)
            && PythonFloat.TryParse(expected, out double b)
            && Math.Abs(a - b) <= Math.Max(Tolerance * Math.Max(Math.Abs(a), Math.Abs(b)), Tolerance);
        return close ? 1 : 0;
    }

    private static string MathrmToText(string text)
    {
        return Mathrm().Replace(text, "\\text{$1}");
    }

    [GeneratedRegex(@"^\\\((.*)\\\)$")]
    private static partial Regex WholeInlineMath();

    [GeneratedRegex(@"\\\((.*?)\\\)")]
    private static partial Regex InlineMath();

    [GeneratedRegex(@"\\(?:text|mathrm)\{([^}]*)\}")]
    private static partial Regex TextCommand();

    [GeneratedRegex(@"\\\\+")]
    private static partial Regex LineBreaks();

    [GeneratedRegex(@"\\mathrm\{([^}]*)\}")]
    private static partial Regex Mathrm();

    // Python's white space has the four ASCII separators besides .NET's.
    [GeneratedRegex(@"[\s\x1c-\x1f]+")]
    private static partial Regex Blanks();
}
