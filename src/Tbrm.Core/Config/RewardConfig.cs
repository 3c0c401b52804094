using System.Collections.Generic;

namespace Tbrm.Core.Config;

/// <summary>Section <c>reward</c>: graders.</summary>
public sealed record RewardConfig
{
    /// <summary>Name of a grader for all rows of files; <c>auto</c> = by each row's data source. A task's problems are
    /// graded by its own scorer.</summary>
    public string Grader { get; init; } = "auto";

    /// <summary>Graders by data source (or its beginning and <c>*</c>); these win over <c>grader</c>, over the default
    /// for the data source and over a task's scorer.</summary>
    public Dictionary<string, string> Graders { get; init; } = [];

    /// <summary>Options of the graders, as <c>tbrm-native score</c> takes them; lists and maps too (<c>{command:
    /// [python3, grade.py]}</c>).</summary>
    public Dictionary<string, string> GraderOptions { get; init; } = [];

    /// <summary>Where a task's answer stands in the response.</summary>
    [AllowedWords("text", "tags")]
    [RelevantWhen("problems come from a task")]
    public string AnswerForm { get; init; } = "text";

    /// <summary>
    /// Grades a task's answers by reasoning-gym's <c>score_answer_cascade</c>: the task's scorer, then text, numbers
    /// and formulas more and more
    /// leniently. It can only raise a score.
    /// </summary>
    [RelevantWhen("problems come from a task")]
    public bool TaskCascade { get; init; }

    /// <summary>
    /// Emergency brake per response, seconds of wall clock. The built-in graders count steps, so that an answer's grade
    /// does not depend on how busy
    /// the machine is; only a program of yours that hangs should meet this.
    /// </summary>
    [AllowedRange(0, 86400, ExclusiveMinimum = true)]
    public double TimeoutSeconds { get; init; } = 300;

    /// <summary>
    /// What becomes of a response whose grader failed (time-out, error, a score that is NaN or infinite): <c>drop</c>
    /// leaves it out of loss, reward
    /// normalisation and reward metrics; <c>zero</c> gives it the score 0; <c>stop</c> ends the run with exit code 3.
    /// It is counted in every case.
    /// </summary>
    [AllowedWords("drop", "zero", "stop")]
    public string OnError { get; init; } = "drop";

    /// <summary>
    /// For control experiments: training's rewards come from no grader. <c>zero</c>: every score is 0; <c>random</c>: 0
    /// or 1 with equal chances, by
    /// trainer.seed and the trajectory's number. Evaluations and score metrics keep the grader's.
    /// </summary>
    [AllowedWords("none", "zero", "random")]
    public string Control { get; init; } = "none";

    /// <summary>DAPO's soft punishment of long responses.</summary>
    public OverlongBufferConfig OverlongBuffer { get; init; } = new();

    /// <summary>
    /// Before training, scores every ground truth of the files against itself (of a task, some) and stops when fewer
    /// than this share pass; of
    /// data.val_files it warns. 0 = no test.
    /// </summary>
    [AllowedRange(0, 1)]
    public double SelfTestThreshold { get; init; } = 0.95;
}

/// <summary>Section <c>reward.overlong_buffer</c>: a penalty on responses near data.max_response_length, arXiv
/// 2503.14476 Eq. 13.</summary>
public sealed record OverlongBufferConfig
{
    /// <summary>Adds the penalty to the reward.</summary>
    public bool Enable { get; init; }

    /// <summary>Tokens before the limit over which the penalty grows from 0 to penalty_factor.</summary>
    [AllowedRange(1, 1e6)]
    [RelevantWhen("reward.overlong_buffer.enable=true")]
    public int Len { get; init; } = 4096;

    /// <summary>The penalty at the limit, reward units.</summary>
    [AllowedRange(0, 1e6)]
    [RelevantWhen("reward.overlong_buffer.enable=true")]
    public double PenaltyFactor { get; init; } = 1;
}
