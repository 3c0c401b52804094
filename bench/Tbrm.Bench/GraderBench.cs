using BenchmarkDotNet.Attributes;
using Tbrm.Core.Rewards;
using Tbrm.Verify;

namespace Tbrm.Bench;

/// <summary>The verify stage: one answer per operation, by what has to be proved about it.</summary>
public class GraderBench
{
    private readonly IGrader _grader = new GraderRegistry().Create("math_verify");

    [Params("same text", "fraction", "surds", "matrix")]
    public string Case { get; set; } = "";

    private GradeRequest Request => Case switch
    {
        "fraction" => new("math", @"so the answer is $\boxed{0.75}$", @"\frac{3}{4}", null),
        "surds" => new("math", @"hence $\boxed{\frac{1}{\sqrt{2}-1}}$", @"\sqrt{2}+1", null),
        "matrix" => new("math", @"$\boxed{\begin{pmatrix} 1 & 2/4 \\ 3 & 4 \end{pmatrix}}$",
            @"\begin{pmatrix} 1 & \frac12 \\ 3 & 4 \end{pmatrix}", null),
        _ => new("math", @"The answer is $\boxed{42}$.", "42", null),
    };

    [Benchmark]
    public GradeResult Grade() => _grader.Grade(Request, default);
}
