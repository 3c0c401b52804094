namespace Tbrm.Core;

/// <summary>Section <c>reward</c>: graders.</summary>
public sealed record RewardConfig
{
    /// <summary>Name of a grader for all rows; <c>auto</c> = by data source, and a task's own scorer for a task.</summary>
    public string Grader { get; init; } = "auto";

    /// <summary>Where a task's answer stands in the response.</summary>
    [AllowedWords("text", "tags")]
    public string AnswerForm { get; init; } = "text";

    /// <summary>
    /// Judges a task's answers by reasoning-gym's <c>score_answer_cascade</c>: the task's scorer, then text, numbers and formulas more and more
    /// leniently. It can only raise a score.
    /// </summary>
    public bool TaskCascade { get; init; }

    /// <summary>Wall-clock limit per response, seconds.</summary>
    [AllowedRange(0, 86400, ExclusiveMinimum = true)]
    public double TimeoutSeconds { get; init; } = 10;

    /// <summary>Before training, scores ground truths against themselves and stops when fewer than this share pass; 0 = no test.</summary>
    [AllowedRange(0, 1)]
    public double SelfTestThreshold { get; init; } = 0.95;
}
