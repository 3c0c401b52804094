using System.Threading;
using Tbrm.Core.Rewards;
using Tbrm.Verify.Graders;

namespace Tbrm.Verify;

/// <summary>Whether two bare answers mean the same: <see cref="MathVerifyGrader"/> with both of them boxed.</summary>
public static class MathMatch
{
    private static readonly MathVerifyGrader s_grader = new();

    /// <summary>Symbolic equality, as Math-Verify sees it when <paramref name="expected"/> is the gold answer. False
    /// when it takes too many steps.</summary>
    public static bool AreEqual(string expected, string answer) =>
        s_grader.Grade(new GradeRequest("", Boxed(answer), expected), CancellationToken.None).Score > 0;

    /// <summary>The same as a score, for <c>AnswerCascade</c>.</summary>
    public static double Score(string answer, string expected) => AreEqual(expected, answer) ? 1 : 0;

    private static string Boxed(string answer) => $"\\boxed{{{answer}}}";
}
