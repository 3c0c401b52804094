using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Tbrm.Core.Rewards;
using Tbrm.Verify;

namespace Tbrm.Bench.Throughput;

/// <summary>
/// The verify stage on responses as long as real ones (about 1,500 characters of working), with answers in the shares
/// in which benchmark rows
/// have them: mostly integers, then fractions, surds, tuples, intervals, expressions; two in five are wrong.
/// </summary>
internal static class GraderCases
{
    private const int Rows = 500;

    private static readonly (string Gold, string Same, string Other)[] s_answers =
    [
        ("\\frac{3}{4}", "0.75", "\\frac{4}{3}"), ("2\\sqrt{3}", "\\sqrt{12}", "3\\sqrt{2}"),
            ("(1,2)", "(1, 2)", "(2,1)"), ("(-\\infty, 3]", "x \\le 3", "(-\\infty, 3)"),
        ("x^2+2x+1", "(x+1)^2", "x^2+1"), ("\\frac{\\pi}{6}", "30^\\circ", "\\frac{\\pi}{3}"),
            ("\\{1,2,3\\}", "1, 2, 3", "\\{1,2\\}"), ("10\\%", "0.1", "1\\%"),
    ];

    public static IEnumerable<ThroughputCase> All()
    {
        GradeRequest[] rows = [.. Enumerable.Range(0, Rows).Select(Row)];
        foreach (string name in new[] { "math_verify", "math_verify hardened", "gsm8k", "math_dapo", "math_boxed" })
        {
            IGrader grader = name.EndsWith("hardened", StringComparison.Ordinal)
                ? new GraderRegistry().CreateForTraining("math_verify") : new GraderRegistry().Create(name);
            yield return new("grade", name, [(Rows, "answers")], () =>
            {
                foreach (GradeRequest row in rows)
                {
                    grader.Grade(row, default);
                }
            });
        }
    }

    private static GradeRequest Row(int i)
    {
        Random random = new(i);
        bool right = random.Next(5) >= 2;
        string gold = random.Next(-200, 1200).ToString(CultureInfo.InvariantCulture), answer = right ? gold
            : random.Next(-200, 1200).ToString(CultureInfo.InvariantCulture);
        if (random.Next(10) < 3)
        {
            (gold, string same, string other) = s_answers[random.Next(s_answers.Length)];
            answer = right ? same : other;
        }

        IEnumerable<string> steps = Enumerable.Range(1, 14).Select(k =>
            $"Step {k}: since $a_{{{k}}} = {random.Next(100)}$ and "
                + $"$\\frac{{{random.Next(1, 50)}}}{{{random.Next(1, 50)}}} < 1$, we get ${random.Next(100)}x + "
                + $"{random.Next(100)} = {random.Next(1000)}$.");
        return new("math",
            $"{string.Join("\n", steps)}\nThe final answer is $\\boxed{{{answer}}}$.\n#### {answer}\nAnswer: {answer}",
            gold, null);
    }
}
