using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using Tbrm.Core.Rewards;
using Tbrm.Verify;

namespace Tbrm.Cli.Benchmarks;

/// <summary><c>bench grader</c>: answers as long as real ones, of which it is known whether they are right, on one
/// core.</summary>
internal sealed class GraderCase(string grader) : BenchCase(grader, $"{Rows} answers of about 1500 characters", "-")
{
    private const int Rows = 200;

    private static readonly string[] s_graders = ["math_verify", "gsm8k", "math_dapo", "math_boxed"];

    /// <summary>Reference, an answer that is the same, and one that is not.</summary>
    private static readonly (string Gold, string Same, string Other)[] s_answers =
    [
        ("\\frac{3}{4}", "\\frac{3}{4}", "\\frac{4}{3}"), ("2\\sqrt{3}", "2\\sqrt{3}", "3\\sqrt{2}"),
        ("42", "42", "24"), ("1250", "1250", "1205"), ("17", "17", "71"),
    ];

    private readonly (GradeRequest Request, bool IsRight)[] _rows = [.. Enumerable.Range(0, Rows)
        .Select(i => Row(i, isNumber: grader is "gsm8k"))];

    private IGrader? _grader;

    public static IEnumerable<BenchCase> All() => s_graders.Select(g => new GraderCase(g));

    public override double Check()
    {
        _grader = new GraderRegistry().Create(Name);
        Work = new(Rows, "answers");
        return _rows.All(r => (_grader.Grade(r.Request, default).Score > 0) == r.IsRight) ? 0 : double.PositiveInfinity;
    }

    public override IEnumerable<double> Measure()
    {
        long start = Stopwatch.GetTimestamp();
        foreach ((GradeRequest request, _) in _rows)
        {
            _grader!.Grade(request, default);
        }

        yield return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static (GradeRequest Request, bool IsRight) Row(int i, bool isNumber)
    {
        Random random = new(i);
        (string gold, string same, string other) = s_answers[isNumber ? 2 + (i % 3) : i % s_answers.Length];
        bool isRight = random.Next(5) >= 2;
        string answer = isRight ? same : other;
        IEnumerable<string> steps = Enumerable.Range(1, 14).Select(k => string.Create(CultureInfo.InvariantCulture,
            $"Step {k}: since $a_{{{k}}} = {random.Next(100)}$ and $\\frac{{{random.Next(1, 50)}}}{{50}} < 1$, we get "
                + $"${random.Next(100)}x = {random.Next(1000)}$."));
        return (new("math",
            $"{string.Join("\n", steps)}\nThe final answer is $\\boxed{{{answer}}}$.\n#### {answer}\nAnswer: {answer}",
            gold), isRight);
    }
}
